// How figures read in the report: names, units and digits. The same on every machine, so no locale of the system is asked. Knows no model and no page.

import type { MetricName } from '../selection/ranking.ts';

/** A figure that may be unknown: a model without timing, a loss that is not a number (null in JSON). */
export type Figure = number | null | undefined;

export interface MetricStyle {
  /** Short enough for the head of a column. */
  readonly label: string;
  /** One sentence for those who meet it the first time. */
  readonly meaning: string;
  readonly format: (value: Figure) => string;
}

const unknown = '–';

/** Applies `format` to known figures; the others become a dash. */
function known(value: Figure, format: (value: number) => string): string {
  return value === null || value === undefined || !Number.isFinite(value) ? unknown : format(value);
}

/** 0.3503 → "35.0%" */
export function formatShare(value: Figure): string {
  return known(value, (share) => `${(share * 100).toFixed(1)}%`);
}

/** 515876 → "515,876" */
export function formatCount(value: Figure): string {
  return known(value, (count) =>
    Math.round(count)
      .toFixed(0)
      .replaceAll(/\B(?=(\d{3})+$)/g, ','),
  );
}

/** 12345678 → "12.3 M" */
export function formatLarge(value: Figure): string {
  return known(value, (amount) => scaled(amount, ['', ' k', ' M', ' G', ' T']));
}

/** 2063504 → "2.06 MB", in powers of 1000. */
export function formatBytes(value: Figure): string {
  return known(value, (bytes) => scaled(bytes, [' B', ' kB', ' MB', ' GB', ' TB']));
}

/** 0.23149 → "0.231 ms" */
export function formatMilliseconds(value: Figure): string {
  return known(value, (time) => `${significant(time)} ms`);
}

/** 3725 → "1 h 2 min" */
export function formatDuration(value: Figure): string {
  return known(value, (seconds) => {
    if (seconds < 99.5) return `${significant(seconds)} s`;
    const minutes = Math.round(seconds / 60);
    if (minutes < 100) return `${minutes} min`;
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  });
}

/** Three digits after the point: losses and scores. */
export function formatDecimal(value: Figure): string {
  return known(value, (number) => number.toFixed(3));
}

/** A setting as somebody would write it: 0.002, 1e-7. */
export function formatSetting(value: number): string {
  return String(value);
}

/** ISO 8601 → "2026-01-02 03:04 UTC"; anything else stays as it is. */
export function formatInstant(at: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z$/.exec(at);
  return match === null ? at : `${match[1]!} ${match[2]!} UTC`;
}

/** Height, width, channels → "32 × 32 × 3". */
export function formatShape(shape: readonly (number | null)[]): string {
  return shape.map((size) => (size === null ? '?' : String(size))).join(' × ');
}

/** Three significant digits, without an exponent where it can be read without one. */
function significant(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(Number(value.toPrecision(3)));
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(digits);
}

function scaled(value: number, units: readonly string[]): string {
  const exponent = value < 1 ? 0 : Math.floor(Math.log10(Number(value.toPrecision(3))) / 3);
  const step = Math.min(units.length - 1, exponent);
  const amount = value / 1000 ** step;
  return `${step === 0 ? String(Math.round(amount * 100) / 100) : significant(amount)}${units[step]!}`;
}

export const metricStyles: Readonly<Record<MetricName, MetricStyle>> = {
  val_loss: { label: 'Loss', meaning: 'Mean cross-entropy, in nats', format: formatDecimal },
  val_acc: { label: 'Accuracy', meaning: 'Part of the images that is recognised', format: formatShare },
  top5: { label: 'Top-5', meaning: 'The true class is among the five likeliest', format: formatShare },
  precision: { label: 'Precision', meaning: 'TP / (TP + FP), mean over the classes', format: formatShare },
  recall: { label: 'Recall', meaning: 'TP / (TP + FN), mean over the classes', format: formatShare },
  fpr: {
    label: 'False positives',
    meaning: 'FP / (FP + TN), mean over the classes',
    format: (value) => known(value, (share) => `${(share * 100).toFixed(3)}%`),
  },
  f1_score: { label: 'F1', meaning: 'Mean of F1 over the classes', format: formatShare },
  ece: {
    label: 'Calibration error',
    meaning: 'How far confidence is from accuracy (ECE, 15 bins)',
    format: formatShare,
  },
  complexity: { label: 'Parameters', meaning: 'All weights of the model', format: formatCount },
  macs: { label: 'MACs', meaning: 'Multiply–accumulates for one image', format: formatLarge },
  model_bytes: { label: 'Size', meaning: 'Bytes of the model’s files', format: formatBytes },
  mean_predictions_time: {
    label: 'Time an image',
    meaning: 'At the large batch, median, on this machine',
    format: formatMilliseconds,
  },
  latency_p50: { label: 'Latency p50', meaning: 'Median at batch 1, on this machine', format: formatMilliseconds },
  latency_p95: {
    label: 'Latency p95',
    meaning: '95th percentile at batch 1, on this machine',
    format: formatMilliseconds,
  },
  throughput: {
    label: 'Throughput',
    meaning: 'Images a second at the large batch, on this machine',
    format: (value) => known(value, (rate) => `${formatCount(rate)} /s`),
  },
};
