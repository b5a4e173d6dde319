// Scores candidates and puts them in order. Knows the rules of docs/selection.md; neither files nor words.

import { weightedMetrics } from './exclude.ts';
import { normalise } from './normalise.ts';
import type { Candidate, Direction, MetricName, SelectionSettings } from './ranking.ts';

/** A candidate that takes part. */
export interface Scored {
  readonly candidate: Candidate;
  readonly normalised: Readonly<Partial<Record<MetricName, number>>>;
  /** Σ weight × normalised, to twelve significant digits: sums that differ by rounding alone are equal. */
  readonly score: number;
}

/**
 * Scores candidates that have all weighted figures and orders them, best first. The order does not depend on the order of the argument: of equal
 * scores, the one comes first that is better on the heaviest metric on which they differ, then the one with fewer parameters, then the smaller id.
 */
export function scoreCandidates(candidates: readonly Candidate[], settings: SelectionSettings): readonly Scored[] {
  const columns = weightedMetrics(settings).map((metric) => {
    const values = candidates.map(({ figures }) => figureOf(figures, metric));
    return [metric, normalise(values, settings.directions[metric], settings.normalisation)] as const;
  });
  const scored = candidates.map((candidate, index): Scored => {
    const normalised = Object.fromEntries(columns.map(([metric, values]) => [metric, values[index]!]));
    return { candidate, normalised, score: scoreOf(normalised, settings.weights) };
  });
  return orderScored(scored, settings);
}

/** The same candidates under other weights of the same metrics: the normalised values stay, so nothing is normalised again. */
export function reweigh(scored: readonly Scored[], settings: SelectionSettings): readonly Scored[] {
  const rescored = scored.map((entry) => ({ ...entry, score: scoreOf(entry.normalised, settings.weights) }));
  return orderScored(rescored, settings);
}

/** Rank of each, from 1: those of equal score share one, and the next one counts them all (1, 1, 3). */
export function rankScored(ordered: readonly Scored[]): readonly number[] {
  const ranks: number[] = [];
  for (const [index, { score }] of ordered.entries())
    ranks.push(index > 0 && ordered[index - 1]!.score === score ? ranks[index - 1]! : index + 1);
  return ranks;
}

/** What decided between two candidates of equal score. */
export type TieBreak = { readonly by: 'metric'; readonly metric: MetricName } | { readonly by: 'parameters' | 'id' };

/** Why `first` stands before `second` where both have the same score. */
export function explainTie(first: Candidate, second: Candidate, settings: SelectionSettings): TieBreak {
  const metric = metricsByWeight(settings).find((name) => first.figures[name] !== second.figures[name]);
  if (metric !== undefined) return { by: 'metric', metric };
  return { by: compareSizes(first, second) === 0 ? 'id' : 'parameters' };
}

/**
 * For each candidate: does it lie on the Pareto front, that is, is no other at least as good on every weighted metric and better on one?
 * Candidates with equal figures do not push each other off it.
 */
export function findParetoFront(candidates: readonly Candidate[], settings: SelectionSettings): readonly boolean[] {
  const metrics = weightedMetrics(settings);
  return candidates.map((candidate) => !candidates.some((other) => dominates(other, candidate, metrics, settings)));
}

/** Is `a` at least as good as `b` on every metric, and better on one? */
export function dominates(
  a: Candidate,
  b: Candidate,
  metrics: readonly MetricName[],
  { directions }: Pick<SelectionSettings, 'directions'>,
): boolean {
  let better = false;
  for (const metric of metrics) {
    const gain = compareFigures(figureOf(a.figures, metric), figureOf(b.figures, metric), directions[metric]);
    if (gain > 0) return false;
    if (gain < 0) better = true;
  }
  return better;
}

/** Negative where `a` is the better figure. */
export function compareFigures(a: number, b: number, direction: Direction): number {
  return direction === 'maximize' ? b - a : a - b;
}

function scoreOf(
  normalised: Readonly<Partial<Record<MetricName, number>>>,
  weights: Readonly<Partial<Record<MetricName, number>>>,
): number {
  const sum = weightedMetrics({ weights }).reduce((total, name) => total + weights[name]! * normalised[name]!, 0);
  return Number(sum.toPrecision(12));
}

function orderScored(scored: readonly Scored[], settings: SelectionSettings): readonly Scored[] {
  const metrics = metricsByWeight(settings);
  return scored.toSorted(
    (a, b) => b.score - a.score || compareTied(a.candidate, b.candidate, metrics, settings.directions),
  );
}

function compareTied(
  a: Candidate,
  b: Candidate,
  metrics: readonly MetricName[],
  directions: SelectionSettings['directions'],
): number {
  for (const metric of metrics) {
    const order = compareFigures(figureOf(a.figures, metric), figureOf(b.figures, metric), directions[metric]);
    if (order !== 0) return order;
  }
  return compareSizes(a, b) || (a.id < b.id ? -1 : 1);
}

/** Fewer parameters first; an unknown number last. */
function compareSizes(a: Candidate, b: Candidate): number {
  const [first, second] = [a.figures.complexity ?? Infinity, b.figures.complexity ?? Infinity];
  return first === second ? 0 : first - second;
}

/** Heaviest first; equal weights in the order of the metrics. */
function metricsByWeight(settings: SelectionSettings): readonly MetricName[] {
  return weightedMetrics(settings).toSorted((a, b) => settings.weights[b]! - settings.weights[a]!);
}

/** Throws for a missing figure: such candidates are excluded before they are scored. */
function figureOf(figures: Candidate['figures'], metric: MetricName): number {
  const value = figures[metric];
  if (value === null) throw new Error(`a candidate without ${metric} is scored`);
  return value;
}
