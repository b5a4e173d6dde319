import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { metricNames } from './ranking.ts';
import { readSelectionSettings } from './settings.ts';
import { faultsOf, readFixture } from '../config/testing.ts';

const settingsOf = (yaml: string) => readSelectionSettings(parse(yaml));

describe('readSelectionSettings', () => {
  it('reads the original file', () => {
    const settings = readSelectionSettings(readFixture('evaluation_metrics.yaml'));
    expect(settings.weights).toEqual({ val_acc: 2, complexity: 1, mean_predictions_time: 5 });
    expect(settings.directions).toMatchObject({ val_acc: 'maximize', complexity: 'minimize', fpr: 'minimize' });
    expect(settings.normalisation).toBe('ratio');
    expect(settings.constraints).toEqual({});
  });

  it('has a direction for every metric', () => {
    const { directions } = settingsOf('evaluation_metrics: {val_acc: 1}');
    expect(Object.keys(directions)).toEqual([...metricNames]);
    const up = metricNames.filter((metric) => directions[metric] === 'maximize');
    expect(up).toEqual(['val_acc', 'top5', 'precision', 'recall', 'f1_score', 'throughput']);
  });

  it('leaves out metrics of weight 0, null or none', () => {
    const { weights } = settingsOf('evaluation_metrics: {ece: 0, recall: , top5: 0.5}');
    expect(weights).toEqual({ top5: 0.5 });
  });

  it('takes the directions, normalisation and limits of the file', () => {
    const settings = settingsOf(`
evaluation_metrics: {macs: 1}
optimization_directions: {macs: maximize}
normalisation: min-max
constraints: {complexity: {max: 1e6}, val_acc: {min: 0.3, max: 0.9}}
x-note: anything
`);
    expect(settings.directions.macs).toBe('maximize');
    expect(settings.normalisation).toBe('min-max');
    expect(settings.constraints).toEqual({ complexity: { max: 1e6 }, val_acc: { min: 0.3, max: 0.9 } });
  });

  it('takes empty sections as none', () => {
    expect(settingsOf('evaluation_metrics: {macs: 1}\noptimization_directions:\nconstraints:\n')).toEqual(
      settingsOf('evaluation_metrics: {macs: 1}'),
    );
  });

  const weight = 'expected a weight from 0 to 1000000000, or null to leave the metric out';
  const none = 'evaluation_metrics: expected at least one metric with a weight above 0';
  it.each([
    ['', ['expected a map with `evaluation_metrics`, got nothing']],
    ['metrics: {}', ['"evaluation_metrics" is missing', 'unknown key "metrics" (did you mean "evaluation_metrics"?)']],
    [
      'evaluation_metrics: 3',
      ['evaluation_metrics: expected a map of weights, such as {val_acc: 2, complexity: 1}, got 3'],
    ],
    ['evaluation_metrics: {}', [`${none}, got an empty map`]],
    ['evaluation_metrics: {val_acc: 0, ece: null}', [`${none}, got a map with val_acc, ece`]],
    ['evaluation_metrics: {val_accc: 1}', ['evaluation_metrics: unknown key "val_accc" (did you mean "val_acc"?)']],
    ['evaluation_metrics: {f1: 1}', [`evaluation_metrics: unknown key "f1" (known keys: ${metricNames.join(', ')})`]],
    ['evaluation_metrics: {val_acc: -1}', [`evaluation_metrics.val_acc: ${weight}, got -1`]],
    ['evaluation_metrics: {val_acc: high}', [`evaluation_metrics.val_acc: ${weight}, got text "high"`]],
    ['evaluation_metrics: {val_acc: .nan}', [`evaluation_metrics.val_acc: ${weight}, got NaN`]],
    [
      'evaluation_metrics: {val_acc: 1}\noptimization_directions: {val_acc: maximise}',
      ['optimization_directions.val_acc: expected minimize, maximize, got text "maximise" (did you mean "maximize"?)'],
    ],
    [
      'evaluation_metrics: {val_acc: 1}\noptimization_directions: {acc: maximize}',
      ['optimization_directions: unknown key "acc" (did you mean "val_acc"?)'],
    ],
    [
      'evaluation_metrics: {val_acc: 1}\nnormalization: rank',
      ['unknown key "normalization" (did you mean "normalisation"?)'],
    ],
    [
      'evaluation_metrics: {val_acc: 1}\nnormalisation: minmax',
      ['normalisation: expected ratio, min-max, rank, got text "minmax" (did you mean "min-max"?)'],
    ],
    [
      'evaluation_metrics: {val_acc: 1}\nconstraints: {complexity: 1e6}',
      ['constraints.complexity: expected a map with `min`, `max` or both, such as {max: 1e6}, got 1000000'],
    ],
    [
      'evaluation_metrics: {val_acc: 1}\nconstraints: {macs: {}}',
      ['constraints.macs: expected a map with `min`, `max` or both, such as {max: 1e6}, got an empty map'],
    ],
    [
      'evaluation_metrics: {val_acc: 1}\nconstraints: {macs: {most: 3}}',
      ['constraints.macs: unknown key "most" (known keys: min, max)'],
    ],
    [
      'evaluation_metrics: {val_acc: 1}\nconstraints: {macs: {min: 3, max: 2}}',
      ['constraints.macs: nothing lies between min 3 and max 2'],
    ],
  ])('tells what is wrong with %j', (yaml, messages) => {
    const lines = faultsOf(() => settingsOf(yaml)).map((line) => line.replace('evaluation_metrics.yaml: ', ''));
    expect(lines.toSorted()).toEqual([...messages].toSorted());
  });
});

describe('evaluation-metrics.schema.json', () => {
  it('has every metric, in each section', () => {
    const file = new URL('../config/evaluation-metrics.schema.json', import.meta.url);
    const { properties } = JSON.parse(readFileSync(file, 'utf8')) as {
      properties: Readonly<Record<string, { properties?: object }>>;
    };
    for (const section of ['evaluation_metrics', 'optimization_directions', 'constraints'])
      expect(Object.keys(properties[section]!.properties!)).toEqual([...metricNames]);
  });
});
