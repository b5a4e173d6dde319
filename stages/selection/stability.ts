// How firm the choice is: which weight, changed by how much, makes another model win. Scores are linear in each weight, so this is exact.

import { weightedMetrics } from './exclude.ts';
import { reweigh } from './score.ts';
import type { Scored } from './score.ts';
import type { MetricName, SelectionSettings, WeightShift } from './ranking.ts';

/** Who wins where one weight is a fifth smaller or larger, for each weighted metric. */
export function shiftWeights(ordered: readonly Scored[], settings: SelectionSettings): readonly WeightShift[] {
  if (ordered.length === 0) return [];
  return weightedMetrics(settings).flatMap((metric) =>
    [0.8, 1.2].map((factor) => {
      const weights = { ...settings.weights, [metric]: settings.weights[metric]! * factor };
      return { metric, factor, winner: reweigh(ordered, { ...settings, weights })[0]!.candidate.id };
    }),
  );
}

/** With the weight beyond `to`, the candidate `winner` has a higher score than the present winner. */
export interface Crossing {
  readonly metric: MetricName;
  /** More weight for the metric, or less. */
  readonly direction: 'up' | 'down';
  /** The present weight. */
  readonly from: number;
  /** Equal to `from` where both are level now. */
  readonly to: number;
  readonly winner: string;
}

/**
 * The nearest change of each weight, upwards and downwards, that makes another model win; nearest by factor first. With D the winner's lead and d its
 * lead in the metric's normalised value alone, the lead at weight w′ is D + (w′ − w)·d, which is 0 at w′ = w − D / d.
 */
export function findCrossings(ordered: readonly Scored[], settings: SelectionSettings): readonly Crossing[] {
  const [winner, ...rivals] = ordered;
  if (winner === undefined) return [];
  const crossings = weightedMetrics(settings).flatMap((metric) => {
    const found = rivals.flatMap((rival) => crossWith(winner, rival, metric, settings.weights[metric]!));
    return (['up', 'down'] as const).flatMap((direction) =>
      found
        .filter((crossing) => crossing.direction === direction)
        .toSorted(compareCrossings)
        .slice(0, 1),
    );
  });
  return crossings.toSorted(compareCrossings).map(({ metric, direction, from, to, winner: { candidate } }) => ({
    metric,
    direction,
    from,
    to,
    winner: candidate.id,
  }));
}

interface Meeting extends Omit<Crossing, 'winner'> {
  readonly winner: Scored;
  /** By how much the lead changes with each unit of weight. */
  readonly slope: number;
}

function crossWith(winner: Scored, rival: Scored, metric: MetricName, from: number): readonly Meeting[] {
  const lead = winner.score - rival.score;
  const slope = winner.normalised[metric]! - rival.normalised[metric]!;
  if (slope === 0) return [];
  const to = Number((from - lead / slope).toPrecision(12));
  // At a weight of 0 the metric is left out, which is another question; rounding may put that point a little above 0.
  if (to <= 1e-9 * from || !Number.isFinite(to)) return [];
  return [{ metric, direction: slope < 0 ? 'up' : 'down', from, to, winner: rival, slope: Math.abs(slope) }];
}

/** Nearest first. Of rivals that draw level at one point, the one that gains fastest is ahead beyond it. */
function compareCrossings(a: Meeting, b: Meeting): number {
  return reach(a) - reach(b) || b.slope - a.slope;
}

function reach({ from, to }: Meeting): number {
  return Math.abs(Math.log(to / from));
}
