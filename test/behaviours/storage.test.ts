// Behaviours 56–66: the cache and the lock as files that others may damage, share or lock.

import { describe, expect, it } from '@jest/globals';
import { chmodSync, lstatSync, mkdirSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import { controlled, step, useRig } from '../rig.ts';
import type { Finished } from '../rig.ts';

const rig = useRig();

async function refused(pipeline: object | string): Promise<string> {
  rig.pipeline(pipeline);
  const run = await rig.run(['repro']);
  expect({ code: run.code, executed: rig.executed() }).toEqual({ code: 2, executed: [] });
  return run.stderr;
}

const folderStage =
  'mkdir -p d/empty d/sub && echo a > d/a && echo b > d/sub/b && echo "#!/bin/sh" > d/tool && chmod +x d/tool && ln -s sub/b d/link && ln -s sub d/linked-folder';

describe('storage, locking, parsing', () => {
  it.each(['hardlink', 'symlink'])('56. a linked out edited in place never poisons the cache: %s', async (link) => {
    rig.write({ seed: 'right' });
    rig.pipeline({
      cache: { link },
      stages: {
        first: { cmd: step('first', 'cp seed one'), deps: ['seed'], outs: ['one'] },
        second: { cmd: step('second', 'cp one two'), deps: ['one'], outs: ['two'] },
      },
    });
    await rig.settle();
    rig.remove('one', 'two');
    await rig.settle();
    // With links the object itself changes, and its read-only mode is no hindrance to whoever insists.
    chmodSync(rig.path('one'), 0o644);
    rig.write({ one: 'wrong' });
    expect((await rig.states())['first']).not.toBe('fresh');
    await rig.good();
    expect([rig.read('one'), rig.read('two')]).toEqual(['right', 'right']);
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);
    rig.remove('one', 'two', 'pipeline.lock');
    await rig.settle();
    expect([rig.read('one'), rig.read('two')]).toEqual(['right', 'right']);
  });

  it.each([
    ['text', 'nonsense\n'],
    ['empty', ''],
    ['a path that leaves the folder', 'dagrun-manifest 1\nf 00000000000000000000000000000000 1 "../../escaped"\n'],
  ])('57. a damaged manifest (%s) is a miss, and never written out', async (_, text) => {
    rig.pipeline({ stages: { only: { cmd: step('only', folderStage), outs: ['d'] } } });
    await rig.settle();
    const [manifest] = rig.files('cache/objects').filter((path) => rig.read(path).startsWith('dagrun-manifest'));
    rig.damage(manifest!, text);
    rig.remove('d');
    const run = await rig.run(['repro']);
    expect(run.code).toBe(0);
    expect(run.output).toMatch(/corrupt|damaged/i);
    expect(rig.executed()).toEqual(['only']);
    expect(rig.has('../escaped') || rig.has('escaped')).toBe(false);
    rig.remove('d');
    expect((await rig.repro()).restored).toEqual(['only']);
  });

  it('58. checkout replaces only what differs', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', folderStage), outs: ['d'] } } });
    await rig.settle();
    const kept = rig.inode('d/sub/b');
    rig.write({ 'd/a': 'edited', 'd/extra/file': 'x' });
    chmodSync(rig.path('d/tool'), 0o644);
    expect((await rig.run(['checkout', '--force'])).code).toBe(0);
    expect(rig.inode('d/sub/b')).toBe(kept);
    expect(rig.read('d/a')).toBe('a\n');
    expect(rig.has('d/extra')).toBe(false);
    expect(statSync(rig.path('d/tool')).mode & 0o111).not.toBe(0);
    expect((await rig.states())['only']).toBe('fresh');
  });

  it('58. the executable bit, symlinks and empty folders survive the round trip', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', folderStage), outs: ['d'] } } });
    await rig.settle();
    rig.remove('d', 'pipeline.lock');
    expect((await rig.repro()).restored).toEqual(['only']);
    expect(statSync(rig.path('d/tool')).mode & 0o111).not.toBe(0);
    expect(statSync(rig.path('d/a')).mode & 0o111).toBe(0);
    expect([readlinkSync(rig.path('d/link')), readlinkSync(rig.path('d/linked-folder'))]).toEqual(['sub/b', 'sub']);
    expect(lstatSync(rig.path('d/empty')).isDirectory()).toBe(true);
    expect(rig.read('d/link')).toBe('b\n');
    expect((await rig.states())['only']).toBe('fresh');
  });

  it('58. the executable bit of an out that is a file survives the round trip', async () => {
    rig.pipeline({
      stages: { only: { cmd: step('only', 'echo x > tool; chmod +x tool; echo x > plain'), outs: ['tool', 'plain'] } },
    });
    await rig.settle();
    rig.remove('tool', 'plain');
    expect((await rig.repro()).restored).toEqual(['only']);
    expect([statSync(rig.path('tool')).mode & 0o100, statSync(rig.path('plain')).mode & 0o100]).toEqual([0o100, 0]);
    chmodSync(rig.path('tool'), 0o644);
    expect((await rig.states())['only']).toBe('restorable');
  });

  it('58. a symlink that was put in place of an out is replaced, not followed', async () => {
    rig.write({ 'precious/a': 'precious' });
    rig.pipeline({ stages: { only: { cmd: step('only', folderStage), outs: ['d'] } } });
    await rig.settle();
    rig.remove('d');
    symlinkSync('precious', rig.path('d'));
    await rig.good();
    expect(lstatSync(rig.path('d')).isSymbolicLink()).toBe(false);
    expect(rig.files('precious')).toEqual(['precious/a']);
    expect(rig.read('precious/a')).toBe('precious');
  });

  it('59. an empty folder as an out is recreated', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', 'mkdir d'), outs: ['d'] } } });
    await rig.settle();
    rig.remove('d');
    expect((await rig.repro()).restored).toEqual(['only']);
    expect(lstatSync(rig.path('d')).isDirectory()).toBe(true);
    expect(rig.executed()).toEqual([]);
  });

  it('60. ignored files do not affect the hash of a folder', async () => {
    rig.write({
      '.dagrunignore': '*.tmp\n/data/scratch/\n!keep.tmp\n',
      'data/a': '1',
      'data/x.tmp': '1',
      'data/scratch/y': '1',
    });
    rig.pipeline({ stages: { only: { cmd: step('only', 'ls data > o'), deps: ['data'], outs: ['o'] } } });
    await rig.settle();
    rig.write({ 'data/x.tmp': '2', 'data/new.tmp': '1', 'data/scratch/z': '2' });
    expect(await rig.states()).toEqual({ only: 'fresh' });
    rig.write({ 'data/keep.tmp': '1' });
    expect(await rig.states()).toEqual({ only: 'stale' });
    rig.write({ 'data/keep.tmp': null, 'data/sub/b': '1' });
    expect(await rig.states()).toEqual({ only: 'stale' });
  });

  it('60. a changed ignore file is noticed', async () => {
    rig.write({ 'data/a': '1', 'data/x.log': '1' });
    rig.pipeline({ stages: { only: { cmd: step('only'), deps: ['data'] } } });
    await rig.settle();
    rig.write({ '.dagrunignore': '*.log\n' });
    expect(await rig.states()).toEqual({ only: 'stale' });
    await rig.settle();
    rig.write({ 'data/x.log': '2' });
    expect(await rig.states()).toEqual({ only: 'fresh' });
  });

  it('60. an out that is ignored is an error', async () => {
    rig.write({ '.dagrunignore': 'scratch/\n' });
    const said = await refused({
      stages: { only: { cmd: step('only', 'mkdir scratch && touch scratch/o'), outs: ['scratch/o'] } },
    });
    expect(said).toContain('scratch/o');
    expect(said).toMatch(/ignore/i);
  });

  it('61. a second runner in the same workspace gets a clear error that names pid and command', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const first = rig.start(['repro', '-j', '3']);
    const command = await rig.started('only');
    const second = await rig.run(['repro']);
    expect(second.code).toBe(3);
    expect(second.stderr).toContain(String(first.pid));
    expect(second.stderr).toContain('repro');
    expect(second.stderr).toContain('--wait');
    // Reading is no business of a lock.
    expect((await rig.run(['status'])).code).toBe(0);
    await command.exit(0);
    expect((await first.end()).code).toBe(0);
  });

  it('61. a second runner waits with --wait', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const first = rig.start(['repro']);
    const command = await rig.started('only');
    const second = rig.start(['repro', '--json', '--wait']);
    await second.waitFor(() => /wait/i.test(second.stdout + second.stderr));
    await command.exit(0);
    expect((await first.end()).code).toBe(0);
    const end = await second.end();
    expect(end.code).toBe(0);
    expect(end.stdout).toContain('"stage-skipped"');
    expect(rig.executed()).toEqual(['only']);
  });

  it("61. a dead owner's lock is taken over", async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const first = rig.start(['repro']);
    await rig.started('only');
    first.signal('SIGKILL');
    await first.end();
    const second = rig.start(['repro']);
    await (await rig.started('only')).exit(0);
    expect((await second.end()).code).toBe(0);
  });

  it('62. two workspaces on one cache folder run at once safely', async () => {
    const pipeline = {
      stages: Object.fromEntries(
        ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [
          name,
          {
            cmd: step(name, `mkdir out-${name}; for i in 1 2 3 4 5; do echo ${name}$i > out-${name}/$i; done`),
            outs: [`out-${name}`],
          },
        ]),
      ),
    };
    const env = { DAGRUN_CACHE_DIR: rig.path('../shared-cache') };
    const workspaces = ['../one', '../two'];
    for (const workspace of workspaces) {
      mkdirSync(rig.path(workspace));
      rig.pipeline(pipeline, `${workspace}/pipeline.yaml`);
    }
    const ends = await Promise.all(workspaces.map((cwd) => rig.repro(['-j', '2'], { cwd, env })));
    for (const end of ends) {
      expect(end.code).toBe(0);
      expect(end.executed.length + end.restored.length).toBe(6);
    }
    expect((await rig.run(['cache', 'verify'], { cwd: '../one', env })).code).toBe(0);
    for (const cwd of workspaces) expect(rig.files(`${cwd}/out-f`)).toHaveLength(5);
    rig.executed();
    rig.remove('../one/out-a', '../two/out-b');
    await Promise.all(workspaces.map((cwd) => rig.repro([], { cwd, env })));
    expect(rig.executed()).toEqual([]);
  });

  it('62. what one workspace ran, another restores', async () => {
    const env = { DAGRUN_CACHE_DIR: rig.path('../shared-cache') };
    const pipeline = { stages: { only: { cmd: step('only', 'echo 1 > o'), outs: ['o'] } } };
    rig.pipeline(pipeline);
    rig.pipeline(pipeline, '../two/pipeline.yaml');
    await rig.settle([], { env });
    expect((await rig.repro([], { cwd: '../two', env })).restored).toEqual(['only']);
    expect(rig.executed()).toEqual([]);
    expect(rig.has('cache')).toBe(false);
  });

  const lockFaults: readonly (readonly [string, (lock: string) => string, RegExp])[] = [
    ['cut off', (lock) => lock.slice(0, lock.length / 2), /^pipeline\.lock:\d+/m],
    ['empty', () => '', /^pipeline\.lock:1/m],
    [
      'of an unknown version',
      (lock) => lock.replace(/"version":\s*\d+/, '"version": 999'),
      /^pipeline\.lock:\d+.*(version|999)/m,
    ],
    ['of the wrong shape', (lock) => lock.replace(/"only": \{/, '"only": 5, "x": {'), /^pipeline\.lock:\d+/m],
    ['with a bad digest', (lock) => lock.replace(/"digest": "../, '"digest": "zz'), /^pipeline\.lock:\d+/m],
    ['a list', () => '[]\n', /^pipeline\.lock:1/m],
    ['in conflict', (lock) => `<<<<<<< HEAD\n${lock}=======\n${lock}>>>>>>> other\n`, /^pipeline\.lock:1:.*conflict/m],
  ];
  it.each(lockFaults)(
    '63. a lock that is %s is an error naming file and line, never a silent rerun',
    async (_, damage, message) => {
      rig.write({ seed: '1' });
      rig.pipeline({ stages: { only: { cmd: step('only', 'cp seed o'), deps: ['seed'], outs: ['o'] } } });
      await rig.settle();
      const damaged = damage(rig.read('pipeline.lock'));
      expect(damaged).not.toBe(rig.read('pipeline.lock'));
      rig.write({ 'pipeline.lock': damaged });
      for (const name of ['repro', 'status']) {
        const run = await rig.run([name]);
        expect([run.code, run.stdout]).toEqual([2, '']);
        expect(run.stderr).toMatch(message);
        expect(run.stderr).toContain('hint:');
      }
      expect(rig.executed()).toEqual([]);
      expect(rig.read('pipeline.lock')).toBe(damaged);
    },
  );

  it.each(['../../escaped', '/elsewhere/escaped'])(
    '63. a lock that names an out outside the workspace is never followed: %s',
    async (path) => {
      rig.pipeline({ stages: { only: { cmd: step('only', 'echo 1 > o'), outs: ['o'] } } });
      await rig.settle();
      rig.write({ 'pipeline.lock': rig.read('pipeline.lock').replaceAll('"o"', JSON.stringify(path)) });
      rig.remove('o');
      const run: Finished = await rig.run(['checkout']);
      expect(run.code).toBeGreaterThan(0);
      expect(rig.has('../../escaped')).toBe(false);
    },
  );

  it.each([
    ['an unknown variable', 'stages:\n  only:\n    cmd: echo ${nope.deep}\n', 3, 'nope'],
    [
      'an unknown key of a known variable',
      'vars:\n  - model: {units: 3}\nstages:\n  only:\n    cmd: echo ${model.unitz}\n',
      5,
      'unitz',
    ],
    [
      'a list of an unknown foreach',
      'stages:\n  only:\n    foreach: ${models}\n    do:\n      cmd: echo ${item}\n',
      3,
      'models',
    ],
    [
      'a missing item key',
      'stages:\n  only:\n    foreach:\n      a: {x: 1}\n    do:\n      cmd: echo ${item.y}\n',
      6,
      'y',
    ],
  ])('64. template errors point at file, line, column and key: %s', async (_, text, line, key) => {
    const said = await refused(text);
    expect(said).toMatch(new RegExp(`^pipeline\\.yaml:${line}:\\d+: `, 'm'));
    expect(said).toContain(key);
  });

  it('65. gc without a scope is refused', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', 'echo 1 > o'), outs: ['o'] } } });
    await rig.settle();
    const before = rig.snapshot();
    const run = await rig.run(['gc']);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain('--workspace');
    expect(rig.snapshot()).toEqual(before);
  });

  it('65. what a kept lock references stays', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({ stages: { only: { cmd: step('only', 'mkdir d && cp seed d/x'), deps: ['seed'], outs: ['d'] } } });
    await rig.settle();
    for (const args of [['--workspace'], ['--older-than', '0d'], ['--keep-last', '1']]) {
      expect((await rig.run(['gc', ...args])).code).toBe(0);
      rig.remove('d');
      expect((await rig.repro()).restored).toEqual(['only']);
    }
    expect(rig.executed()).toEqual([]);
  });

  it('66. Windows-style and non-normal paths are normalised', async () => {
    rig.write({ 'data/in.txt': '1' });
    rig.pipeline({
      stages: {
        only: {
          cmd: step('only', 'mkdir -p res && cp data/in.txt res/o'),
          deps: ['data\\in.txt'],
          outs: ['./res//x/../o'],
        },
      },
    });
    await rig.settle();
    rig.pipeline({
      stages: {
        only: { cmd: step('only', 'mkdir -p res && cp data/in.txt res/o'), deps: ['./data/in.txt'], outs: ['res/o'] },
      },
    });
    expect(await rig.states()).toEqual({ only: 'fresh' });
  });

  it.each([
    ['a drive letter', 'C:\\data\\in.txt'],
    ['an empty path', ''],
    ['a NUL byte', 'a\u0000b'],
  ])('66. paths that mean nothing here are refused: %s', async (_, path) => {
    const said = await refused({ stages: { only: { cmd: step('only'), deps: [path] } } });
    expect(said).toMatch(/^pipeline\.yaml:\d+:\d+: /m);
  });
});
