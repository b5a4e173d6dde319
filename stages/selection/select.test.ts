import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { StageFailure } from '../context/fail.ts';
import type { Candidate, MetricName, Normalisation, Ranking, SelectionSettings } from './ranking.ts';
import { selectBest } from './select.ts';
import { candidateOf, settingsOf } from './testing.ts';

function select(candidates: readonly Candidate[], settings: SelectionSettings): Ranking {
  const data = { name: 'synthetic', source: 's', identity: 'i' };
  return selectBest({ candidates, settings, data, otherData: 2, warnings: ['given'] });
}

describe('selectBest', () => {
  const three = [
    candidateOf('small', { val_acc: 0.25, complexity: 100 }),
    candidateOf('large', { val_acc: 0.5, complexity: 1000 }),
    candidateOf('unknown', { complexity: 1 }),
  ];

  it('ranks, names winner, runner-up and margin, and puts the excluded last', () => {
    const ranking = select(three, settingsOf({ val_acc: 2, complexity: 1 }));
    expect(
      ranking.candidates.map(({ id, rank, score, excluded, pareto }) => [id, rank, score, excluded, pareto]),
    ).toEqual([
      ['large', 1, 2.1, [], true],
      ['small', 2, 2, [], true],
      ['unknown', null, null, ['val_acc is not known'], false],
    ]);
    expect(ranking).toMatchObject({
      version: 1,
      winner: 'large',
      runnerUp: 'small',
      margin: 0.1,
      otherData: 2,
      warnings: ['given'],
    });
    expect(ranking.candidates[2]!.normalised).toEqual({});
    expect(ranking.shifts).toHaveLength(4);
  });

  it('normalises over those that take part: who is excluded does not count', () => {
    const settings = settingsOf({ complexity: 1, val_acc: 1 });
    const large = select(three, settings).candidates.find(({ id }) => id === 'large')!;
    expect(large.normalised.complexity).toBe(0.1);
  });

  it('has no runner-up and no margin for a single model, whose score is all that is possible', () => {
    const ranking = select([three[0]!], settingsOf({ val_acc: 2, complexity: 1 }));
    expect(ranking).toMatchObject({ winner: 'small', runnerUp: null, margin: null });
    expect(ranking.candidates[0]).toMatchObject({ rank: 1, score: 3, pareto: true });
  });

  it('has a margin of 0 for a tie', () => {
    const tie = select(
      [candidateOf('b', { val_acc: 0.3 }), candidateOf('a', { val_acc: 0.3 })],
      settingsOf({ val_acc: 1 }),
    );
    expect(tie).toMatchObject({ winner: 'a', runnerUp: 'b', margin: 0 });
    expect(tie.candidates.map(({ rank }) => rank)).toEqual([1, 1]);
  });

  it('has no winner where all are excluded, or there is nobody', () => {
    const none = select(three, settingsOf({ val_acc: 1 }, { constraints: { complexity: { max: 10 } } }));
    expect(none).toMatchObject({ winner: null, runnerUp: null, margin: null, shifts: [] });
    expect(none.candidates.map(({ id, rank }) => [id, rank])).toEqual([
      ['large', null],
      ['small', null],
      ['unknown', null],
    ]);
    expect(select([], settingsOf({ val_acc: 1 }))).toMatchObject({ winner: null, candidates: [] });
  });

  it('wants a weight', () => {
    expect(() => select(three, settingsOf({}))).toThrow(StageFailure);
    expect(() => select(three, settingsOf({ val_acc: 0 }))).toThrow(/no metric has a weight above 0.*val_acc: 1/s);
  });

  it('warns where a best figure of 0 leaves nothing for the others, under ratio alone', () => {
    const candidates = [candidateOf('a', { ece: 0 }), candidateOf('b', { ece: 0.1 })];
    expect(select(candidates, settingsOf({ ece: 1 })).warnings[1]).toMatch(/^The best ece is 0/);
    expect(select(candidates, settingsOf({ ece: 1 }, { normalisation: 'min-max' })).warnings).toEqual(['given']);
    expect(select(candidates.slice(0, 1), settingsOf({ ece: 1 })).warnings).toEqual(['given']);
  });
});

const metrics: readonly MetricName[] = ['val_acc', 'f1_score', 'complexity', 'mean_predictions_time'];
const figure = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.double({ min: 0, max: 1000, noNaN: true }));
const figures = fc.record(Object.fromEntries(metrics.map((name) => [name, figure])));
const someCandidates = fc
  .array(figures, { minLength: 1, maxLength: 7 })
  .map((all) => all.map((one, index) => candidateOf(`c${index}`, one)));
const someSettings = fc
  .tuple(
    fc.record(Object.fromEntries(metrics.map((name) => [name, fc.double({ min: 0.1, max: 9, noNaN: true })]))),
    fc.constantFrom<Normalisation>('ratio', 'min-max', 'rank'),
  )
  .map(([weights, normalisation]) => settingsOf(weights, { normalisation }));

describe('properties of the choice', () => {
  it('does not depend on the order of the candidates', () => {
    fc.assert(
      fc.property(someCandidates, someSettings, fc.integer(), (candidates, settings, seed) => {
        const mixed = candidates
          .toSorted((a, b) => ((seed * Number(a.id[1])) % 7) - ((seed * Number(b.id[1])) % 7))
          .reverse();
        expect(select(mixed, settings)).toEqual(select(candidates, settings));
      }),
    );
  });

  it('falls on a model of the Pareto front', () => {
    fc.assert(
      fc.property(someCandidates, someSettings, (candidates, settings) => {
        const ranking = select(candidates, settings);
        expect(ranking.candidates.find(({ id }) => id === ranking.winner)!.pareto).toBe(true);
      }),
    );
  });

  it('never ranks a model before one that dominates it', () => {
    fc.assert(
      fc.property(someCandidates, someSettings, figures, (candidates, settings, better) => {
        const [first] = candidates;
        const improved = Object.fromEntries(
          metrics.map((name) => {
            const [own, change] = [first!.figures[name]!, better[name] ?? 0];
            return [name, settings.directions[name] === 'maximize' ? own + change : Math.max(0, own - change)];
          }),
        );
        const ranking = select([...candidates, candidateOf('twin', improved)], settings);
        const rankOf = (id: string): number => ranking.candidates.find((one) => one.id === id)!.rank!;
        expect(rankOf('twin')).toBeLessThanOrEqual(rankOf(first!.id));
      }),
    );
  });

  it('never gives a model a worse rank for a higher maximised figure (ratio)', () => {
    fc.assert(
      fc.property(
        someCandidates,
        someSettings,
        fc.double({ min: 0, max: 500, noNaN: true }),
        (candidates, settings, gain) => {
          const ratio = { ...settings, normalisation: 'ratio' as const };
          const [first, ...others] = candidates;
          const raised = { ...first!, figures: { ...first!.figures, val_acc: first!.figures.val_acc! + gain } };
          const rankOf = (ranking: Ranking): number => ranking.candidates.find(({ id }) => id === first!.id)!.rank!;
          expect(rankOf(select([raised, ...others], ratio))).toBeLessThanOrEqual(rankOf(select(candidates, ratio)));
        },
      ),
    );
  });

  it('is the same for weights in the same proportion', () => {
    fc.assert(
      fc.property(someCandidates, someSettings, (candidates, settings) => {
        const weights = Object.fromEntries(
          Object.entries(settings.weights).map(([name, weight]) => [name, weight * 8]),
        );
        expect(select(candidates, { ...settings, weights }).winner).toBe(select(candidates, settings).winner);
      }),
    );
  });
});
