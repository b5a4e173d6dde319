// Candidates, settings, evaluations and recorded runs for tests. Not used by any stage.

import type { ModelDefinition } from '../config/definition.ts';
import { defaultPrepare, defaultTrain } from '../config/testing.ts';
import type { RecordedFile, RecordedRun } from '../context/context.ts';
import type { Evaluation, SplitFigures } from '../evaluation/result.ts';
import type { Halt } from '../training/result.ts';
import { metricNames } from './ranking.ts';
import type { Candidate, Direction, MetricName, SelectionSettings } from './ranking.ts';

const minimised: readonly MetricName[] = [
  'val_loss',
  'fpr',
  'ece',
  'complexity',
  'macs',
  'model_bytes',
  'mean_predictions_time',
  'latency_p50',
  'latency_p95',
];

/** Settings with the usual directions. */
export function settingsOf(
  weights: SelectionSettings['weights'],
  changes: Partial<SelectionSettings> = {},
): SelectionSettings {
  const directions = Object.fromEntries(
    metricNames.map((name): [MetricName, Direction] => [name, minimised.includes(name) ? 'minimize' : 'maximize']),
  ) as Record<MetricName, Direction>;
  return { weights, directions, normalisation: 'ratio', constraints: {}, ...changes };
}

/** A candidate with an id; figures that are not given are unknown. */
export function candidateOf(
  id: string,
  figures: Partial<Record<MetricName, number>>,
  changes: Partial<Candidate> = {},
): Candidate {
  const all = Object.fromEntries(metricNames.map((name) => [name, figures[name] ?? null]));
  return {
    id,
    names: [id],
    origin: 'run',
    evaluatedAt: '2026-01-02T03:04:05.678Z',
    model: `model-of-${id}`,
    figures: all as Candidate['figures'],
    testFigures: {},
    ...changes,
  };
}

export const someDefinition: ModelDefinition = {
  version: 1,
  prepare: defaultPrepare,
  train: {
    ...defaultTrain,
    lr: 0.002,
    epochs: 6,
    schedule: { kind: 'cosine', warmup: 1, final: 0 },
    augment: { flip: true, padCrop: 0, cutout: 8 },
    engine: 'wasm',
  },
  architecture: {
    kind: 'custom',
    layers: [{ branches: [[{ op: 'flatten' }, { op: 'output', classes: 100 }]] }],
  },
};

export interface EvaluationChanges {
  readonly definition?: ModelDefinition;
  readonly definitionDigest?: string;
  readonly source?: string;
  readonly identity?: string;
  readonly accuracy?: number;
  readonly loss?: number | null;
  readonly parameters?: number;
  readonly halted?: Halt;
}

/** An evaluation as the history has it: parsed JSON, where a loss that is not a number is null. */
export function evaluationOf({
  definition = someDefinition,
  definitionDigest = 'd1',
  source = 'source-1',
  identity = 'identity-1',
  accuracy = 0.3,
  loss = 2.5,
  parameters = 1000,
  halted,
}: EvaluationChanges = {}): Evaluation {
  const split = (count: number, shift: number): SplitFigures => ({
    images: count,
    loss: loss as number,
    accuracy: accuracy + shift,
    top5: 0.6,
    precision: accuracy,
    recall: accuracy,
    f1: accuracy,
    fpr: 0.01,
    ece: 0.05,
  });
  return {
    version: 1,
    definitionDigest,
    definition,
    data: { name: 'synthetic', identity, source, shape: [32, 32, 3], classes: 100 },
    val: split(400, 0),
    test: split(500, -0.01),
    complexity: { parameters, trainable: parameters, macs: 25_300_000, bytes: 4 * parameters },
    layers: [],
    history: {
      version: 1,
      epochs: [],
      keptEpoch: 5,
      stoppedEarly: false,
      ...(halted === undefined ? {} : { halted }),
      seconds: 12.3,
      engine: { name: 'wasm', version: 'tfjs 4.22.0, wasm (SIMD)', notes: [] },
    },
  };
}

export interface RunChanges {
  readonly name?: string;
  readonly at?: string;
  readonly fingerprint?: string;
  /** Files of the out that is a folder. */
  readonly files?: readonly RecordedFile[];
}

/** A recorded evaluation of the model folder with the digest `model`. */
export function evaluateRun(model: string, evaluation: unknown, changes: RunChanges = {}): RecordedRun {
  const { name = 'model1', at = '2026-01-01T00:00:00.000Z', fingerprint = `evaluate-${model}`, files = [] } = changes;
  return {
    stage: `evaluate@${name}`,
    fingerprint,
    at,
    seconds: 1,
    metrics: { [`artifacts/${name}/evaluation.json`]: evaluation },
    deps: {
      [`artifacts/definitions/${name}.json`]: 'definition-digest',
      [`data/prepared/${name}`]: 'tree dataset',
      [`artifacts/${name}/model`]: `tree ${model}`,
      [`artifacts/${name}/history.json`]: 'history-digest',
    },
    outs: [{ path: `artifacts/${name}/evaluation`, label: 'out', kind: 'tree', digest: `details-${model}`, files }],
  };
}

/** The recorded training that made the model folder with the digest `model`. */
export function trainRun(model: string, changes: RunChanges = {}): RecordedRun {
  const { name = 'model1', at = '2026-01-01T00:00:00.000Z', fingerprint = `train-${model}`, files = [] } = changes;
  return {
    stage: `train@${name}`,
    fingerprint,
    at,
    seconds: 60,
    metrics: {},
    deps: { [`artifacts/definitions/${name}.json`]: 'definition-digest', [`data/prepared/${name}`]: 'tree dataset' },
    outs: [
      { path: `artifacts/${name}/model`, label: 'out', kind: 'tree', digest: model, files },
      { path: `artifacts/${name}/history.json`, label: 'out', kind: 'file', digest: 'history-digest', files: [] },
      { path: `artifacts/${name}/checkpoint`, label: 'out', kind: 'tree', digest: 'empty', files: [] },
    ],
  };
}
