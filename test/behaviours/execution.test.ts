// Behaviours 33–43: what happens while commands run, fail, or are killed.

import { describe, expect, it } from '@jest/globals';
import { chmodSync } from 'node:fs';
import { controlled, isAlive, step, useRig } from '../rig.ts';

const rig = useRig();

describe('execution and failure', () => {
  it('33. a list of commands stops at the first failure', async () => {
    rig.pipeline({ stages: { only: { cmd: [step('one'), step('two', 'exit 7'), step('three')] } } });
    const run = await rig.repro();
    expect(run.code).toBe(1);
    expect(rig.executed()).toEqual(['one', 'two']);
    expect(run.events.find((event) => event.kind === 'stage-failed')!['message']).toContain('7');
  });

  it('33. each command of a list starts in the working folder', async () => {
    rig.write({ 'sub/x': '' });
    rig.pipeline({
      stages: {
        only: { wdir: 'sub', cmd: ['mkdir -p deep && cd deep && pwd > ../one', 'pwd > two'], outs: ['one', 'two'] },
      },
    });
    await rig.settle();
    expect([rig.read('sub/one'), rig.read('sub/two')]).toEqual([`${rig.path('sub/deep')}\n`, `${rig.path('sub')}\n`]);
  });

  it('34. a failing stage leaves no new lock entry; finished upstream entries stay', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({
      stages: {
        up: { cmd: step('up', 'cp seed u'), deps: ['seed'], outs: ['u'] },
        bad: { cmd: step('bad', 'cp u b; exit 1'), deps: ['u'], outs: ['b'] },
      },
    });
    const run = await rig.repro();
    expect([run.code, run.executed, run.failed]).toEqual([1, ['up'], ['bad']]);
    expect(rig.read('pipeline.lock')).toContain('"up"');
    expect(rig.read('pipeline.lock')).not.toContain('"bad"');
    rig.executed();
    expect((await rig.repro()).code).toBe(1);
    expect(rig.executed()).toEqual(['bad']);
  });

  it('34. a stage that fails keeps the entry of its last good run', async () => {
    rig.write({ seed: '0' });
    rig.pipeline({
      stages: { only: { cmd: step('only', 'cp seed o; exit $(cat seed)'), deps: ['seed'], outs: ['o'] } },
    });
    await rig.settle();
    const lock = rig.read('pipeline.lock');
    rig.write({ seed: '3' });
    expect((await rig.repro()).code).toBe(1);
    expect(rig.read('pipeline.lock')).toBe(lock);
    expect((await rig.states())['only']).toBe('stale');
    rig.write({ seed: '0' });
    expect((await rig.repro()).restored).toEqual(['only']);
  });

  it('35. exit 0 with a declared out missing: the stage fails and names the out', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', 'touch here'), outs: ['here', 'not-here'] } } });
    const run = await rig.run(['repro']);
    expect(run.code).toBe(1);
    expect(run.output).toContain('not-here');
    expect(rig.has('pipeline.lock') && rig.read('pipeline.lock').includes('"only"')).toBe(false);
    expect((await rig.states())['only']).toBe('stale');
  });

  it.each(['dep', 'param'])('36. a missing %s stops the stage before its old outs are deleted', async (what) => {
    rig.write({ seed: '1', 'params.yaml': 'p: 1\n' });
    rig.pipeline({ stages: { only: { cmd: step('only', 'cp seed o'), deps: ['seed'], params: ['p'], outs: ['o'] } } });
    await rig.settle();
    const lock = rig.read('pipeline.lock');
    rig.write(what === 'dep' ? { seed: null } : { 'params.yaml': 'q: 1\n' });
    const run = await rig.run(['repro']);
    expect(run.code).toBeGreaterThan(0);
    expect(run.output).toContain(what === 'dep' ? 'seed' : 'p');
    expect((await rig.run(['repro', '-f'])).code).toBeGreaterThan(0);
    expect(rig.executed()).toEqual([]);
    expect([rig.read('o'), rig.read('pipeline.lock')]).toEqual(['1', lock]);
  });

  it('36. a missing dep is reported by status, and by repro with a hint', async () => {
    rig.write({ 'data/train.csv': '1' });
    rig.pipeline({ stages: { only: { cmd: step('only'), deps: ['data/trian.csv'] } } });
    expect((await rig.status())['only']!.reasons).toContainEqual(
      expect.objectContaining({ kind: 'dep-missing', path: 'data/trian.csv' }),
    );
    const run = await rig.run(['repro']);
    expect(run.code).toBeGreaterThan(0);
    expect(run.output).toContain('data/trian.csv');
    expect(run.output).toContain('hint:');
  });

  it('37. outs are removed before a run', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({
      stages: {
        only: {
          cmd: step('only', 'test ! -e o && test ! -e d && cp seed o && mkdir -p d && cp seed "d/$(cat seed)"'),
          deps: ['seed'],
          outs: ['o', 'd'],
        },
      },
    });
    await rig.settle();
    rig.write({ seed: '2' });
    await rig.good();
    expect(rig.files('d')).toEqual(['d/2']);
  });

  it('37. folders that outs lie in are made before a run', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', 'echo 1 > a/b/c/o'), outs: ['a/b/c/o'] } } });
    await rig.good();
  });

  it.each(['copy', 'hardlink', 'symlink'])(
    '37. persist outs are kept, and the cache cannot be edited through them: link %s',
    async (link) => {
      rig.write({ seed: '1' });
      rig.pipeline({
        cache: { link },
        stages: {
          only: { cmd: step('only', 'cat seed >> grown'), deps: ['seed'], outs: [{ grown: { persist: true } }] },
        },
      });
      await rig.settle();
      // Through the cache once, so that the file is a link where links were asked for.
      rig.remove('grown');
      expect((await rig.repro()).restored).toEqual(['only']);
      rig.write({ seed: '2' });
      await rig.settle();
      expect(rig.read('grown')).toBe('12');
      expect((await rig.run(['cache', 'verify'])).code).toBe(0);
      expect(rig.objectsWith('1')).toHaveLength(1);
      expect(rig.objectsWith('12')).toHaveLength(1);
    },
  );

  it('37. a persist folder is kept and grows', async () => {
    rig.write({ seed: 'a' });
    rig.pipeline({
      stages: {
        only: {
          cmd: step('only', 'mkdir -p d && touch "d/$(cat seed)"'),
          deps: ['seed'],
          outs: [{ d: { persist: true } }],
        },
      },
    });
    await rig.settle();
    rig.write({ seed: 'b' });
    await rig.settle();
    expect(rig.files('d')).toEqual(['d/a', 'd/b']);
  });

  const withFailure = {
    stages: {
      bad: { cmd: step('bad', 'cp seed b; exit 1'), deps: ['seed'], outs: ['b'] },
      child: { cmd: step('child', 'cp b c'), deps: ['b'], outs: ['c'] },
      grandchild: { cmd: step('grandchild', 'cp c g'), deps: ['c'], outs: ['g'] },
      apart: { cmd: step('apart', 'cp seed a'), deps: ['seed'], outs: ['a'] },
      beyond: { cmd: step('beyond', 'cp a y'), deps: ['a'], outs: ['y'] },
    },
  };

  it('38. without a flag nothing is started after a failure', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(withFailure);
    const run = await rig.repro(['-j', '1', 'bad', 'beyond']);
    expect(run.code).toBe(1);
    expect(rig.executed()).toEqual(['bad']);
  });

  it('38. --keep-going: only descendants of the failure are skipped, the exit code is non-zero', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(withFailure);
    const run = await rig.repro(['--keep-going']);
    expect(run.code).toBe(1);
    expect(rig.executed().sort()).toEqual(['apart', 'bad', 'beyond']);
    expect([...run.blocked].sort()).toEqual(['child', 'grandchild']);
    expect(run.events.filter((event) => event.kind === 'stage-blocked').map((event) => event['by'])).toEqual([
      'bad',
      'bad',
    ]);
    expect(run.summary).toMatchObject({ executed: 2, failed: 1, blocked: 2 });
  });

  it('38. --ignore-errors tries descendants too, and still exits non-zero', async () => {
    rig.write({ seed: '1' });
    rig.pipeline(withFailure);
    const run = await rig.repro(['--ignore-errors']);
    expect(run.code).toBe(1);
    expect(rig.executed().sort()).toEqual(['apart', 'bad', 'beyond', 'child', 'grandchild']);
    expect(run.failed).toEqual(['bad']);
  });

  it.each([
    ['before anything ran', () => undefined],
    ['with everything fresh', () => rig.settle()],
    [
      'with a stale stage',
      async () => {
        await rig.settle();
        rig.write({ seed: '2' });
      },
    ],
    [
      'with a restorable stage',
      async () => {
        await rig.settle();
        rig.remove('one', 'pipeline.lock');
      },
    ],
  ])('39. --dry changes no file: %s', async (_, prepare) => {
    rig.write({ seed: '1' });
    rig.pipeline({
      stages: {
        first: { cmd: step('first', 'cp seed one'), deps: ['seed'], outs: ['one'] },
        second: { cmd: step('second', 'cp one two'), deps: ['one'], outs: ['two'] },
      },
    });
    await prepare();
    const before = rig.snapshot();
    for (const args of [['repro', '--dry'], ['repro', '--dry', '-f'], ['status'], ['explain', 'first'], ['dag']])
      expect((await rig.run(args)).code).toBe(0);
    expect(rig.snapshot()).toEqual(before);
    expect(rig.executed()).toEqual([]);
  });

  it('40. a dep edited while the stage runs: the stage fails and a stale out never looks current', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({ stages: { only: { cmd: controlled('only'), deps: ['seed'], outs: ['o'] } } });
    const run = rig.start(['repro']);
    const command = await rig.started('only');
    rig.write({ seed: '2' });
    await command.write('o', 'made from 1');
    await command.exit(0);
    const end = await run.end();
    expect(end.code).toBe(1);
    expect(end.output).toContain('seed');
    expect((await rig.states())['only']).not.toBe('fresh');
    expect(rig.files('cache/runs')).toEqual([]);

    rig.write({ seed: '1' });
    expect((await rig.states())['only']).toBe('stale');
    const again = rig.start(['repro']);
    const second = await rig.started('only');
    await second.write('o', 'made from 1');
    await second.exit(0);
    expect((await again.end()).code).toBe(0);
  });

  it('40. a dep edited by the stage itself is no success either; commit accepts what is there', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({
      stages: { only: { cmd: step('only', 'cp seed o; echo changed > seed'), deps: ['seed'], outs: ['o'] } },
    });
    expect((await rig.repro()).code).toBe(1);
    expect((await rig.run(['commit', 'only'])).code).toBe(0);
    expect((await rig.states())['only']).toBe('fresh');
    rig.executed();
    expect((await rig.repro()).skipped).toEqual(['only']);
  });

  it('40. a param edited while the stage runs: what is recorded is the value it started from, or nothing', async () => {
    rig.write({ 'params.yaml': 'p: 1\n' });
    rig.pipeline({ stages: { only: { cmd: controlled('only'), params: ['p'], outs: ['o'] } } });
    const run = rig.start(['repro']);
    const command = await rig.started('only');
    rig.write({ 'params.yaml': 'p: 2\n' });
    await command.write('o', 'made with 1');
    await command.exit(0);
    await run.end();
    expect((await rig.states())['only']).toBe('stale');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '41. %s: the whole process group ends, the lock is unchanged, the next run is clean',
    async (signal) => {
      rig.write({ seed: '1' });
      rig.pipeline({
        stages: {
          first: { cmd: step('first', 'cp seed one'), deps: ['seed'], outs: ['one'] },
          // The shell waits for a grandchild: signalling only the direct child would leave it behind.
          second: {
            cmd: 'echo second >> "$RIG_LOG"; "$RIG_NODE" "$RIG_FAKE" inner; cp one two',
            deps: ['one'],
            outs: ['two'],
          },
        },
      });
      await rig.settle(['first']);
      const lock = rig.read('pipeline.lock');
      const run = rig.start(['repro']);
      const inner = await rig.started('inner');
      run.signal(signal);
      const end = await run.end();
      expect(end.code).toBe(130);
      expect(isAlive(inner.pid)).toBe(false);
      expect(rig.read('pipeline.lock')).toBe(lock);
      expect(rig.has('two')).toBe(false);

      const again = rig.start(['repro']);
      await (await rig.started('inner')).exit(0);
      expect((await again.end()).code).toBe(0);
      expect(await rig.states()).toEqual({ first: 'fresh', second: 'fresh' });
    },
  );

  it('41. a command that ignores the signal is killed in the end', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const run = rig.start(['repro']);
    const command = await rig.started('only');
    await command.ignore('SIGTERM');
    await command.ignore('SIGINT');
    await command.ignore('SIGHUP');
    run.signal('SIGINT');
    const end = await run.end();
    expect(end.code).toBe(130);
    expect(isAlive(command.pid)).toBe(false);
    expect((await rig.run(['status'])).code).toBe(0);
  });

  it('42. kill -9 of the runner while stages run: no child stays, no false hit, the next run completes', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({
      stages: {
        done: { cmd: step('done', 'cp seed d'), deps: ['seed'], outs: ['d'] },
        left: { cmd: controlled('left'), deps: ['d'], outs: ['l'] },
        right: { cmd: controlled('right'), deps: ['d'], outs: ['r'] },
        join: { cmd: step('join', 'cat l r > j'), deps: ['l', 'r'], outs: ['j'] },
      },
    });
    const run = rig.start(['repro', '-j', '2']);
    const [left, right] = await Promise.all([rig.started('left'), rig.started('right')]);
    await left.write('l', 'half writ');
    run.signal('SIGKILL');
    await run.end();
    await Promise.all([left.ended, right.ended]);
    expect(isAlive(left.pid) || isAlive(right.pid)).toBe(false);
    expect(await rig.states()).toMatchObject({ left: 'stale', right: 'stale', join: 'unknown' });
    expect((await rig.run(['cache', 'verify'])).code).toBe(0);

    rig.executed();
    const again = rig.start(['repro', '-j', '2']);
    for (const [name, out] of [
      ['left', 'l'],
      ['right', 'r'],
    ] as const) {
      const command = await rig.started(name);
      await command.write(out, name);
      await command.exit(0);
    }
    expect((await again.end()).code).toBe(0);
    expect(rig.executed().sort()).toEqual(['join', 'left', 'right']);
    expect(rig.read('j')).toBe('leftright');
  });

  it('42. what a killed run left in an out folder is gone before the next run', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only'), outs: ['d'] } } });
    const run = rig.start(['repro']);
    const command = await rig.started('only');
    await command.write('d/half', 'x');
    run.signal('SIGKILL');
    await run.end();
    const again = rig.start(['repro']);
    const second = await rig.started('only');
    await second.write('d/whole', 'y');
    await second.exit(0);
    expect((await again.end()).code).toBe(0);
    expect(rig.files('d')).toEqual(['d/whole']);
  });

  it('43. every run keeps its log, exit code, duration and peak memory', async () => {
    // It lives long enough for its memory to be looked at.
    rig.pipeline({ stages: { only: { cmd: 'echo to stdout; echo to stderr >&2; "$RIG_NODE" "$RIG_FAKE" inner' } } });
    const run = rig.start(['repro']);
    await (await rig.started('inner')).exit(0);
    expect((await run.end()).code).toBe(0);
    const { stdout, code } = await rig.run(['logs', 'only']);
    expect(code).toBe(0);
    expect(stdout).toContain('to stdout');
    expect(stdout).toContain('to stderr');
    expect(stdout).toMatch(/exit(ed)?( code)?[: ]+(with )?0/i);
    expect(stdout).toMatch(/\d(\.\d+)? ?m?s\b/);
    expect(stdout).toMatch(/peak \d/);
  });

  it('43. a failing stage shows the tail of its log, its exit code and the way to the full log, which is kept', async () => {
    rig.pipeline({ stages: { only: { cmd: 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; done; exit 9' } } });
    const run = await rig.run(['repro']);
    expect(run.code).toBe(1);
    expect(run.output).toContain('line 300');
    expect(run.output).not.toMatch(/line 1$/m);
    expect(run.output).toMatch(/\b9\b/);
    expect(run.output).toMatch(/cache\/logs\/|dagrun logs only/);
    const log = await rig.run(['logs', 'only']);
    expect(log.stdout).toMatch(/line 1$/m);
    expect(log.stdout).toContain('line 300');
    expect(log.stdout).toMatch(/\b9\b/);
  });

  it('43. a hit can replay the log of the run it restores', async () => {
    rig.write({ seed: 'apple' });
    rig.pipeline({
      stages: { only: { cmd: step('only', 'echo "made from $(cat seed)"; cp seed o'), deps: ['seed'], outs: ['o'] } },
    });
    await rig.settle();
    rig.write({ seed: 'pear' });
    await rig.settle();
    rig.write({ seed: 'apple' });
    const run = await rig.repro();
    const restored = run.events.find((event) => event.kind === 'stage-restored')!;
    expect(restored['stage']).toBe('only');
    const log = await rig.run(['logs', 'only', '--run', String(restored['runId'])]);
    expect(log.code).toBe(0);
    expect(log.stdout).toContain('made from apple');
    expect(log.stdout).not.toContain('made from pear');
  });

  it('43. a killed command is reported by its signal', async () => {
    rig.pipeline({ stages: { only: { cmd: 'kill -9 $$' } } });
    const run = await rig.run(['repro']);
    expect(run.code).toBe(1);
    expect(run.output).toMatch(/SIGKILL|signal 9/);
  });

  it('43. a command that cannot be run is a failed stage, not a crash', async () => {
    rig.write({ 'tool.sh': '#!/nonexistent/interpreter\n' });
    chmodSync(rig.path('tool.sh'), 0o755);
    rig.pipeline({ stages: { only: { cmd: './tool.sh' } } });
    const run = await rig.repro();
    expect([run.code, run.failed]).toEqual([1, ['only']]);
  });
});
