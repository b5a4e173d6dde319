// Behaviours 1–11: what is accepted as a graph, and in which order it runs.

import { describe, expect, it } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { step, useRig } from '../rig.ts';

const rig = useRig();

/** Runs repro, expects a configuration error, that nothing was executed, and returns what was said. */
async function refused(pipeline: object | string): Promise<string> {
  rig.pipeline(pipeline);
  const run = await rig.run(['repro']);
  expect({ code: run.code, executed: rig.executed() }).toEqual({ code: 2, executed: [] });
  return run.stderr;
}

describe('graph', () => {
  it.each([
    ['as it stands', 'foo', 'foo'],
    ['with ./', './foo', 'foo'],
    ['with a detour', 'sub/../foo', './foo'],
  ])('1. a dep equal to an out of the same stage is a cycle: %s', async (_, dep, out) => {
    rig.write({ 'sub/x': '' });
    const said = await refused({ stages: { only: { cmd: step('only', 'touch foo'), deps: [dep], outs: [out] } } });
    expect(said).toMatch(/cycle|its own out/i);
    expect(said).toContain('only');
    expect(said).toMatch(/^pipeline\.yaml:\d+:\d+: /m);
  });

  it('1. a dep equal to an out of the same stage is a cycle: through wdir', async () => {
    rig.write({ 'sub/x': '' });
    const said = await refused({
      stages: { only: { cmd: step('only', 'touch foo'), wdir: 'sub', deps: ['../sub/foo'], outs: ['foo'] } },
    });
    expect(said).toMatch(/cycle|its own out/i);
  });

  it('2. a cycle over several stages names every hop, and nothing runs', async () => {
    const said = await refused({
      stages: {
        free: { cmd: step('free', 'touch free'), outs: ['free'] },
        red: { cmd: step('red', 'cp c a'), deps: ['c'], outs: ['a'] },
        green: { cmd: step('green', 'cp a b'), deps: ['a'], outs: ['b'] },
        blue: { cmd: step('blue', 'cp b c'), deps: ['b'], outs: ['c'] },
      },
    });
    expect(said).toMatch(/cycle/i);
    for (const name of ['red', 'green', 'blue']) expect(said).toContain(name);
    expect(said).not.toContain('free');
    for (const command of ['status', 'dag']) expect((await rig.run([command])).code).toBe(2);
  });

  it.each([
    ['as it stands', 'shared.txt'],
    ['not normalised', './sub/../shared.txt'],
  ])('3. one out in two stages is an error that names both: %s', async (_, out) => {
    const said = await refused({
      stages: { left: { cmd: step('left'), outs: ['shared.txt'] }, right: { cmd: step('right'), outs: [out] } },
    });
    expect(said).toContain('shared.txt');
    expect(said).toContain('left');
    expect(said).toContain('right');
  });

  it('3. one out in two stages is an error also where one of them is a metric', async () => {
    const said = await refused({
      stages: { left: { cmd: step('left'), outs: ['m.json'] }, right: { cmd: step('right'), metrics: ['m.json'] } },
    });
    expect(said).toContain('m.json');
  });

  it('4. an out inside the out folder of another stage is an overlap error', async () => {
    const said = await refused({
      stages: {
        outer: { cmd: step('outer'), outs: ['folder'] },
        inner: { cmd: step('inner'), outs: ['folder/sub/file'] },
      },
    });
    expect(said).toMatch(/overlap|inside|within/i);
    expect(said).toContain('outer');
    expect(said).toContain('inner');
  });

  it('4. a name that only begins like an out folder does not overlap', async () => {
    rig.pipeline({
      stages: {
        outer: { cmd: step('outer', 'mkdir folder'), outs: ['folder'] },
        inner: { cmd: step('inner', 'mkdir folder-x'), outs: ['folder-x'] },
      },
    });
    await rig.good();
  });

  it.each([
    ['dep', { deps: ['a', './a'] }],
    ['out', { outs: ['a', 'b/../a'] }],
    ['out and metric', { outs: ['a'], metrics: ['a'] }],
    ['out inside an out of the same stage', { outs: ['a', 'a/b'] }],
  ])('5. the same path twice in a stage is an error: %s', async (_, lists) => {
    rig.write({ a: '1' });
    const said = await refused({ stages: { only: { cmd: step('only'), ...lists } } });
    expect(said).toContain('only');
    expect(said).toMatch(/^pipeline\.yaml:\d+:\d+: .*\ba\b/m);
  });

  it('6. a dep inside an out, or a parent folder of outs, is an edge to every producer it touches', async () => {
    rig.pipeline({
      stages: {
        reader: { cmd: step('reader', 'cat data/part/x > inside.txt'), deps: ['data/part/x'], outs: ['inside.txt'] },
        gather: { cmd: step('gather', 'ls data > list.txt'), deps: ['data'], outs: ['list.txt'] },
        part: { cmd: step('part', 'mkdir -p data/part && echo x > data/part/x'), outs: ['data/part'] },
        other: { cmd: step('other', 'mkdir -p data && echo y > data/other'), outs: ['data/other'] },
      },
    });
    const dag = JSON.parse((await rig.run(['dag', '--json'])).stdout) as { edges: { from: string; to: string }[] };
    const edges = dag.edges.map(({ from, to }) => `${from} → ${to}`).sort();
    expect(edges).toEqual(['other → gather', 'part → gather', 'part → reader']);
    await rig.good(['-j', '1']);
    const order = rig.executed();
    expect(order.indexOf('part')).toBeLessThan(order.indexOf('reader'));
    expect(order.indexOf('gather')).toBeGreaterThan(Math.max(order.indexOf('part'), order.indexOf('other')));
    expect(rig.read('list.txt')).toBe('other\npart\n');
  });

  it('7. wdir outside the workspace (also a sibling with the same prefix), missing, or a file: three distinct errors', async () => {
    mkdirSync(`${rig.root}-sibling`);
    rig.write({ 'plain.txt': 'x' });
    const messages: string[] = [];
    for (const wdir of ['..', '../ws-sibling', `${rig.root}-sibling`, 'nowhere', 'plain.txt']) {
      const said = await refused({ stages: { only: { cmd: step('only'), wdir } } });
      expect(said).toMatch(/^pipeline\.yaml:\d+:\d+: /m);
      messages.push(
        said
          .split('\n')[0]!
          .replace(/^pipeline\.yaml:\d+:\d+: /, '')
          .replaceAll(wdir, 'WDIR'),
      );
    }
    expect(messages[0]).toMatch(/outside/);
    expect(messages[1]).toMatch(/outside/);
    expect(messages[2]).toMatch(/outside/);
    expect(new Set([messages[0], messages[3], messages[4]]).size).toBe(3);
  });

  it.each(['../escape.txt', '/elsewhere/escape.txt', 'sub/../../escape.txt'])(
    '8. an out outside the workspace is refused: %s',
    async (out) => {
      const said = await refused({ stages: { only: { cmd: step('only'), outs: [out] } } });
      expect(said).toMatch(/^pipeline\.yaml:\d+:\d+: .*outside/m);
    },
  );

  it.each(['pipeline.yaml', './pipeline.lock', '.', '.dagrun', 'cache', '.git'])(
    '9. the pipeline file, the lock, or what holds them or dagrun itself as an out is refused: %s',
    async (out) => {
      const said = await refused({ stages: { only: { cmd: step('only'), outs: [out] } } });
      expect(said).toMatch(/^pipeline\.yaml:\d+:\d+: /m);
      expect(said).toContain('only');
    },
  );

  it('10. a diamond with --downstream runs both middles before the join, and nothing else', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({
      stages: {
        join: { cmd: step('join', 'cat l r > j'), deps: ['l', 'r'], outs: ['j'] },
        left: { cmd: step('left', 'cat t > l'), deps: ['t'], outs: ['l'] },
        right: { cmd: step('right', 'cat t > r'), deps: ['t'], outs: ['r'] },
        top: { cmd: step('top', 'cat seed > t'), deps: ['seed'], outs: ['t'] },
        apart: { cmd: step('apart', 'cat seed > a'), deps: ['seed'], outs: ['a'] },
      },
    });
    await rig.settle();
    rig.write({ seed: '2' });
    await rig.good(['--downstream', 'top']);
    const order = rig.executed();
    expect([order[0], order.slice(1, 3).sort(), order.slice(3)]).toEqual(['top', ['left', 'right'], ['join']]);
    expect(rig.read('j')).toBe('22');
  });

  it('10. --downstream from a middle leaves the other middle alone', async () => {
    rig.write({ seed: '1', extra: '1' });
    rig.pipeline({
      stages: {
        top: { cmd: step('top', 'cat seed > t'), deps: ['seed'], outs: ['t'] },
        left: { cmd: step('left', 'cat t extra > l'), deps: ['t', 'extra'], outs: ['l'] },
        right: { cmd: step('right', 'cat t > r'), deps: ['t'], outs: ['r'] },
        join: { cmd: step('join', 'cat l r > j'), deps: ['l', 'r'], outs: ['j'] },
      },
    });
    await rig.settle();
    rig.write({ extra: '2' });
    await rig.good(['--downstream', 'left']);
    expect(rig.executed()).toEqual(['left', 'join']);
  });

  it('11. --single-item B A runs just those, in the order given', async () => {
    rig.write({ seed: '1' });
    rig.pipeline({
      stages: {
        up: { cmd: step('up', 'cat seed > u'), deps: ['seed'], outs: ['u'] },
        a: { cmd: step('a', 'cat u > a.txt'), deps: ['u'], outs: ['a.txt'] },
        b: { cmd: step('b', 'cat a.txt > b.txt'), deps: ['a.txt'], outs: ['b.txt'] },
        down: { cmd: step('down', 'cat b.txt > d'), deps: ['b.txt'], outs: ['d'] },
      },
    });
    await rig.settle();
    rig.write({ seed: '2' });
    await rig.good(['--single-item', '-f', '-j', '4', 'b', 'a']);
    expect(rig.executed()).toEqual(['b', 'a']);
  });

  it('11. --single-item runs only what changed of the stages named', async () => {
    rig.write({ one: '1', two: '1' });
    rig.pipeline({
      stages: {
        a: { cmd: step('a', 'cat one > a.txt'), deps: ['one'], outs: ['a.txt'] },
        b: { cmd: step('b', 'cat two > b.txt'), deps: ['two'], outs: ['b.txt'] },
      },
    });
    await rig.settle();
    rig.write({ one: '2', two: '2' });
    expect((await rig.repro(['-s', 'b'])).executed).toEqual(['b']);
    expect(rig.executed()).toEqual(['b']);
    expect(await rig.states()).toEqual({ a: 'stale', b: 'fresh' });
  });
});
