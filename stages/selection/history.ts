// Reads the history of `train` and `evaluate` as evaluated models: which evaluation is of which model folder. Runs are joined by content, never by
// path, because models are renamed and moved. Knows nothing of this run's params.yaml.

import type { RecordedOut, RecordedRun } from '../context/context.ts';
import type { Evaluation } from '../evaluation/result.ts';

/** One evaluation of one model. */
export interface EvaluatedModel {
  readonly evaluation: Evaluation;
  /** The run of `evaluate`. */
  readonly run: RecordedRun;
  /** Digest of the model folder. */
  readonly model: string;
  /** The folder as `train` left it; undefined: `dagrun gc` took the training out of the history. */
  readonly folder: RecordedOut | undefined;
}

export interface EvaluationHistory {
  readonly models: readonly EvaluatedModel[];
  /** Runs that have no evaluation of a known form. */
  readonly unreadable: number;
  /** Evaluations for which it cannot be told any more which model they are of. */
  readonly orphans: number;
}

/** Every recorded evaluation with its model, in the order of the runs. */
export function readHistory(evaluate: readonly RecordedRun[], train: readonly RecordedRun[]): EvaluationHistory {
  const folders = new Map(
    train.flatMap(({ outs }) => outs.filter(({ kind }) => kind === 'tree')).map((out) => [out.digest, out] as const),
  );
  const inputs = new Set(train.flatMap(readTrees));
  const models: EvaluatedModel[] = [];
  let unreadable = 0;
  let orphans = 0;
  for (const run of evaluate) {
    const evaluation = Object.values(run.metrics).find(isEvaluation);
    if (evaluation === undefined) {
      unreadable++;
      continue;
    }
    const model = findModel(readTrees(run), folders, inputs);
    if (model === undefined) orphans++;
    else models.push({ evaluation, run, model, folder: folders.get(model) });
  }
  return { models, unreadable, orphans };
}

/**
 * Which of an evaluation's folders is the model: the one that a training made. Where that training is gone, the one folder that no training reads,
 * which the data set is.
 */
function findModel(
  trees: readonly string[],
  folders: ReadonlyMap<string, RecordedOut>,
  inputs: ReadonlySet<string>,
): string | undefined {
  const made = trees.find((digest) => folders.has(digest));
  if (made !== undefined) return made;
  const unknown = trees.filter((digest) => !inputs.has(digest));
  return unknown.length === 1 ? unknown[0] : undefined;
}

/** The digests of the folders that a run read. */
function readTrees({ deps }: RecordedRun): readonly string[] {
  return Object.values(deps).flatMap((dep) => (dep.startsWith('tree ') ? [dep.slice('tree '.length)] : []));
}

/** By shape: the path of the file says nothing, since models are renamed. */
function isEvaluation(value: unknown): value is Evaluation {
  if (!isRecord(value)) return false;
  const { version, definitionDigest, definition, data, val, test, complexity, history } = value;
  return (
    version === 1 &&
    typeof definitionDigest === 'string' &&
    isRecord(data) &&
    typeof data['source'] === 'string' &&
    typeof data['identity'] === 'string' &&
    [definition, val, test, complexity, history].every(isRecord)
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
