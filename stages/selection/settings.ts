// Reads evaluation_metrics.yaml: what matters to the client, in canonical form.

import type { Direction, MetricName, Normalisation, SelectionSettings } from './ranking.ts';
import { metricNames } from './ranking.ts';
import type { Fault } from '../config/faults.ts';
import { throwFaults } from '../config/faults.ts';
import { checkAgainst } from '../config/schema.ts';

/** What each metric means, unless the file says otherwise. */
const standard: Readonly<Record<MetricName, Direction>> = {
  val_loss: 'minimize',
  val_acc: 'maximize',
  top5: 'maximize',
  precision: 'maximize',
  recall: 'maximize',
  fpr: 'minimize',
  f1_score: 'maximize',
  ece: 'minimize',
  complexity: 'minimize',
  macs: 'minimize',
  model_bytes: 'minimize',
  mean_predictions_time: 'minimize',
  latency_p50: 'minimize',
  latency_p95: 'minimize',
  throughput: 'maximize',
};

interface Limit {
  readonly min?: number;
  readonly max?: number;
}

/** The file as the schema allows it. */
interface RawMetrics {
  readonly evaluation_metrics: Readonly<Partial<Record<MetricName, number | null>>>;
  readonly optimization_directions?: Readonly<Partial<Record<MetricName, Direction>>> | null;
  readonly normalisation?: Normalisation;
  readonly constraints?: Readonly<Partial<Record<MetricName, Limit>>> | null;
}

/** Reads the parsed evaluation_metrics.yaml. Throws a StageFailure with a line for each fault. */
export function readSelectionSettings(document: unknown): SelectionSettings {
  throwFaults('evaluation_metrics.yaml', checkAgainst('metrics', document));
  const raw = document as RawMetrics;
  throwFaults('evaluation_metrics.yaml', checkLimits(raw.constraints ?? {}));
  const weights = pick((metric) => raw.evaluation_metrics[metric] || undefined);
  const directions = { ...standard, ...raw.optimization_directions };
  const constraints = pick((metric) => raw.constraints?.[metric]);
  return { weights, directions, normalisation: raw.normalisation ?? 'ratio', constraints };
}

/** What a function gives for each metric, undefined left out. */
function pick<Value>(of: (metric: MetricName) => Value | undefined): Partial<Record<MetricName, Value>> {
  const entries = metricNames.map((metric) => [metric, of(metric)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function checkLimits(limits: Readonly<Partial<Record<MetricName, Limit>>>): Fault[] {
  return metricNames.flatMap((metric) => {
    const { min, max } = limits[metric] ?? {};
    if (min === undefined || max === undefined || min <= max) return [];
    return [{ path: ['constraints', metric], message: `nothing lies between min ${min} and max ${max}` }];
  });
}
