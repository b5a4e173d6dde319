// Summaries of measured times. Pure.

/**
 * The quantile of a sample by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, the default of R and NumPy).
 * @param fraction - in [0, 1]; throws for an empty sample
 */
export function quantile(sample: readonly number[], fraction: number): number {
  if (sample.length === 0) throw new Error('there is no quantile of an empty sample');
  const sorted = Float64Array.from(sample).sort();
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!);
}
