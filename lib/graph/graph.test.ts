import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { makePipeline } from '../../test/make-pipeline.ts';
import { buildGraph, closure } from './graph.ts';
import type { Graph } from './graph.ts';

function graphOf(stages: Parameters<typeof makePipeline>[0]): Graph {
  const graph = buildGraph(makePipeline(stages));
  if (!graph.ok) throw new Error(graph.error.map((fault) => fault.message).join('\n'));
  return graph.value;
}

function faultsOf(stages: Parameters<typeof makePipeline>[0]): string[] {
  const graph = buildGraph(makePipeline(stages));
  return graph.ok ? [] : graph.error.map((fault) => fault.message);
}

function upOf(graph: Graph): Record<string, string[]> {
  return Object.fromEntries(
    graph.stages.map((stage, index) => [
      stage.name,
      graph.up[index]!.map((other) => graph.stages[other]!.name as string),
    ]),
  );
}

describe('edges', () => {
  it('link a dep to the stage that makes it, also inside and around an out', () => {
    const graph = graphOf({
      folder: { outs: ['out/folder'] },
      file: { outs: ['out/file'] },
      inside: { deps: ['out/folder/deep/x'], outs: ['a'] },
      around: { deps: ['out'], outs: ['b'] },
      sibling: { deps: ['out/folder-2'], outs: ['c'] },
      whole: { deps: [''] },
    });
    expect(upOf(graph)).toEqual({
      folder: [],
      file: [],
      inside: ['folder'],
      around: ['folder', 'file'],
      sibling: [],
      whole: ['folder', 'file', 'inside', 'around', 'sibling'],
    });
  });

  it('come from param files, code and history as well', () => {
    const graph = graphOf({
      make: { outs: ['generated/params.json', 'generated/code'] },
      params: { params: [['generated/params.json', 'a']], outs: ['x'] },
      code: { code: ['generated/code/main.ts'], outs: ['y'] },
      'evaluate@a': { group: 'evaluate', outs: ['ea'] },
      'evaluate@b': { group: 'evaluate', outs: ['eb'] },
      compare: { runs: ['evaluate'] },
    });
    expect(upOf(graph)).toMatchObject({ params: ['make'], code: ['make'], compare: ['evaluate@a', 'evaluate@b'] });
  });

  it('come from globs', () => {
    const graph = graphOf({
      csv: { outs: ['data/a.csv'] },
      json: { outs: ['data/a.json'] },
      folder: { outs: ['data/more'] },
      reader: { globs: ['data/*.csv'], outs: ['x'] },
      deep: { globs: ['data/**/*.csv'], outs: ['y'] },
    });
    expect(upOf(graph)['reader']).toEqual(['csv']);
    expect(upOf(graph)['deep']).toEqual(['csv', 'json', 'folder']);
  });
});

describe('faults', () => {
  it('names both stages that make one path', () => {
    expect(faultsOf({ a: { outs: ['x'] }, b: { outs: ['x'] } })).toEqual(['stages "a" and "b" both make "x"']);
  });

  it('names both of two overlapping outs, whichever comes first', () => {
    expect(faultsOf({ a: { outs: ['x/y'] }, b: { outs: ['x'] } })).toEqual([
      'out "x" of stage "b" overlaps out "x/y" of stage "a"',
    ]);
    expect(faultsOf({ a: { outs: ['x'] }, b: { outs: ['x/y/z'] } })).toEqual([
      'out "x/y/z" of stage "b" overlaps out "x" of stage "a"',
    ]);
  });

  it('calls a dep on an own out a cycle', () => {
    expect(faultsOf({ a: { deps: ['x'], outs: ['x'] } })).toEqual(['stage "a" depends on its own out "x"']);
  });

  it('names every hop of a cycle', () => {
    const [message] = faultsOf({
      a: { deps: ['z'], outs: ['x'] },
      b: { deps: ['x'], outs: ['y'] },
      c: { deps: ['y'], outs: ['z'] },
      d: { deps: ['x'] },
    });
    expect(message).toBe('the stages form a cycle: "a" needs "z" of "c", "c" needs "y" of "b", "b" needs "x" of "a"');
  });

  it('reports every cycle', () => {
    expect(
      faultsOf({
        a: { deps: ['2'], outs: ['1'] },
        b: { deps: ['1'], outs: ['2'] },
        c: { deps: ['4'], outs: ['3'] },
        d: { deps: ['3'], outs: ['4'] },
      }),
    ).toHaveLength(2);
  });
});

describe('order', () => {
  it('holds for a chain of 20,000 stages given backwards', () => {
    const count = 20_000;
    const stages = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`s${index}`, { deps: [`f${index + 1}`], outs: [`f${index}`] }]),
    );
    expect(graphOf(stages).order).toEqual(Array.from({ length: count }, (_, index) => count - 1 - index));
  });

  it('puts every stage after all that it needs, whatever the graph', () => {
    const edges = fc.array(fc.tuple(fc.nat(14), fc.nat(14)), { maxLength: 40 });
    fc.assert(
      fc.property(edges, fc.shuffledSubarray([...Array(15).keys()], { minLength: 15 }), (pairs, declared) => {
        const needs = new Map<number, Set<string>>();
        for (const [a, b] of pairs)
          if (a !== b) needs.set(Math.max(a, b), (needs.get(Math.max(a, b)) ?? new Set()).add(`f${Math.min(a, b)}`));
        const graph = graphOf(
          Object.fromEntries(
            declared.map((name) => [`s${name}`, { deps: [...(needs.get(name) ?? [])], outs: [`f${name}`] }]),
          ),
        );
        const rank = new Map(graph.order.map((stage, position) => [stage, position]));
        expect(rank.size).toBe(15);
        graph.up.forEach((producers, stage) =>
          producers.forEach((producer) => expect(rank.get(producer)!).toBeLessThan(rank.get(stage)!)),
        );
      }),
    );
  });
});

it('closure reaches everything below', () => {
  const graph = graphOf({ a: { outs: ['x'] }, b: { deps: ['x'], outs: ['y'] }, c: { deps: ['y'] }, d: {} });
  expect([...closure(graph.down, [0])].sort()).toEqual([0, 1, 2]);
  expect([...closure(graph.up, [2])].sort()).toEqual([0, 1, 2]);
});
