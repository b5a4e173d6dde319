import { describe, expect, it } from '@jest/globals';
import { makePipeline } from '../../test/make-pipeline.ts';
import { buildGraph } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { selectPlan } from './select.ts';
import type { Selection } from './select.ts';

function build(): Graph {
  const graph = buildGraph(
    makePipeline({
      prepare: { outs: ['data'] },
      'train@a': { group: 'train', deps: ['data'], outs: ['models/a'] },
      'train@b': { group: 'train', deps: ['data'], outs: ['models/b'] },
      report: { deps: ['models'], outs: ['report.html'] },
      other: { outs: ['other.txt'] },
    }),
  );
  if (!graph.ok) throw new Error('the graph of this test is wrong');
  return graph.value;
}

function select(targets: readonly string[], reach: Selection['reach'] = 'upstream'): string[] {
  const graph = build();
  const plan = selectPlan(graph, { targets, reach });
  return plan.ok
    ? plan.value.order.map((index) => graph.stages[index]!.name)
    : plan.error.map((fault) => `${fault.message} | ${fault.hint ?? ''}`);
}

describe('selectPlan', () => {
  it('takes everything without targets', () =>
    expect(select([])).toEqual(['prepare', 'train@a', 'train@b', 'report', 'other']));
  it('adds what a target needs', () => expect(select(['train@b'])).toEqual(['prepare', 'train@b']));
  it('knows groups', () => expect(select(['train'])).toEqual(['prepare', 'train@a', 'train@b']));
  it('knows globs', () => expect(select(['*@a'], 'single')).toEqual(['train@a']));
  it('knows outs', () => expect(select(['./models/a'], 'single')).toEqual(['train@a']));
  it('takes paths from where the user is before those from the root, and names before both', () => {
    const graph = build();
    const selected = (target: string, path: string): readonly number[] => {
      const plan = selectPlan(graph, { targets: [target], paths: [path], reach: 'single' });
      return plan.ok ? plan.value.order : [];
    };
    const index = (name: string): number => graph.stages.findIndex((stage) => stage.name === name);
    expect(selected('../report.html', 'report.html')).toEqual([index('report')]);
    expect(selected('a', 'models/a')).toEqual([index('train@a')]);
    expect(selected('data', 'models/a')).toEqual([index('train@a')]);
    expect(selected('data', 'models/data')).toEqual([index('prepare')]);
    expect(selected('report', 'data')).toEqual([index('report')]);
    expect(selected('no', '../../no')).toEqual([]);
  });
  it('knows what a glob may have been meant to be', () =>
    expect(select(['trian@*'])).toEqual(['there is no stage or out "trian@*" | did you mean "train@*"?']));
  it('keeps the order of single items', () =>
    expect(select(['report', 'prepare'], 'single')).toEqual(['report', 'prepare']));
  it('goes downstream', () => expect(select(['train@a'], 'downstream')).toEqual(['train@a', 'report']));
  it('reports every unknown target, with the nearest name', () => {
    expect(select(['trian', 'zzzzzz'])).toEqual([
      'there is no stage or out "trian" | did you mean "train"?',
      'there is no stage or out "zzzzzz" | `dagrun dag` lists the stages',
    ]);
  });
  it('takes special characters of a glob literally', () =>
    expect(select(['train.a*'], 'single')[0]).toMatch(/^there is no stage/));
});
