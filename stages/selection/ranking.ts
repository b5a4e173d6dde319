// The outcome of a comparison: content of `reports/ranking.json`.

import type { Halt } from '../training/result.ts';

export const metricNames = [
  'val_loss',
  'val_acc',
  'top5',
  'precision',
  'recall',
  'fpr',
  'f1_score',
  'ece',
  'complexity',
  'macs',
  'model_bytes',
  'mean_predictions_time',
  'latency_p50',
  'latency_p95',
  'throughput',
] as const;
export type MetricName = (typeof metricNames)[number];
export type Direction = 'minimize' | 'maximize';
export type Normalisation = 'ratio' | 'min-max' | 'rank';

/** evaluation_metrics.yaml, in canonical form. Only metrics with a weight above 0 are in `weights`. */
export interface SelectionSettings {
  readonly weights: Readonly<Partial<Record<MetricName, number>>>;
  readonly directions: Readonly<Record<MetricName, Direction>>;
  readonly normalisation: Normalisation;
  readonly constraints: Readonly<Partial<Record<MetricName, { readonly min?: number; readonly max?: number }>>>;
}

/** One trained model, whatever it is called. */
export interface Candidate {
  /** Short digest of what it is: stable across runs, machines and names. */
  readonly id: string;
  /** Names in params.yaml now; for a model of the history the name that it had. */
  readonly names: readonly string[];
  readonly origin: 'run' | 'history';
  /** When it was evaluated, ISO 8601. */
  readonly evaluatedAt: string;
  /** Digest of the model folder. */
  readonly model: string;
  /** Selection figures (validation split); null: not known. */
  readonly figures: Readonly<Record<MetricName, number | null>>;
  /** The same figures of the test split where there are such; shown, never used. */
  readonly testFigures: Readonly<Partial<Record<MetricName, number>>>;
  /** Where its training was ended by successive halving: it is shown, and never compared as if it were finished. */
  readonly halted?: Halt;
}

export interface Ranked extends Candidate {
  /** From 1; candidates of equal score share a rank. Null: excluded. */
  readonly rank: number | null;
  /** Σ weight × normalised. Null: excluded. */
  readonly score: number | null;
  /** Normalised value of each weighted metric, in [0, 1]; 1 is best. */
  readonly normalised: Readonly<Partial<Record<MetricName, number>>>;
  /** Why it takes no part: a constraint that it breaks, or a missing figure. */
  readonly excluded: readonly string[];
  /** No other candidate is at least as good on every weighted metric and better on one. */
  readonly pareto: boolean;
}

/** What happens to the choice when one weight changes. */
export interface WeightShift {
  readonly metric: MetricName;
  /** Factor on the weight: 0.8 or 1.2. */
  readonly factor: number;
  /** Id of the candidate that wins then. */
  readonly winner: string;
}

export interface Ranking {
  readonly version: 1;
  readonly settings: SelectionSettings;
  readonly data: { readonly name: string; readonly source: string; readonly identity: string };
  /** By rank; excluded ones last. */
  readonly candidates: readonly Ranked[];
  /** Id; null where every candidate is excluded. */
  readonly winner: string | null;
  readonly runnerUp: string | null;
  /** Score of the winner minus that of the runner-up. */
  readonly margin: number | null;
  readonly shifts: readonly WeightShift[];
  /** Plain sentences: why the winner won, how far the runner-up is, how stable the choice is. */
  readonly verdict: readonly string[];
  /** Evaluated models that were left out because they know other data. */
  readonly otherData: number;
  /** Warnings for the reader: models whose timing is missing, validation splits that differ, … */
  readonly warnings: readonly string[];
}
