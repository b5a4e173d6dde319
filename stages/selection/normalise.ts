// Puts the figures of one metric on a common scale from 0 to 1, where 1 is the best of the models compared. Knows neither weights nor models.
//
// What holds for each way: a better figure never gets less, equal figures get the same, and where all are equal (or there is one model) each gets 1.

import type { Direction, Normalisation } from './ranking.ts';

/**
 * The normalised values of a column of finite figures, in its order.
 * - `ratio`: v / max where more is better, min / v where less is; see {@link ratioToBest} for zeros and negative figures.
 * - `min-max`: |v − worst| / |best − worst|.
 * - `rank`: (n − r) / (n − 1) with the fractional rank r, equal figures sharing the mean of their ranks.
 */
export function normalise(
  values: readonly number[],
  direction: Direction,
  normalisation: Normalisation,
): readonly number[] {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  if (low === high) return values.map(() => 1);
  const [best, worst] = direction === 'maximize' ? [high, low] : [low, high];
  switch (normalisation) {
    case 'ratio':
      return values.map((value) => ratioToBest(value, best));
    case 'min-max':
      return values.map((value) => Math.abs(value - worst) / Math.abs(best - worst));
    case 'rank':
      return rankFractionally(values, direction);
  }
}

/**
 * The original's score of one figure. The best one has 1. Another has the ratio of the smaller amount to the larger one, which is v / max for figures
 * to maximise and min / v for those to minimise; and 0 where there is no such ratio: where either is 0 (the limit of the ratio), or their signs differ.
 */
function ratioToBest(value: number, best: number): number {
  if (value === best) return 1;
  if (value === 0 || best === 0 || value < 0 !== best < 0) return 0;
  return Math.min(value / best, best / value);
}

function rankFractionally(values: readonly number[], direction: Direction): readonly number[] {
  const sign = direction === 'maximize' ? -1 : 1;
  const sorted = values.toSorted((a, b) => sign * (a - b));
  const last = values.length - 1;
  return values.map((value) => {
    const meanRank = (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2 + 1;
    return (last + 1 - meanRank) / last;
  });
}
