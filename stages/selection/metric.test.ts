import { describe, expect, it } from '@jest/globals';
import {
  contrastFigures,
  contrastNumbers,
  formatFigure,
  formatNumber,
  formatPoints,
  readFigures,
  readTestFigures,
} from './metric.ts';
import { metricNames } from './ranking.ts';
import { evaluationOf } from './testing.ts';

describe('figures in words', () => {
  it.each([
    ['val_acc', 0.35034, {}, '35.0%'],
    ['val_acc', 1, {}, '100%'],
    ['fpr', 0.00656, {}, '0.656%'],
    ['val_loss', 2.71828, {}, '2.72'],
    ['complexity', 515_876, {}, '515,876 parameters'],
    ['complexity', 515_876, { bare: true }, '515,876'],
    ['macs', 25_300_000, {}, '25.3 MMAC/image'],
    ['macs', 25_300_000, { bare: true }, '25.3 M'],
    ['model_bytes', 2_063_504, {}, '2.06 MB'],
    ['model_bytes', 500, {}, '500 B'],
    ['mean_predictions_time', 0.2312, {}, '0.231 ms/image'],
    ['mean_predictions_time', 0.2312, { bare: true }, '0.231'],
    ['throughput', 4329.4, {}, '4,330 images/s'],
    ['val_loss', 0, {}, '0'],
  ] as const)('%s %d %j: %s', (name, value, format, expected) => {
    expect(formatFigure(name, value, format)).toBe(expected);
  });

  it('tells two figures apart with as many digits as it takes', () => {
    expect(contrastFigures('val_acc', 0.31, 0.35)).toEqual(['31.0%', '35.0%']);
    expect(contrastFigures('val_acc', 0.34999, 0.35)).toEqual(['34.999%', '35.0%']);
    expect(contrastNumbers(1.0004, 1)).toEqual(['1.0004', '1']);
  });

  it('writes points and weights short', () => {
    expect([7.1623, 0.012, 0.000_123_4, 0].map(formatPoints)).toEqual(['7.16', '0.01', '0.00012', '0.00']);
    expect([1, 0.5, 1234.5].map((value) => formatNumber(value))).toEqual(['1', '0.5', '1,230']);
  });
});

describe('readFigures', () => {
  it('takes the validation split, the size and this machine’s timing', () => {
    const latency = { model: 'm', p50: 1.2, p95: 1.9, perImage: 0.23, throughput: 4300, batch: 256 };
    const figures = readFigures(evaluationOf({ accuracy: 0.3, parameters: 1000 }), latency);
    expect(figures).toEqual({
      val_loss: 2.5,
      val_acc: 0.3,
      top5: 0.6,
      precision: 0.3,
      recall: 0.3,
      fpr: 0.01,
      f1_score: 0.3,
      ece: 0.05,
      complexity: 1000,
      macs: 25_300_000,
      model_bytes: 4000,
      mean_predictions_time: 0.23,
      latency_p50: 1.2,
      latency_p95: 1.9,
      throughput: 4300,
    });
    expect(Object.keys(figures)).toEqual([...metricNames]);
  });

  it('knows no timing without a benchmark, and no loss that diverged', () => {
    const figures = readFigures(evaluationOf({ loss: null }), undefined);
    expect([figures.val_loss, figures.mean_predictions_time, figures.throughput]).toEqual([null, null, null]);
    expect(readTestFigures(evaluationOf({ loss: null }))).not.toHaveProperty('val_loss');
  });

  it('has the test figures under the same names', () => {
    expect(readTestFigures(evaluationOf({ accuracy: 0.3 }))).toMatchObject({ val_acc: 0.29, f1_score: 0.3 });
  });
});
