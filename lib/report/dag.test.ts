import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DagGraph } from './dag-boxes.ts';
import { renderDot, renderMermaid } from './dag-export.ts';
import { renderDag } from './dag-text.ts';
import { cleanLine, displayWidth } from './display.ts';

/** `{ child: [parents] }` */
function graphOf(parents: Readonly<Record<string, readonly string[]>>): DagGraph {
  return {
    nodes: Object.keys(parents).map((name) => ({ name, group: name.split('@')[0]! })),
    edges: Object.entries(parents).flatMap(([to, from]) => from.map((name) => ({ from: name, to }))),
  };
}

function draw(graph: DagGraph, more: { full?: boolean; width?: number; colour?: boolean } = {}): string[] {
  return renderDag(graph, { full: false, width: 80, colour: false, ...more }).split('\n');
}

function matrix(size: number): DagGraph {
  const parents: Record<string, string[]> = { prepare: [], stats: ['prepare'] };
  const evaluations: string[] = [];
  for (let index = 0; index < size; index++) {
    parents[`train@m${index}`] = ['prepare'];
    parents[`evaluate@m${index}`] = [`train@m${index}`];
    evaluations.push(`evaluate@m${index}`);
  }
  return graphOf({ ...parents, report: [...evaluations, 'stats'] });
}

describe('renderDag', () => {
  it('draws a matrix of a hundred as one box each', () => {
    expect(draw(matrix(100))).toEqual([
      'prepare',
      '├─ stats',
      '↓  train@… ×100',
      '↓  evaluate@… ×100   one for each',
      '↓  report   also from stats',
      '',
      '203 stages on 4 levels; --full shows every stage of a group',
    ]);
  });

  it('draws every stage where that is wanted', () => {
    expect(draw(matrix(3), { full: true })).toEqual([
      'prepare',
      '├─ stats',
      '├─ train@m1',
      '│  ↓  evaluate@m1',
      '├─ train@m2',
      '│  ↓  evaluate@m2',
      '↓  train@m0',
      '↓  evaluate@m0',
      '↓  report   also from evaluate@m1, evaluate@m2, stats',
      '',
      '9 stages on 4 levels',
    ]);
  });

  it('draws a diamond, siblings that end, and separate graphs', () => {
    const graph = graphOf({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'], alone: [], x: [], y: ['x'], z: ['x'] });
    expect(draw(graph)).toEqual([
      'a',
      '├─ c',
      '↓  b',
      '↓  d   also from c',
      '',
      'alone',
      '',
      'x',
      '├─ y',
      '└─ z',
      '',
      '8 stages on 3 levels',
    ]);
  });

  it('keeps a chain of a thousand stages in one column', () => {
    const parents: Record<string, string[]> = {};
    for (let index = 0; index < 1000; index++) parents[`s${index}`] = index === 0 ? [] : [`s${index - 1}`];
    const lines = draw(graphOf(parents));
    expect(lines).toHaveLength(1002);
    expect(lines[999]).toBe('↓  s999');
  });

  it('does not fold groups whose boxes would make a circle', () => {
    const graph = graphOf({ 'train@a': [], join: ['train@a'], 'train@b': ['join'], 'other@x': [], 'other@y': [] });
    expect(draw(graph).slice(0, -2)).toEqual(['train@a', '↓  join', '↓  train@b', '', 'other@… ×2']);
  });

  it('folds a chain inside a group', () => {
    expect(draw(graphOf({ 'step@1': [], 'step@2': ['step@1'], end: ['step@2'] })).slice(0, 2)).toEqual([
      'step@… ×2',
      '↓  end',
    ]);
  });

  it('says that there are no stages', () => {
    expect(draw(graphOf({}))).toEqual(['no stages']);
  });

  const graphs = fc.integer({ min: 1, max: 25 }).chain((count) =>
    fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 60 }).map((pairs) => {
      const nodes = Array.from({ length: count }, (_, index) => ({
        name: `g${index % 5}@${index}`,
        group: `g${index % 5}`,
      }));
      const edges = pairs.filter(([a, b]) => a < b).map(([a, b]) => ({ from: nodes[a]!.name, to: nodes[b]!.name }));
      return { nodes, edges };
    }),
  );

  it('draws every stage exactly once, below a parent, and is never wider than the terminal', () => {
    fc.assert(
      fc.property(graphs, fc.boolean(), fc.integer({ min: 30, max: 100 }), (graph, full, width) => {
        const lines = draw(graph, { full, width, colour: true }).map(cleanLine);
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
        const stems = lines.slice(0, -2).filter((line) => line !== '');
        const stages = stems.map((line) => /g\d@\S+(?: ×\d+)?/.exec(line)![0]);
        expect(new Set(stages).size).toBe(stages.length);
        const drawn = stages.reduce((sum, label) => sum + Number(/×(\d+)/.exec(label)?.[1] ?? 1), 0);
        expect(drawn).toBe(graph.nodes.length);
      }),
      { numRuns: 300 },
    );
  });
});

describe('renderMermaid', () => {
  it('draws boxes and arrows', () => {
    expect(renderMermaid(matrix(2), { full: false }).split('\n')).toEqual([
      'flowchart TD',
      '  n0["prepare"]',
      '  n1["stats"]',
      '  n2["train@… ×2"]',
      '  n3["evaluate@… ×2"]',
      '  n4["report"]',
      '  n0 --> n1',
      '  n0 --> n2',
      '  n1 --> n4',
      '  n2 --> n3',
      '  n3 --> n4',
    ]);
    expect(renderMermaid(matrix(2), { full: true })).toContain('["train@m1"]');
  });

  it('takes names as data', () => {
    const text = renderMermaid(graphOf({ 'a"]; click n0 <b> `x` #1': [] }), { full: true });
    expect(text.split('\n')).toEqual(['flowchart TD', '  n0["a#34;#93;#59; click n0 #60;b#62; #96;x#96; #35;1"]']);
  });
});

describe('renderDot', () => {
  it('draws boxes and arrows', () => {
    expect(renderDot(graphOf({ a: [], b: ['a'] }), { full: false }).split('\n')).toEqual([
      'digraph dagrun {',
      '  node [shape=box];',
      '  n0 [label="a"];',
      '  n1 [label="b"];',
      '  n0 -> n1;',
      '}',
    ]);
  });

  it('takes names as data', () => {
    expect(renderDot(graphOf({ 'a"]; \\n': [] }), { full: true })).toContain('n0 [label="a\\"]; \\\\n"];');
  });
});
