// Who is compared: every model ever evaluated on the data of this run, each once, with its figures. Knows no weights.

import { createHash } from 'node:crypto';
import { StageFailure } from '../context/fail.ts';
import type { DatasetIndex } from '../data/manifest.ts';
import type { BenchmarkResult } from '../latency/result.ts';
import type { EvaluatedModel, EvaluationHistory } from './history.ts';
import { labelCandidates } from './label.ts';
import { readFigures, readTestFigures } from './metric.ts';
import type { Candidate, Ranking } from './ranking.ts';

export interface GatherInput {
  readonly history: EvaluationHistory;
  /** The data set of each model of params.yaml. */
  readonly index: DatasetIndex;
  /** Digest of the definition of each model of params.yaml. */
  readonly definitions: ReadonlyMap<string, string>;
  readonly benchmark: BenchmarkResult;
}

export interface Gathered {
  readonly candidates: readonly Candidate[];
  /** What each candidate was read from, by id. */
  readonly sources: ReadonlyMap<string, EvaluatedModel>;
  readonly data: Ranking['data'];
  /** Models that know only other data. */
  readonly otherData: number;
  readonly warnings: readonly string[];
}

/**
 * One candidate for each pair of definition and model folder, by its newest evaluation. A forced training that gave other bytes is thus a candidate
 * of its own; of those that share a definition, the one evaluated last stands for the models of this run, the others are history.
 */
export function gatherCandidates({ history, index, definitions, benchmark }: GatherInput): Gathered {
  const data = findData(index);
  const same = keepFurthest(history.models.filter(({ evaluation }) => evaluation.data.source === data.source));
  const other = history.models.filter(({ evaluation }) => evaluation.data.source !== data.source);
  const current = namesOfThisRun(index, definitions);
  const entries = distinguish(same, current).map((entry) => ({ entry, candidate: describe(entry, benchmark) }));
  const candidates = entries.map(({ candidate }) => candidate);
  const sources = new Map(entries.map(({ entry, candidate }) => [candidate.id, entry.newest]));
  const warnings = [
    ...warnOfSplits(candidates, sources, data),
    ...warnOfTiming(candidates, benchmark),
    ...warnOfUnusable(history),
  ];
  return { candidates, sources, data, otherData: new Set(other.map(keyOf)).size, warnings };
}

/** Of the trainings of one definition those that came furthest: one that was stopped is of no interest where it was gone on with. */
function keepFurthest(models: readonly EvaluatedModel[]): readonly EvaluatedModel[] {
  const keyOfTraining = ({ evaluation }: EvaluatedModel): string =>
    definitionKey(evaluation.definitionDigest, evaluation.data.identity);
  const reach = ({ evaluation }: EvaluatedModel): number => evaluation.history.halted?.after ?? Infinity;
  const furthest = new Map<string, number>();
  for (const model of models)
    furthest.set(keyOfTraining(model), Math.max(reach(model), furthest.get(keyOfTraining(model)) ?? 0));
  return models.filter((model) => reach(model) === furthest.get(keyOfTraining(model)));
}

/** The data that most models of this run have. Their source is the same for all; splits may differ, and then the commonest gives the name. */
function findData({ models }: DatasetIndex): Ranking['data'] {
  const sets = Object.values(models);
  const counts = new Map<string, number>();
  for (const { identity } of sets) counts.set(identity, (counts.get(identity) ?? 0) + 1);
  const [commonest] = sets.toSorted(
    (a, b) => counts.get(b.identity)! - counts.get(a.identity)! || compareText(a.identity, b.identity),
  );
  if (commonest === undefined)
    throw new StageFailure(
      'params.yaml has no model, so it cannot be told on which data to compare: add one under `model`',
    );
  return { name: commonest.name, source: commonest.source, identity: commonest.identity };
}

/** The names in params.yaml by definition and data, as {@link definitionKey} has them. */
function namesOfThisRun(
  index: DatasetIndex,
  definitions: ReadonlyMap<string, string>,
): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const [name, digest] of [...definitions].sort(([a], [b]) => compareText(a, b))) {
    const set = Object.hasOwn(index.models, name) ? index.models[name] : undefined;
    if (set === undefined) continue;
    const key = definitionKey(digest, set.identity);
    names.set(key, [...(names.get(key) ?? []), name]);
  }
  return names;
}

interface Entry {
  readonly newest: EvaluatedModel;
  readonly names: readonly string[];
  readonly origin: Candidate['origin'];
}

function distinguish(
  models: readonly EvaluatedModel[],
  current: ReadonlyMap<string, readonly string[]>,
): readonly Entry[] {
  const groups = new Map<string, EvaluatedModel[]>();
  for (const model of models.toSorted(compareNewest))
    groups.set(keyOf(model), [...(groups.get(keyOf(model)) ?? []), model]);
  const claimed = new Set<string>();
  // The groups come newest first, so the first one of a definition is that of this run.
  return [...groups.values()].map((group): Entry => {
    const newest = group[0]!;
    const key = definitionKey(newest.evaluation.definitionDigest, newest.evaluation.data.identity);
    const names = current.get(key);
    if (names !== undefined && !claimed.has(key)) {
      claimed.add(key);
      return { newest, names, origin: 'run' };
    }
    return {
      newest,
      names: [...new Set(group.map(({ run }) => nameOf(run.stage)))].sort(compareText),
      origin: 'history',
    };
  });
}

function describe({ newest, names, origin }: Entry, { latencies }: BenchmarkResult): Candidate {
  const { evaluation, model, run } = newest;
  const { halted } = evaluation.history;
  return {
    id: createHash('sha256').update(keyOf(newest)).digest('hex').slice(0, 10),
    names,
    origin,
    evaluatedAt: run.at,
    model,
    figures: readFigures(
      evaluation,
      latencies.find((latency) => latency.model === model),
    ),
    testFigures: readTestFigures(evaluation),
    ...(halted === undefined ? {} : { halted }),
  };
}

/** Models validated on other images of the same source: comparable, but not exactly. */
function warnOfSplits(
  candidates: readonly Candidate[],
  sources: ReadonlyMap<string, EvaluatedModel>,
  { identity }: Ranking['data'],
): readonly string[] {
  const differing = candidates.filter(({ id }) => sources.get(id)!.evaluation.data.identity !== identity);
  if (differing.length === 0) return [];
  return [
    `${listNames(differing, candidates)} ${differing.length === 1 ? 'was' : 'were'} validated on another split of the same data ` +
      '(its seed or fraction differs): the figures are compared, but small differences may come from the split.',
  ];
}

function warnOfTiming(candidates: readonly Candidate[], { unmeasured }: BenchmarkResult): readonly string[] {
  const reasons = new Map(unmeasured.map(({ model, reason }) => [model, reason]));
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    if (candidate.figures.mean_predictions_time !== null) continue;
    const reason = reasons.get(candidate.model) ?? 'the benchmark does not have it';
    groups.set(reason, [...(groups.get(reason) ?? []), candidate]);
  }
  return [...groups]
    .sort(([a], [b]) => compareText(a, b))
    .map(([reason, group]) => `There is no timing of ${listNames(group, candidates)}: ${reason}.`);
}

function warnOfUnusable({ unreadable, orphans }: EvaluationHistory): readonly string[] {
  const warnings = [
    [unreadable, 'the form of the result is not known'],
    [orphans, 'the training of the model is no longer in the history'],
  ] as const;
  return warnings.flatMap(([count, what]) =>
    count === 0 ? [] : [`${count} recorded ${count === 1 ? 'evaluation is' : 'evaluations are'} left out: ${what}.`],
  );
}

function listNames(some: readonly Candidate[], all: readonly Candidate[]): string {
  const labels = labelCandidates(all);
  const names = some.map(({ id }) => `"${labels.get(id)!}"`).sort(compareText);
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

/** "evaluate@model1" → "model1". */
function nameOf(stage: string): string {
  return stage.slice(stage.indexOf('@') + 1);
}

function keyOf({ evaluation, model }: EvaluatedModel): string {
  return `${evaluation.definitionDigest}/${model}`;
}

function definitionKey(definition: string, identity: string): string {
  return `${definition}/${identity}`;
}

function compareNewest(a: EvaluatedModel, b: EvaluatedModel): number {
  return compareText(b.run.at, a.run.at) || compareText(a.run.fingerprint, b.run.fingerprint);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
