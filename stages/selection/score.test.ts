import { describe, expect, it } from '@jest/globals';
import { dominates, explainTie, findParetoFront, rankScored, scoreCandidates } from './score.ts';
import { candidateOf, settingsOf } from './testing.ts';

const ids = (scored: ReturnType<typeof scoreCandidates>): readonly string[] =>
  scored.map(({ candidate }) => candidate.id);

describe('scoreCandidates', () => {
  it('is the sum of weight × normalised, worked by hand', () => {
    const settings = settingsOf({ val_acc: 2, complexity: 1, mean_predictions_time: 5 });
    const scored = scoreCandidates(
      [
        candidateOf('a', { val_acc: 0.5, complexity: 200, mean_predictions_time: 0.5 }),
        candidateOf('b', { val_acc: 0.25, complexity: 100, mean_predictions_time: 0.4 }),
      ],
      settings,
    );
    expect(scored.map(({ candidate, score }) => [candidate.id, score])).toEqual([
      ['b', 2 * 0.5 + 1 + 5],
      ['a', 2 + 0.5 + 5 * 0.8],
    ]);
    expect(scored[0]!.normalised).toEqual({ val_acc: 0.5, complexity: 1, mean_predictions_time: 1 });
  });

  it('takes sums that differ by rounding alone for equal', () => {
    const settings = settingsOf({ val_acc: 0.1, recall: 0.2, top5: 0.3 }, { normalisation: 'rank' });
    // 0.1 + 0.2 and 0.3 are not the same number, but the same score.
    const scored = scoreCandidates(
      [candidateOf('a', { val_acc: 1, recall: 1, top5: 0 }), candidateOf('b', { val_acc: 0, recall: 0, top5: 1 })],
      settings,
    );
    expect(scored[0]!.score).toBe(scored[1]!.score);
    expect(rankScored(scored)).toEqual([1, 1]);
  });
});

describe('equal scores', () => {
  it('share a rank, and the next rank counts them all', () => {
    const settings = settingsOf({ val_acc: 1 });
    const scored = scoreCandidates(
      [0.5, 0.5, 0.4, 0.5, 0.4].map((accuracy, index) => candidateOf(String(index), { val_acc: accuracy })),
      settings,
    );
    expect(rankScored(scored)).toEqual([1, 1, 1, 4, 4]);
  });

  it('are ordered by the heaviest metric', () => {
    const settings = settingsOf({ val_acc: 1, recall: 1.5, complexity: 1 }, { normalisation: 'rank' });
    const [a, b] = [
      candidateOf('a', { val_acc: 0.3, recall: 0.3, complexity: 100 }),
      candidateOf('b', { val_acc: 0.3, recall: 0.3, complexity: 100, macs: 5 }),
    ];
    expect(ids(scoreCandidates([b, a], settings))).toEqual(['a', 'b']);
    const equalSum = settingsOf({ val_acc: 1, complexity: 1 }, { normalisation: 'min-max' });
    const accurate = candidateOf('z', { val_acc: 0.5, complexity: 900 });
    const small = candidateOf('a', { val_acc: 0.2, complexity: 100 });
    // Equal weights: val_acc comes before complexity in the list of metrics.
    expect(ids(scoreCandidates([small, accurate], equalSum))).toEqual(['z', 'a']);
    expect(explainTie(accurate, small, equalSum)).toEqual({ by: 'metric', metric: 'val_acc' });
  });

  it('then by fewer parameters, a known number first, then by id', () => {
    const settings = settingsOf({ val_acc: 1 });
    const make = (id: string, complexity?: number): ReturnType<typeof candidateOf> =>
      candidateOf(id, { val_acc: 0.3, ...(complexity === undefined ? {} : { complexity }) });
    const [large, small, unknown, twin] = [make('a', 200), make('d', 100), make('b'), make('c', 100)];
    expect(ids(scoreCandidates([large, small, unknown, twin], settings))).toEqual(['c', 'd', 'a', 'b']);
    expect(explainTie(small, large, settings)).toEqual({ by: 'parameters' });
    expect(explainTie(twin, small, settings)).toEqual({ by: 'id' });
  });
});

describe('Pareto front', () => {
  const settings = settingsOf({ val_acc: 1, complexity: 1 });
  it.each([
    ['better on both', [0.4, 100], [0.3, 200], true],
    ['better on one, equal on the other', [0.4, 100], [0.3, 100], true],
    ['equal', [0.4, 100], [0.4, 100], false],
    ['a trade', [0.4, 200], [0.3, 100], false],
    ['worse', [0.3, 200], [0.4, 100], false],
  ] as const)('dominates: %s', (_, [accuracyA, sizeA], [accuracyB, sizeB], expected) => {
    const [a, b] = [
      candidateOf('a', { val_acc: accuracyA, complexity: sizeA }),
      candidateOf('b', { val_acc: accuracyB, complexity: sizeB }),
    ];
    expect(dominates(a, b, ['val_acc', 'complexity'], settings)).toBe(expected);
  });

  it('has those that nobody dominates, equal ones both, and looks at weighted metrics alone', () => {
    const candidates = [
      candidateOf('accurate', { val_acc: 0.5, complexity: 900 }),
      candidateOf('small', { val_acc: 0.2, complexity: 100 }),
      candidateOf('beaten', { val_acc: 0.4, complexity: 950, throughput: 1e9 }),
      candidateOf('twin', { val_acc: 0.2, complexity: 100 }),
    ];
    expect(findParetoFront(candidates, settings)).toEqual([true, true, false, true]);
  });
});
