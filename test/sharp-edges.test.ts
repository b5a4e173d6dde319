// Edges where runners cut their users: globs, hostile names and caches, the lock as a file that is committed and merged.

import { describe, expect, it } from '@jest/globals';
import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { controlled, step, useRig } from './rig.ts';

const rig = useRig();

describe('globs in deps', () => {
  it('notice added, removed and changed matches, and nothing else', async () => {
    rig.write({ 'data/a.csv': '1', 'data/deep/b.csv': '1', 'data/notes.txt': '1' });
    rig.pipeline({ stages: { only: { cmd: step('only'), deps: ['data/**/*.csv'] } } });
    await rig.settle();
    rig.write({ 'data/notes.txt': '2', 'data/more.txt': '1' });
    expect(await rig.states()).toEqual({ only: 'fresh' });
    for (const change of [{ 'data/c.csv': '1' }, { 'data/a.csv': null }, { 'data/deep/b.csv': '2' }]) {
      rig.write(change);
      expect(await rig.states()).toEqual({ only: 'stale' });
      await rig.settle();
    }
  });

  it('are edges to the stages that make what matches', async () => {
    rig.pipeline({
      stages: {
        join: { cmd: step('join', 'cat parts/*.txt > all'), deps: ['parts/*.txt'], outs: ['all'] },
        part: {
          foreach: ['a', 'b'],
          do: { cmd: step('part', 'echo ${item} > parts/${item}.txt'), outs: ['parts/${item}.txt'] },
        },
      },
    });
    await rig.settle(['-j', '4']);
    expect(rig.read('all')).toBe('a\nb\n');
  });
});

describe('names', () => {
  it.each([
    'with space.txt',
    "it's.txt",
    'quo"te.txt',
    '$(touch pwned).txt',
    'semi;touch pwned',
    '-rf',
    'ünï.txt',
    'a\nb.txt',
    '[x].txt',
  ])('a path is only a path, whatever it looks like: %j', async (name) => {
    rig.write({ [`in/${name}`]: '1' });
    rig.pipeline({ stages: { only: { cmd: step('only', 'cp -r in/. res'), deps: ['in'], outs: [`res/${name}`] } } });
    await rig.settle();
    rig.remove('res');
    expect((await rig.good()).restored).toEqual(['only']);
    expect(rig.read(`res/${name}`)).toBe('1');
    expect(rig.files('.').filter((path) => path.endsWith('pwned') && !path.includes(';'))).toEqual([]);
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);
  });

  it.each(['../../escape', 'a/b', '$(touch pwned)', '..', 'con:1'])(
    'a stage name never leads anywhere: %j',
    async (name) => {
      rig.pipeline({ stages: { [name]: { cmd: 'echo 1 > o', outs: ['o'] } } });
      const run = await rig.run(['repro']);
      expect([0, 2]).toContain(run.code);
      for (const args of [['status'], ['logs', name], ['explain', name], ['dag']])
        expect((await rig.run(args)).code).not.toBeNull();
      expect([rig.has('pwned'), rig.has('../escape'), rig.has('../../escape')]).toEqual([false, false, false]);
      const allowed = /^(cache|\.dagrun)\/|^(o|pipeline\.(yaml|lock))$/;
      expect(rig.files('.').filter((path) => !allowed.test(path))).toEqual([]);
    },
  );

  it('values that a foreach brings in are given to the command as they are', async () => {
    rig.pipeline({
      stages: {
        only: { foreach: ['x-1', 'y_2', '3.5'], do: { cmd: 'echo ${item} > o-${item}', outs: ['o-${item}'] } },
      },
    });
    expect([...(await rig.good()).executed].sort()).toEqual(['only@3.5', 'only@x-1', 'only@y_2']);
  });
});

describe('a hostile cache', () => {
  it.each(['../escaped', '../../escaped', '/elsewhere/escaped', 'pipeline.yaml', 'sub/../../escaped'])(
    'a run entry that names %s writes nothing there, and is no hit',
    async (path) => {
      rig.pipeline({ stages: { only: { cmd: step('only', 'echo 1 > o'), outs: ['o'] } } });
      await rig.settle();
      const pipeline = rig.read('pipeline.yaml');
      for (const entry of rig.files('cache/runs'))
        rig.damage(entry, rig.read(entry).replaceAll('"o"', JSON.stringify(path)));
      rig.remove('o', 'pipeline.lock');
      expect((await rig.good()).executed).toEqual(['only']);
      expect([rig.has('../escaped'), rig.has('../../escaped')]).toEqual([false, false]);
      expect(rig.read('pipeline.yaml')).toBe(pipeline);
    },
  );

  it('an object that is a link to a file outside is not followed into an out', async () => {
    rig.write({ '../secret': 'secret\n' });
    rig.pipeline({ stages: { only: { cmd: step('only', 'echo normal > o'), outs: ['o'] } } });
    await rig.settle();
    const [object] = rig.objectsWith('normal\n');
    rig.remove('o', object!);
    symlinkSync(rig.path('../secret'), rig.path(object!));
    expect((await rig.good()).executed).toEqual(['only']);
    expect(rig.read('o')).toBe('normal\n');
    expect(rig.read('../secret')).toBe('secret\n');
  });

  it('a folder above an out that was replaced by a link leads nowhere', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', 'mkdir -p res && echo 1 > res/o'), outs: ['res/o'] } } });
    await rig.settle();
    rig.remove('res');
    mkdirSync(rig.path('../outside'));
    symlinkSync('../outside', rig.path('res'));
    for (const args of [['repro'], ['checkout', '--force']]) {
      const run = await rig.run(args);
      expect(run.code).toBe(1);
      expect(run.output).toMatch(/res\/o.*link/);
    }
    expect(rig.files('../outside')).toEqual([]);
  });
});

describe('the lock', () => {
  const pipeline = {
    stages: Object.fromEntries(
      ['a', 'b', 'c', 'd'].map((name) => [
        name,
        { cmd: step(name, `cp seed ${name}.txt`), deps: ['seed'], outs: [`${name}.txt`] },
      ]),
    ),
  };

  it('is the same text whatever the order in which stages ended', async () => {
    for (const root of ['.', '../two']) {
      rig.write({ [`${root}/seed`]: '1' });
      rig.pipeline(pipeline, `${root}/pipeline.yaml`);
    }
    await rig.settle(['-j', '4']);
    for (const target of ['d', 'b', 'a', 'c']) await rig.settle([target], { cwd: '../two' });
    expect(rig.read('../two/pipeline.lock')).toBe(rig.read('pipeline.lock'));
  });

  it('holds no machine path, time or host', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(pipeline);
    await rig.settle();
    expect(rig.read('pipeline.lock')).not.toContain(rig.root);
    expect(rig.read('pipeline.lock')).not.toMatch(/\d{4}-\d{2}-\d{2}T|"(at|host|seconds)"/);
  });

  it('forgets stages that the pipeline no longer has', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(pipeline);
    await rig.settle();
    const { a: _, ...rest } = pipeline.stages;
    expect(_).toBeDefined();
    rig.pipeline({ stages: rest });
    await rig.settle();
    expect(rig.read('pipeline.lock')).not.toContain('"a"');
    expect(rig.read('pipeline.lock')).toContain('"b"');
  });

  it('does not change when nothing does', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(pipeline);
    await rig.settle();
    const inode = rig.inode('pipeline.lock');
    await rig.settle();
    await rig.run(['status']);
    expect(rig.inode('pipeline.lock')).toBe(inode);
  });

  it('has an entry as soon as a stage is done, not only at the end', async () => {
    rig.pipeline({
      stages: {
        quick: { cmd: step('quick', 'echo 1 > q'), outs: ['q'] },
        slow: { cmd: controlled('slow'), deps: ['q'] },
      },
    });
    const run = rig.start(['repro']);
    const slow = await rig.started('slow');
    await run.waitFor(() => rig.has('pipeline.lock') && rig.read('pipeline.lock').includes('"quick"'));
    await slow.exit(0);
    expect((await run.end()).code).toBe(0);
  });
});

describe('the workspace', () => {
  it('may be reached through a link', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({ stages: { only: { cmd: step('only', 'cp seed o'), deps: ['seed'], outs: ['o'] } } });
    await rig.settle();
    symlinkSync('ws', rig.path('../link'));
    expect(await rig.states(['-C', rig.path('../link')])).toEqual({ only: 'fresh' });
  });

  it('may be moved: everything stays fresh', async () => {
    rig.write({ '../before/seed': '1' });
    rig.pipeline(
      { stages: { only: { cmd: step('only', 'cp seed o'), deps: ['seed'], outs: ['o'] } } },
      '../before/pipeline.yaml',
    );
    await rig.settle([], { cwd: '../before' });
    renameSync(rig.path('../before'), rig.path('../after'));
    expect(await rig.states([], { cwd: '../after' })).toEqual({ only: 'fresh' });
  });

  it('a dep that is a link counts with the content that it leads to', async () => {
    rig.write({ '../outside/data': '1' });
    symlinkSync('../outside/data', rig.path('link'));
    rig.pipeline({ stages: { only: { cmd: step('only'), deps: ['link'] } } });
    await rig.settle();
    expect(await rig.states()).toEqual({ only: 'fresh' });
    rig.write({ '../outside/data': '2' });
    expect(await rig.states()).toEqual({ only: 'stale' });
  });

  it('a dep outside of the workspace counts as well', async () => {
    rig.write({ '../shared.txt': '1' });
    rig.pipeline({ stages: { only: { cmd: step('only'), deps: ['../shared.txt'] } } });
    await rig.settle();
    expect(await rig.states()).toEqual({ only: 'fresh' });
    rig.write({ '../shared.txt': '2' });
    expect(await rig.states()).toEqual({ only: 'stale' });
  });

  it('a dep folder with a circle of links ends', async () => {
    rig.write({ 'data/a': '1' });
    symlinkSync('..', rig.path('data/up'));
    rig.pipeline({ stages: { only: { cmd: step('only'), deps: ['data'] } } });
    await rig.settle();
    expect(Object.keys(await rig.states())).toEqual(['only']);
  });
});

describe('targets that are paths', () => {
  it.each([
    ['sub', '../made/one'],
    ['sub', 'two'],
    ['sub', 'made/one'],
    ['..', 'ws/sub/two'],
    ['.', './sub//two'],
  ])('are meant from where the user is, then from the root: in %s %s', async (cwd, target) => {
    rig.pipeline({
      stages: {
        one: { cmd: step('one', 'echo 1 > made/one'), outs: ['made/one'] },
        two: { cmd: step('two', 'echo 2 > sub/two'), outs: ['sub/two'] },
      },
    });
    mkdirSync(rig.path('sub'));
    const file = cwd === '..' ? ['--file', 'ws/pipeline.yaml'] : [];
    const run = await rig.good([target, ...file], { cwd });
    expect(run.executed).toEqual([target.endsWith('one') ? 'one' : 'two']);
  });
});
