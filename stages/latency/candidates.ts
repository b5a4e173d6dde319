// Which models to measure: each one that was ever evaluated, once, however many names and evaluations it had. Pure.

import type { RecordedFile, RecordedOut, RecordedRun } from '../context/context.ts';

export interface MeasurableModel {
  /** Digest of the model folder. */
  readonly digest: string;
  readonly files: readonly RecordedFile[];
}

export interface Candidates {
  /** By digest. */
  readonly models: readonly MeasurableModel[];
  /** Digests of evaluated model folders that no recorded training made: `dagrun gc` took the training out of the history. By digest. */
  readonly orphans: readonly string[];
}

/** The model of a training is its out that is a folder with this file. */
const topologyFile = 'model.json';
const treePrefix = 'tree ';

/**
 * Joins the runs of `train` and `evaluate` by content: an evaluation was of the model whose folder's digest is that of one of its deps. Where no
 * training made any of them, the model is the one folder that trainings do not read either (as they do the data set).
 */
export function findCandidates(trainings: readonly RecordedRun[], evaluations: readonly RecordedRun[]): Candidates {
  const models = new Map(trainings.flatMap((run) => run.outs.filter(isModel)).map((out) => [out.digest, out]));
  const inputs = new Set(trainings.flatMap(treesOf));
  const evaluated = new Map<string, RecordedOut>();
  const orphans = new Set<string>();
  for (const evaluation of evaluations) {
    const trees = treesOf(evaluation);
    const own = trees.map((digest) => models.get(digest)).find((out) => out !== undefined);
    if (own !== undefined) {
      evaluated.set(own.digest, own);
      continue;
    }
    const unknown = trees.filter((digest) => !inputs.has(digest));
    if (unknown.length === 1) orphans.add(unknown[0]!);
  }
  return {
    models: [...evaluated.values()].sort(byDigest).map(({ digest, files }) => ({ digest, files })),
    orphans: [...orphans].sort(),
  };
}

function isModel(out: RecordedOut): boolean {
  return out.kind === 'tree' && out.files.some(({ path }) => path === topologyFile);
}

/** Digests of the folders that a run read. */
function treesOf(run: RecordedRun): string[] {
  return Object.values(run.deps)
    .filter((value) => value.startsWith(treePrefix))
    .map((value) => value.slice(treePrefix.length));
}

function byDigest(a: RecordedOut, b: RecordedOut): number {
  return a.digest < b.digest ? -1 : Number(a.digest > b.digest);
}
