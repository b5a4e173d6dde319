// Behaviours 12–25: what counts as a change, and what does not.

import { describe, expect, it } from '@jest/globals';
import { chmodSync, lstatSync, utimesSync } from 'node:fs';
import { step, useRig } from '../rig.ts';

const rig = useRig();

/** seed → first → second → third, each a copy of the one before. */
function chain(): Record<string, Record<string, unknown>> {
  return {
    first: { cmd: step('first', 'cat seed > one'), deps: ['seed'], outs: ['one'] },
    second: { cmd: step('second', 'cat one > two'), deps: ['one'], outs: ['two'] },
    third: { cmd: step('third', 'cat two > three'), deps: ['two'], outs: ['three'] },
  };
}

async function settledChain(): Promise<void> {
  rig.write({ seed: 'a' });
  rig.pipeline({ stages: chain() });
  await rig.settle();
}

/** Runs the pipeline with this one stage and returns whether it was executed. */
async function executes(stage: object): Promise<boolean> {
  rig.pipeline({ stages: { only: stage } });
  const run = await rig.good();
  const executed = rig.executed();
  expect(run.executed).toEqual(executed);
  return executed.length > 0;
}

describe('change detection', () => {
  it('12. nothing changed: no process is started', async () => {
    await settledChain();
    // Without a PATH, no shell could find a program to start.
    const run = await rig.repro([], { env: { PATH: '/nonexistent' } });
    expect(run.code).toBe(0);
    expect([...run.skipped].sort()).toEqual(['first', 'second', 'third']);
    expect(rig.executed()).toEqual([]);
    expect(run.summary).toMatchObject({ executed: 0, restored: 0, skipped: 3, failed: 0, blocked: 0 });
  });

  it('13. the command text changed: rerun, said as "changed command"', async () => {
    await settledChain();
    const stages = chain();
    stages['second']!['cmd'] = step('second', 'cat one > two # other');
    rig.pipeline({ stages });
    const { second } = await rig.status();
    expect(second).toMatchObject({ state: 'stale', reasons: [{ kind: 'cmd' }] });
    expect((await rig.run(['status'])).stdout).toContain('changed command');
    await rig.repro();
    expect(rig.executed()).toEqual(['second']);
  });

  it('13. a command added to a list of commands is a change of command', async () => {
    expect(await executes({ cmd: ['echo only >> "$RIG_LOG"'] })).toBe(true);
    expect(await executes({ cmd: ['echo only >> "$RIG_LOG"', 'true'] })).toBe(true);
    expect(await executes({ cmd: ['echo only >> "$RIG_LOG"', 'true'] })).toBe(false);
  });

  it('14. dep content, an added dep, a removed dep, an added out: rerun', async () => {
    rig.write({ a: '1', b: '1' });
    const cmd = step('only', 'cp a x; cp a y');
    expect(await executes({ cmd, deps: ['a'], outs: ['x'] })).toBe(true);
    expect(await executes({ cmd, deps: ['a'], outs: ['x'] })).toBe(false);
    rig.write({ a: '2' });
    expect(await executes({ cmd, deps: ['a'], outs: ['x'] })).toBe(true);
    expect(await executes({ cmd, deps: ['a', 'b'], outs: ['x'] })).toBe(true);
    expect(await executes({ cmd, deps: ['a', 'b'], outs: ['x', 'y'] })).toBe(true);
    rig.write({ a: '3', b: '3' });
    expect(await executes({ cmd, deps: ['b'], outs: ['x', 'y'] })).toBe(true);
    expect(await executes({ cmd, deps: ['b'], outs: ['x', 'y'] })).toBe(false);
  });

  it('14. a dep that becomes executable is a change', async () => {
    rig.write({ 'tool.sh': 'echo hi\n' });
    const stage = { cmd: step('only'), deps: ['tool.sh'] };
    expect(await executes(stage)).toBe(true);
    rig.remove('tool.sh');
    rig.write({ 'tool.sh': 'echo hi\n' });
    expect(await executes(stage)).toBe(false);
    chmodSync(rig.path('tool.sh'), 0o755);
    expect(await executes(stage)).toBe(true);
  });

  it('15. only the order of lists changed: no rerun, the lock is unchanged', async () => {
    rig.write({ a: '1', b: '1', 'params.yaml': 'p: 1\nq: 2\n', 'other.yaml': 'r: 1\n' });
    const cmd = step('only', 'cp a x; cp a y; cp a m; cp a n');
    const lists = {
      deps: ['a', 'b'],
      params: ['p', 'q', { 'other.yaml': ['r'] }],
      outs: ['x', 'y'],
      metrics: ['m', 'n'],
      env: ['HOME', 'USER'],
    };
    expect(await executes({ cmd, ...lists })).toBe(true);
    const lock = rig.read('pipeline.lock');
    const reversed = Object.fromEntries(Object.entries(lists).map(([key, list]) => [key, [...list].reverse()]));
    rig.pipeline({ stages: { only: { ...reversed, cmd } } });
    expect(await rig.states()).toEqual({ only: 'fresh' });
    expect(await executes({ ...reversed, cmd })).toBe(false);
    expect(rig.read('pipeline.lock')).toBe(lock);
  });

  it.each([
    ['edited', 'first', { one: 'tampered' }],
    ['deleted', 'first', { one: null }],
    ['edited', 'second', { two: 'tampered' }],
    ['deleted', 'second', { two: null }],
    ['edited', 'third', { three: 'tampered' }],
    ['deleted', 'third', { three: null }],
    ['made a folder', 'third', { three: null, 'three/x': 'x' }],
  ])('16. an out %s by hand is restored, never silently kept: the out of %s', async (_, stage, change) => {
    await settledChain();
    rig.write(change);
    expect((await rig.status())[stage]).toMatchObject({ state: 'restorable' });
    const run = await rig.repro();
    expect(run.restored).toEqual([stage]);
    expect(rig.executed()).toEqual([]);
    expect([rig.read('one'), rig.read('two'), rig.read('three')]).toEqual(['a', 'a', 'a']);
    expect(await rig.states()).toEqual({ first: 'fresh', second: 'fresh', third: 'fresh' });
  });

  it('16. an out edited by hand is made again where the cache cannot give it back', async () => {
    await settledChain();
    rig.write({ two: 'tampered', cache: null });
    await rig.good();
    expect(rig.executed()).toContain('second');
    expect(rig.read('two')).toBe('a');
  });

  it('16. a file added to an out folder by hand is noticed and removed', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', 'mkdir d && echo 1 > d/a'), outs: ['d'] } } });
    await rig.settle();
    rig.write({ 'd/extra': 'x' });
    expect((await rig.status())['only']).toMatchObject({
      state: 'restorable',
      reasons: [{ kind: 'out-edited', path: 'd' }],
    });
    expect((await rig.repro()).restored).toEqual(['only']);
    expect(rig.files('d')).toEqual(['d/a']);
  });

  it('17. edits to desc, meta or the labels of outs: no rerun', async () => {
    const cmd = step('only', 'echo 1 > m.json; echo 2 > p.json');
    expect(await executes({ cmd, outs: ['m.json', 'p.json'] })).toBe(true);
    expect(
      await executes({
        cmd,
        desc: 'what it does',
        meta: { owner: 'someone' },
        outs: [{ 'm.json': { desc: 'a number' } }, 'p.json'],
      }),
    ).toBe(false);
    expect(await executes({ cmd, metrics: ['m.json'], plots: ['p.json'] })).toBe(false);
    expect(await rig.states()).toEqual({ only: 'fresh' });
  });

  it('17. comments and layout of the pipeline file: no rerun', async () => {
    rig.write({ seed: 'a' });
    rig.pipeline('stages:\n  only:\n    cmd: echo only >> "$RIG_LOG"\n    deps: [seed]\n');
    await rig.settle();
    rig.pipeline(
      '# a comment\nstages:\n    only:\n        deps:\n            - "seed"\n        cmd: echo only >> "$RIG_LOG"   # here too\n',
    );
    expect((await rig.repro()).skipped).toEqual(['only']);
  });

  it('18. freeze, then unfreeze: no rerun', async () => {
    rig.write({ seed: 'a' });
    const text = `# kept\nstages:\n  only:\n    cmd: echo only >> "$RIG_LOG"; cp seed out # kept too\n    deps: [seed]\n    outs: [out]\n`;
    rig.pipeline(text);
    await rig.settle();
    expect((await rig.run(['freeze', 'only'])).code).toBe(0);
    expect(await rig.states()).toEqual({ only: 'frozen' });
    expect((await rig.run(['unfreeze', 'only'])).code).toBe(0);
    expect(await rig.states()).toEqual({ only: 'fresh' });
    expect((await rig.repro()).skipped).toEqual(['only']);
    expect(rig.executed()).toEqual([]);
    expect(rig.read('pipeline.yaml')).toContain('# kept\n');
    expect(rig.read('pipeline.yaml')).toContain('# kept too');
  });

  it('19. lock deleted: everything is restored from the run cache and the lock is written again, identical', async () => {
    await settledChain();
    const lock = rig.read('pipeline.lock');
    rig.remove('pipeline.lock');
    await rig.good();
    expect(rig.executed()).toEqual([]);
    expect(rig.read('pipeline.lock')).toBe(lock);
  });

  it('19. lock and outs deleted: the same', async () => {
    await settledChain();
    const lock = rig.read('pipeline.lock');
    rig.remove('pipeline.lock', 'one', 'two', 'three', '.dagrun');
    const run = await rig.repro();
    expect([...run.restored].sort()).toEqual(['first', 'second', 'third']);
    expect(rig.executed()).toEqual([]);
    expect(rig.read('pipeline.lock')).toBe(lock);
    expect(rig.read('three')).toBe('a');
  });

  it('20. a frozen stage ignores its deps and does not trigger downstream', async () => {
    await settledChain();
    const stages = chain();
    stages['second']!['frozen'] = true;
    rig.pipeline({ stages });
    rig.write({ seed: 'b' });
    await rig.good();
    expect(rig.executed()).toEqual(['first']);
    expect([rig.read('one'), rig.read('two'), rig.read('three')]).toEqual(['b', 'a', 'a']);
    expect(await rig.states()).toEqual({ first: 'fresh', second: 'frozen', third: 'fresh' });
  });

  it('21. a stage that reruns but gives the same bytes: downstream is skipped', async () => {
    rig.write({ seed: 'a long text' });
    const stages = chain();
    stages['first']!['cmd'] = step('first', 'head -c 1 seed > one');
    rig.pipeline({ stages });
    await rig.settle();
    rig.write({ seed: 'another text' });
    const run = await rig.repro();
    expect(rig.executed()).toEqual(['first']);
    expect([...run.skipped].sort()).toEqual(['second', 'third']);
    expect(await rig.states()).toEqual({ first: 'fresh', second: 'fresh', third: 'fresh' });
  });

  it('22. --force-downstream forces descendants, not independent branches', async () => {
    rig.write({ seed: 'a long text' });
    const stages = chain();
    stages['first']!['cmd'] = step('first', 'head -c 1 seed > one');
    rig.pipeline({
      stages: { ...stages, apart: { cmd: step('apart', 'cp still apart'), deps: ['still'], outs: ['apart'] } },
    });
    rig.write({ still: '1' });
    await rig.settle();
    rig.write({ seed: 'another text' });
    await rig.good(['--force-downstream']);
    expect(rig.executed()).toEqual(['first', 'second', 'third']);
    // Nothing changed: nothing to be downstream of.
    await rig.good(['--force-downstream']);
    expect(rig.executed()).toEqual([]);
  });

  it('23. always_changed always executes and is never restored', async () => {
    const stage = { cmd: step('only', 'echo 1 > out'), outs: ['out'], always_changed: true };
    expect(await executes(stage)).toBe(true);
    expect(await executes(stage)).toBe(true);
    expect((await rig.status())['only']).toMatchObject({ state: 'stale', reasons: [{ kind: 'always-changed' }] });
    rig.remove('out', 'pipeline.lock');
    expect(await executes(stage)).toBe(true);
  });

  it('23. below an always_changed stage that gives the same bytes, nothing runs', async () => {
    rig.pipeline({
      stages: {
        clock: { cmd: step('clock', 'echo 1 > c'), outs: ['c'], always_changed: true },
        after: { cmd: step('after', 'cp c d'), deps: ['c'], outs: ['d'] },
      },
    });
    await rig.settle();
    await rig.repro();
    expect(rig.executed()).toEqual(['clock']);
  });

  it('24. status and --dry say what will happen below a stale stage, not just the first level', async () => {
    await settledChain();
    rig.write({ seed: 'b' });
    const status = await rig.status();
    expect(status).toMatchObject({
      first: { state: 'stale', reasons: [{ kind: 'dep', key: 'seed' }] },
      second: { state: 'unknown', reasons: [{ kind: 'upstream', stage: 'first' }] },
      third: { state: 'unknown', reasons: [{ kind: 'upstream' }] },
    });
    const text = (await rig.run(['status'])).stdout;
    expect(text).toContain('unknown until first runs');
    for (const name of ['first', 'second', 'third']) expect(text).toContain(name);
    const dry = await rig.repro(['--dry']);
    expect(dry.code).toBe(0);
    expect(dry.planned).toEqual({ first: 'execute', second: 'unknown', third: 'unknown' });
    expect(rig.executed()).toEqual([]);
  });

  it('24. status and --dry tell restored from executed', async () => {
    await settledChain();
    rig.write({ seed: 'b' });
    await rig.settle();
    rig.write({ seed: 'a' });
    expect((await rig.states())['first']).toBe('restorable');
    expect((await rig.repro(['--dry'])).planned['first']).toBe('restore');
  });

  it('25. an edit of the same size within one clock tick of the last hash is still noticed', async () => {
    rig.write({ seed: 'aaaa' });
    rig.pipeline({ stages: chain() });
    await rig.settle();
    for (const text of ['bbbb', 'cccc', 'dddd', 'eeee']) {
      const before = lstatSync(rig.path('seed'));
      rig.write({ seed: text });
      utimesSync(rig.path('seed'), before.atime, before.mtime);
      await rig.good();
      expect(rig.read('three')).toBe(text);
    }
  });

  it('25. an edit of the same size straight after the run is noticed by status', async () => {
    for (let round = 0; round < 5; round++) {
      rig.write({ seed: `a${round}` });
      rig.pipeline({ stages: chain() });
      await rig.settle();
      rig.write({ seed: `b${round}` });
      expect((await rig.states())['first']).toBe('stale');
    }
  });
});
