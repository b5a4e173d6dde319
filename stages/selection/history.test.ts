import { describe, expect, it } from '@jest/globals';
import { readHistory } from './history.ts';
import { evaluateRun, evaluationOf, trainRun } from './testing.ts';

describe('readHistory', () => {
  it('joins evaluations and trainings by the content of the model folder, whatever the paths are', () => {
    const { models, unreadable, orphans } = readHistory(
      [evaluateRun('m2', evaluationOf(), { name: 'renamed' }), evaluateRun('m1', evaluationOf())],
      [trainRun('m1'), trainRun('m2', { name: 'before' })],
    );
    expect(models.map(({ model, folder }) => [model, folder?.path])).toEqual([
      ['m2', 'artifacts/before/model'],
      ['m1', 'artifacts/model1/model'],
    ]);
    expect([unreadable, orphans]).toEqual([0, 0]);
  });

  it('finds the evaluation by its shape among the metrics', () => {
    const run = {
      ...evaluateRun('m1', evaluationOf()),
      metrics: { 'other.json': { accuracy: 1 }, 'x/y.json': evaluationOf() },
    };
    expect(readHistory([run], [trainRun('m1')]).models[0]!.evaluation).toEqual(evaluationOf());
  });

  it.each([
    ['no metrics', undefined],
    ['a number', 3],
    ['another form', { accuracy: 0.3 }],
    ['another version', { ...evaluationOf(), version: 2 }],
    ['no data', { ...evaluationOf(), data: null }],
  ])('counts what is no evaluation: %s', (_, metric) => {
    expect(readHistory([evaluateRun('m1', metric)], [trainRun('m1')])).toEqual({
      models: [],
      unreadable: 1,
      orphans: 0,
    });
  });

  it('knows the model of an evaluation whose training is gone: the folder that no training reads', () => {
    const { models } = readHistory([evaluateRun('gone', evaluationOf())], [trainRun('m1')]);
    expect(models.map(({ model, folder }) => [model, folder])).toEqual([['gone', undefined]]);
  });

  it('counts evaluations of which the model cannot be told', () => {
    expect(readHistory([evaluateRun('gone', evaluationOf())], [])).toEqual({ models: [], unreadable: 0, orphans: 1 });
  });
});
