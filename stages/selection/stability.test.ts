import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { reweigh, scoreCandidates } from './score.ts';
import { findCrossings, shiftWeights } from './stability.ts';
import { candidateOf, settingsOf } from './testing.ts';

describe('shiftWeights', () => {
  it('names the winner for each weight 20% smaller and larger', () => {
    const settings = settingsOf({ val_acc: 1, complexity: 1 }, { normalisation: 'min-max' });
    const scored = scoreCandidates(
      [
        candidateOf('accurate', { val_acc: 1, complexity: 100 }),
        candidateOf('small', { val_acc: 0, complexity: 0 }),
        candidateOf('middle', { val_acc: 0.6, complexity: 50 }),
      ],
      settings,
    );
    expect(scored[0]!.candidate.id).toBe('middle');
    expect(shiftWeights(scored, settings)).toEqual([
      { metric: 'val_acc', factor: 0.8, winner: 'small' },
      { metric: 'val_acc', factor: 1.2, winner: 'middle' },
      { metric: 'complexity', factor: 0.8, winner: 'accurate' }, // level with "middle", better on the metric that is then the heaviest
      { metric: 'complexity', factor: 1.2, winner: 'small' },
    ]);
    expect(shiftWeights([], settings)).toEqual([]);
  });
});

describe('findCrossings', () => {
  const settings = settingsOf({ val_acc: 2, complexity: 1 });
  it('finds where another model draws level, worked by hand', () => {
    const scored = scoreCandidates(
      [candidateOf('a', { val_acc: 0.4, complexity: 400 }), candidateOf('b', { val_acc: 0.3, complexity: 200 })],
      settings,
    );
    // a: 2 + 0.5, b: 1.5 + 1: level now; a is better on the heaviest metric.
    expect(findCrossings(scored, settings)).toEqual([
      { metric: 'complexity', direction: 'up', from: 1, to: 1, winner: 'b' },
      { metric: 'val_acc', direction: 'down', from: 2, to: 2, winner: 'b' },
    ]);
    const heavier = settingsOf({ val_acc: 4, complexity: 1 });
    const again = findCrossings(reweigh(scored, heavier), heavier);
    expect(again).toEqual([
      { metric: 'complexity', direction: 'up', from: 1, to: 2, winner: 'b' },
      { metric: 'val_acc', direction: 'down', from: 4, to: 2, winner: 'b' },
    ]);
  });

  it('finds none for a single model, nor where one is best in everything', () => {
    const best = candidateOf('a', { val_acc: 0.4, complexity: 100 });
    expect(findCrossings(scoreCandidates([best], settings), settings)).toEqual([]);
    const both = scoreCandidates([best, candidateOf('b', { val_acc: 0.3, complexity: 200 })], settings);
    expect(findCrossings(both, settings)).toEqual([]);
    expect(findCrossings([], settings)).toEqual([]);
  });

  it('is exact: just before, the winner stays; just beyond, the named model wins', () => {
    const figures = fc.record({
      val_acc: fc.integer({ min: 1, max: 50 }),
      complexity: fc.integer({ min: 1, max: 50 }),
      ece: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(figures, { minLength: 2, maxLength: 6 }), (all) => {
        const some = settingsOf({ val_acc: 2, complexity: 1, ece: 3 });
        const scored = scoreCandidates(
          all.map((one, index) => candidateOf(`c${index}`, one)),
          some,
        );
        for (const { metric, direction, from, to, winner } of findCrossings(scored, some)) {
          const beyond = direction === 'up' ? 1 + 1e-7 : 1 - 1e-7;
          const winnerAt = (weight: number): string =>
            reweigh(scored, { ...some, weights: { ...some.weights, [metric]: weight } })[0]!.candidate.id;
          const value = (id: string): unknown => scored.find(({ candidate }) => candidate.id === id)!.normalised;
          // Candidates with the same figures are the same to every weight.
          expect(value(winnerAt(to * beyond))).toEqual(value(winner));
          if (from !== to) expect(winnerAt(to / beyond)).toBe(scored[0]!.candidate.id);
        }
      }),
    );
  });
});
