// Who may take part: a model needs a finished training, a figure for every weighted metric and has to keep every limit. Also tells what to change where nobody is left.

import type { Halt } from '../training/result.ts';
import { contrastFigures } from './metric.ts';
import { metricNames } from './ranking.ts';
import type { Candidate, MetricName, SelectionSettings } from './ranking.ts';

/** A limit that a figure does not keep. */
export interface Breach {
  readonly metric: MetricName;
  readonly bound: 'min' | 'max';
  readonly limit: number;
  readonly figure: number;
}

/** Metrics with a weight, in the order of {@link metricNames}. */
export function weightedMetrics({ weights }: Pick<SelectionSettings, 'weights'>): readonly MetricName[] {
  return metricNames.filter((name) => (weights[name] ?? 0) > 0);
}

/** Why a candidate takes no part, each reason with its figure and limit; empty: it takes part. */
export function findExclusions(candidate: Candidate, settings: SelectionSettings): readonly string[] {
  const halted = candidate.halted === undefined ? [] : [describeHalt(candidate.halted)];
  const missing = findMissing(candidate, settings).map((metric) => `${metric} is not known`);
  return [...halted, ...missing, ...findBreaches(candidate, settings).map(describeBreach)];
}

/** "stopped after epoch 2 of 20 by successive halving" */
export function describeHalt({ after, of }: Halt): string {
  return `stopped after epoch ${after} of ${of} by successive halving`;
}

/** The metrics that the settings weigh or limit and that the candidate has no figure for. A missing figure is never guessed. */
export function findMissing(candidate: Candidate, settings: SelectionSettings): readonly MetricName[] {
  const weighted = weightedMetrics(settings);
  return metricNames.filter(
    (name) => candidate.figures[name] === null && (weighted.includes(name) || settings.constraints[name] !== undefined),
  );
}

/** The limits that the candidate's figures break. A figure at the limit keeps it. */
export function findBreaches(candidate: Candidate, { constraints }: SelectionSettings): readonly Breach[] {
  return metricNames.flatMap((metric): Breach[] => {
    const figure = candidate.figures[metric];
    const { min = -Infinity, max = Infinity } = constraints[metric] ?? {};
    if (figure === null) return [];
    if (figure < min) return [{ metric, bound: 'min', limit: min, figure }];
    if (figure > max) return [{ metric, bound: 'max', limit: max, figure }];
    return [];
  });
}

function describeBreach({ metric, bound, limit, figure }: Breach): string {
  const [has, allowed] = contrastFigures(metric, figure, limit);
  return `${metric} ${has} is ${bound === 'min' ? 'below the minimum' : 'above the maximum'} of ${allowed}`;
}

export interface Relaxation {
  readonly candidate: Candidate;
  /** All that would have to be relaxed for this candidate. */
  readonly breaches: readonly Breach[];
}

/**
 * The cheapest way to let a model take part: the fewest limits to relax, then the smallest relative change of a limit, then the smaller id.
 * Undefined where no limits are in the way, but missing figures.
 */
export function findRelaxation(candidates: readonly Candidate[], settings: SelectionSettings): Relaxation | undefined {
  const options = candidates
    .filter((candidate) => candidate.halted === undefined && findMissing(candidate, settings).length === 0)
    .map((candidate) => ({ candidate, breaches: findBreaches(candidate, settings) }))
    .filter(({ breaches }) => breaches.length > 0);
  return options.toSorted(
    (a, b) =>
      a.breaches.length - b.breaches.length ||
      largestChange(a.breaches) - largestChange(b.breaches) ||
      (a.candidate.id < b.candidate.id ? -1 : 1),
  )[0];
}

/** As it is to be written into the file: "`complexity: {max: 515876}` instead of 400000 (+29%)". */
export function describeRelaxation({ metric, bound, limit, figure }: Breach): string {
  const change = limit === 0 ? '' : ` (${signedPercent((figure - limit) / Math.abs(limit))})`;
  return `\`${metric}: {${bound}: ${roundOutwards(figure, bound)}}\` instead of ${limit}${change}`;
}

/** In four significant digits, rounded so that the figure itself still keeps the limit; whole numbers stay as they are. */
function roundOutwards(figure: number, bound: Breach['bound']): number {
  if (Number.isInteger(figure) || figure === 0) return figure;
  const step = 10 ** (Math.floor(Math.log10(Math.abs(figure))) - 3);
  const steps = bound === 'min' ? Math.floor(figure / step) : Math.ceil(figure / step);
  const rounded = Number((steps * step).toPrecision(4));
  const keeps = bound === 'min' ? rounded <= figure : rounded >= figure;
  return keeps ? rounded : figure;
}

function signedPercent(fraction: number): string {
  const percent = Math.abs(100 * fraction).toLocaleString('en-US', { maximumSignificantDigits: 2 });
  return `${fraction < 0 ? '−' : '+'}${percent}%`;
}

function largestChange(breaches: readonly Breach[]): number {
  return Math.max(
    ...breaches.map(({ figure, limit }) => Math.min(Number.MAX_VALUE, Math.abs((figure - limit) / limit))),
  );
}
