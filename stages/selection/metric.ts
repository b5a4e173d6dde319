// The metrics that models are compared by: what each is called, in which unit it is told, and where its figure comes from. Knows no weights.

import type { Evaluation, SplitFigures } from '../evaluation/result.ts';
import type { Latency } from '../latency/result.ts';
import { metricNames } from './ranking.ts';
import type { MetricName } from './ranking.ts';

/** How figures of a metric are told: a fraction as a percentage, a count in full, amounts with a prefix (k, M, G) before the unit. */
type Kind = 'fraction' | 'count' | 'amount' | 'plain';

export interface MetricText {
  /** In a sentence: "validation accuracy". */
  readonly label: string;
  /** Unit of the figure as it is told; empty where there is none. Fractions are told in %. */
  readonly unit: string;
  readonly kind: Kind;
}

const texts: Readonly<Record<MetricName, MetricText>> = {
  val_loss: { label: 'validation loss', unit: '', kind: 'plain' },
  val_acc: { label: 'validation accuracy', unit: '%', kind: 'fraction' },
  top5: { label: 'top-5 accuracy', unit: '%', kind: 'fraction' },
  precision: { label: 'precision', unit: '%', kind: 'fraction' },
  recall: { label: 'recall', unit: '%', kind: 'fraction' },
  fpr: { label: 'false positive rate', unit: '%', kind: 'fraction' },
  f1_score: { label: 'F1 score', unit: '%', kind: 'fraction' },
  ece: { label: 'calibration error', unit: '%', kind: 'fraction' },
  complexity: { label: 'number of parameters', unit: 'parameters', kind: 'count' },
  macs: { label: 'computation', unit: 'MAC/image', kind: 'amount' },
  model_bytes: { label: 'size on disk', unit: 'B', kind: 'amount' },
  mean_predictions_time: { label: 'prediction time', unit: 'ms/image', kind: 'plain' },
  latency_p50: { label: 'median latency', unit: 'ms', kind: 'plain' },
  latency_p95: { label: '95th percentile of latency', unit: 'ms', kind: 'plain' },
  throughput: { label: 'throughput', unit: 'images/s', kind: 'plain' },
};

/** How a metric is told to people. */
export function describeMetric(name: MetricName): MetricText {
  return texts[name];
}

export interface FigureFormat {
  /** Significant digits; counts have all of theirs. */
  readonly digits?: number;
  /** Without the unit, for a table whose heading has it; prefixes and "%" stay. */
  readonly bare?: boolean;
}

/** "31.0%", "515,876 parameters", "25.3 MMAC/image", "0.231 ms/image". */
export function formatFigure(name: MetricName, value: number, { digits = 3, bare = false }: FigureFormat = {}): string {
  const { unit, kind } = texts[name];
  switch (kind) {
    case 'fraction':
      return `${fixedDigits(100 * value, digits)}%`;
    case 'count':
      return `${value.toLocaleString('en-US', { maximumFractionDigits: 0 })}${bare ? '' : ` ${unit}`}`;
    case 'amount': {
      const [scaled, prefix] = withPrefix(value);
      return `${fixedDigits(scaled, digits)}${bare && prefix === '' ? '' : ' '}${prefix}${bare ? '' : unit}`;
    }
    case 'plain':
      return `${fixedDigits(value, digits)}${bare || unit === '' ? '' : ` ${unit}`}`;
  }
}

/** The texts of two different figures, with as many digits as it takes to tell them apart. */
export function contrastFigures(name: MetricName, first: number, second: number): readonly [string, string] {
  return contrast(first, second, (value, digits) => formatFigure(name, value, { digits }));
}

/** A number without unit, in at most three significant digits: a weight, a score. */
export function formatNumber(value: number, digits = 3): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: digits });
}

/** Points of a score: two decimals, or two digits where there is less than that. */
export function formatPoints(points: number): string {
  return points === 0 || Math.abs(points) >= 0.01 ? points.toFixed(2) : formatNumber(points, 2);
}

/** The texts of two different numbers, with as many digits as it takes to tell them apart. */
export function contrastNumbers(first: number, second: number): readonly [string, string] {
  return contrast(first, second, formatNumber);
}

function contrast(
  first: number,
  second: number,
  format: (value: number, digits: number) => string,
): readonly [string, string] {
  for (let digits = 3; digits < 17; digits++) {
    const pair = [format(first, digits), format(second, digits)] as const;
    if (pair[0] !== pair[1]) return pair;
  }
  return [String(first), String(second)];
}

function fixedDigits(value: number, digits: number): string {
  if (value === 0) return '0';
  const options = { maximumSignificantDigits: digits, minimumSignificantDigits: Math.min(digits, 3) };
  return value.toLocaleString('en-US', options);
}

/** SI prefixes: decimal, also for bytes. */
function withPrefix(value: number): readonly [number, string] {
  for (const [size, prefix] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const)
    if (Math.abs(value) >= size) return [value / size, prefix];
  return [value, ''];
}

const fromSplit: Readonly<Partial<Record<MetricName, keyof SplitFigures>>> = {
  val_loss: 'loss',
  val_acc: 'accuracy',
  top5: 'top5',
  precision: 'precision',
  recall: 'recall',
  fpr: 'fpr',
  f1_score: 'f1',
  ece: 'ece',
};

/** The figures that selection uses: of the validation split, of the model's size, and of this machine's timing. Null: not known, or not a number. */
export function readFigures(
  { val, complexity }: Evaluation,
  latency: Latency | undefined,
): Record<MetricName, number | null> {
  const known: Partial<Record<MetricName, number | undefined>> = {
    ...readSplit(val),
    complexity: complexity.parameters,
    macs: complexity.macs,
    model_bytes: complexity.bytes,
    mean_predictions_time: latency?.perImage,
    latency_p50: latency?.p50,
    latency_p95: latency?.p95,
    throughput: latency?.throughput,
  };
  const entries = metricNames.map((name) => [name, isFigure(known[name]) ? known[name] : null] as const);
  return Object.fromEntries(entries) as Record<MetricName, number | null>;
}

/** The figures of the test split, under the names of those that selection takes from the validation split. */
export function readTestFigures({ test }: Evaluation): Partial<Record<MetricName, number>> {
  return readSplit(test);
}

function readSplit(figures: SplitFigures): Partial<Record<MetricName, number>> {
  const known: Partial<Record<MetricName, number>> = {};
  for (const name of metricNames) {
    const key = fromSplit[name];
    if (key !== undefined && isFigure(figures[key])) known[name] = figures[key];
  }
  return known;
}

/** A loss that diverged is NaN, which JSON has as null. */
function isFigure(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
