// The change matrix: what each kind of change must lead to. Peers miss at least one line each; bench/ runs the same lines against them.

import { describe, expect, it } from '@jest/globals';
import { statSync, utimesSync } from 'node:fs';
import { step, useRig } from './rig.ts';

const rig = useRig();

/** prepare (seed, folder) → middle (param p) → last (param q), and one stage beside them. */
const pipeline = {
  stages: {
    prepare: {
      cmd: step('prepare', 'head -c 1 seed > one; ls folder > names'),
      deps: ['seed', 'folder'],
      outs: ['one', 'names'],
    },
    middle: {
      cmd: step('middle', 'cat one names > two; grep p: params.yaml >> two'),
      deps: ['one', 'names'],
      params: ['p'],
      outs: ['two'],
    },
    last: {
      cmd: step('last', 'cat two > three; grep q: params.yaml >> three'),
      deps: ['two'],
      params: ['q'],
      outs: ['three'],
    },
    beside: { cmd: step('beside', 'cp seed-of-beside four'), deps: ['seed-of-beside'], outs: ['four'] },
  },
};

interface Outcome {
  readonly executed: readonly string[];
  readonly restored: readonly string[];
}

/** Brings everything up to date, applies the change, and tells what the next run did. Afterwards everything must be fresh. */
async function after(change: () => void): Promise<Outcome> {
  rig.write({ seed: 'abc', 'folder/x': '1', 'seed-of-beside': '1', 'params.yaml': 'p: 1\nq: 1\n' });
  rig.pipeline(pipeline);
  await rig.settle();
  change();
  const run = await rig.good();
  const executed = rig.executed();
  expect([...run.executed].sort()).toEqual([...executed].sort());
  expect(new Set(Object.values(await rig.states()))).toEqual(new Set(['fresh']));
  return { executed, restored: [...run.restored].sort() };
}

describe('change matrix', () => {
  it('touch only: skip', async () => {
    const done = await after(() => {
      for (const path of ['seed', 'folder/x', 'one', 'two', 'three'])
        utimesSync(rig.path(path), new Date(), new Date());
    });
    expect(done).toEqual({ executed: [], restored: [] });
  });

  it('same size, mtime put back: noticed by ctime', async () => {
    const done = await after(() => {
      const { atime, mtime } = statSync(rig.path('seed'));
      rig.write({ seed: 'xyz' });
      utimesSync(rig.path('seed'), atime, mtime);
    });
    expect(done.executed).toEqual(['prepare', 'middle', 'last']);
    expect(rig.read('three')).toBe('xx\np: 1\nq: 1\n');
  });

  it('same size, mtime put back, in a folder: noticed by ctime', async () => {
    const done = await after(() => {
      const { atime, mtime } = statSync(rig.path('folder/x'));
      rig.write({ 'folder/x': '2' });
      utimesSync(rig.path('folder/x'), atime, mtime);
    });
    expect(done.executed).toEqual(['prepare']);
  });

  it.each([
    ['first', 'prepare', 'one'],
    ['middle', 'middle', 'two'],
    ['last', 'last', 'three'],
  ])('output deleted: restore, for the %s', async (_, stage, out) => {
    const done = await after(() => rig.remove(out));
    expect(done).toEqual({ executed: [], restored: [stage] });
  });

  it('all outputs deleted: restore all', async () => {
    const done = await after(() => rig.remove('one', 'names', 'two', 'three', 'four'));
    expect(done).toEqual({ executed: [], restored: ['beside', 'last', 'middle', 'prepare'] });
  });

  it('last output edited by hand: restore', async () => {
    const done = await after(() => rig.write({ three: 'by hand' }));
    expect(done).toEqual({ executed: [], restored: ['last'] });
    expect(rig.read('three')).toBe('ax\np: 1\nq: 1\n');
  });

  it('middle output edited by hand: restore, and it does not spread', async () => {
    const done = await after(() => rig.write({ two: 'by hand' }));
    expect(done).toEqual({ executed: [], restored: ['middle'] });
    expect(rig.read('three')).toBe('ax\np: 1\nq: 1\n');
  });

  it("one stage's parameter: that stage", async () => {
    const done = await after(() => rig.write({ 'params.yaml': 'p: 1\nq: 2\n' }));
    expect(done).toEqual({ executed: ['last'], restored: [] });
  });

  it('upstream gives the same bytes: stop early', async () => {
    const done = await after(() => rig.write({ seed: 'a, but different after the first byte' }));
    expect(done).toEqual({ executed: ['prepare'], restored: [] });
  });

  it('A → B → A: restore', async () => {
    rig.write({ 'folder/x': '1', 'seed-of-beside': '1', seed: 'B', 'params.yaml': 'p: 1\nq: 1\n' });
    const done = await after(() => {
      rig.write({ seed: 'B' });
    });
    expect(done.executed).toEqual(['prepare', 'middle', 'last']);
    rig.write({ seed: 'abc' });
    const back = await rig.repro();
    expect([back.executed, [...back.restored].sort()]).toEqual([[], ['last', 'middle', 'prepare']]);
    expect(rig.executed()).toEqual([]);
    expect(rig.read('three')).toBe('ax\np: 1\nq: 1\n');
  });

  it('file added to a folder dep: that stage, and what its outs change', async () => {
    const done = await after(() => rig.write({ 'folder/y': '1' }));
    expect(done.executed).toEqual(['prepare', 'middle', 'last']);
  });

  it('file removed from a folder dep: that stage, and what its outs change', async () => {
    rig.write({ 'folder/z': '1' });
    const done = await after(() => rig.remove('folder/z'));
    expect(done.executed).toEqual(['prepare', 'middle', 'last']);
  });

  it('file renamed in a folder dep: that stage', async () => {
    const done = await after(() => rig.write({ 'folder/x': null, 'folder/renamed': '1' }));
    expect(done.executed[0]).toBe('prepare');
  });
});
