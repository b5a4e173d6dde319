import { describe, expect, it } from '@jest/globals';
import { describeRelaxation, findExclusions, findRelaxation } from './exclude.ts';
import type { MetricName, SelectionSettings } from './ranking.ts';
import { candidateOf, settingsOf } from './testing.ts';

const limits = (constraints: SelectionSettings['constraints']): SelectionSettings =>
  settingsOf({ val_acc: 1 }, { constraints });

describe('findExclusions', () => {
  const figures: Partial<Record<MetricName, number>> = {
    val_acc: 0.31,
    complexity: 515_876,
    mean_predictions_time: 0.5,
  };
  it.each([
    ['no limit', {}, []],
    ['within', { complexity: { max: 1e6 }, val_acc: { min: 0.3, max: 1 } }, []],
    ['at the limit', { complexity: { max: 515_876 }, val_acc: { min: 0.31 } }, []],
    [
      'above a maximum',
      { complexity: { max: 400_000 } },
      ['complexity 515,876 parameters is above the maximum of 400,000 parameters'],
    ],
    ['below a minimum', { val_acc: { min: 0.35 } }, ['val_acc 31.0% is below the minimum of 35.0%']],
    [
      'just below: with the digits it takes',
      { val_acc: { min: 0.31004 } },
      ['val_acc 31.0% is below the minimum of 31.004%'],
    ],
    [
      'a limit of 0',
      { mean_predictions_time: { max: 0 } },
      ['mean_predictions_time 0.500 ms/image is above the maximum of 0 ms/image'],
    ],
    ['a limited figure that is missing', { latency_p95: { max: 3 } }, ['latency_p95 is not known']],
    [
      'several',
      { val_acc: { min: 0.5 }, complexity: { max: 1 } },
      [
        'val_acc 31.0% is below the minimum of 50.0%',
        'complexity 515,876 parameters is above the maximum of 1 parameters',
      ],
    ],
  ] as const)('%s', (_, constraints, expected) => {
    expect(findExclusions(candidateOf('a', figures), limits(constraints))).toEqual(expected);
  });

  it('excludes whose training was ended by a comparison, and advises no limit for it', () => {
    const candidate = candidateOf('a', figures, { halted: { after: 2, of: 20 } });
    expect(findExclusions(candidate, limits({ complexity: { max: 1 } }))).toEqual([
      'stopped after epoch 2 of 20 by successive halving',
      'complexity 515,876 parameters is above the maximum of 1 parameters',
    ]);
    expect(findRelaxation([candidate], limits({ complexity: { max: 1 } }))).toBeUndefined();
  });

  it('excludes who has no figure for a weighted metric; a weight of 0 does not count', () => {
    const candidate = candidateOf('a', { val_acc: 0.3 });
    expect(findExclusions(candidate, settingsOf({ val_acc: 1, throughput: 0 }))).toEqual([]);
    expect(findExclusions(candidate, settingsOf({ val_acc: 1, throughput: 2, ece: 1 }))).toEqual([
      'ece is not known',
      'throughput is not known',
    ]);
  });
});

describe('findRelaxation', () => {
  const settings = limits({ complexity: { max: 1000 }, val_acc: { min: 0.4 } });
  const tell = (...candidates: readonly ReturnType<typeof candidateOf>[]): readonly string[] | undefined =>
    findRelaxation(candidates, settings)?.breaches.map(describeRelaxation);

  it('prefers one limit to two, then the smaller relative change', () => {
    const both = candidateOf('both', { val_acc: 0.39, complexity: 1001 });
    const large = candidateOf('large', { val_acc: 0.5, complexity: 2500 });
    const weak = candidateOf('weak', { val_acc: 0.3, complexity: 10 });
    expect(tell(both, large, weak)).toEqual(['`val_acc: {min: 0.3}` instead of 0.4 (−25%)']);
    expect(tell(both, large)).toEqual(['`complexity: {max: 2500}` instead of 1000 (+150%)']);
    expect(tell(both)).toEqual([
      '`val_acc: {min: 0.39}` instead of 0.4 (−2.5%)',
      '`complexity: {max: 1001}` instead of 1000 (+0.1%)',
    ]);
  });

  it('gives a limit that the figure itself keeps', () => {
    expect(tell(candidateOf('a', { val_acc: 0.312_377_9, complexity: 1 }))).toEqual([
      '`val_acc: {min: 0.3123}` instead of 0.4 (−22%)',
    ]);
    const slow = candidateOf('slow', { val_acc: 1, mean_predictions_time: 0.231_21 });
    const relaxed = findRelaxation([slow], limits({ mean_predictions_time: { max: 0.1 } }));
    expect(relaxed?.breaches.map(describeRelaxation)).toEqual([
      '`mean_predictions_time: {max: 0.2313}` instead of 0.1 (+130%)',
    ]);
  });

  it('has nothing to offer where figures are missing', () => {
    expect(tell(candidateOf('a', { complexity: 5000 }))).toBeUndefined();
  });
});
