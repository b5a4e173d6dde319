// Brings together what is known of each candidate of a ranking: its evaluation from the history, and the details that lie in the cache as long as
// nobody has cleaned it up. Knows nothing of how a page looks.

import { readFileSync } from 'node:fs';
import type { RecordedFile, RecordedRun } from '../context/context.ts';
import type { ClassDetails, Evaluation, Preview } from '../evaluation/result.ts';
import { labelCandidates } from '../selection/label.ts';
import type { Ranked, Ranking } from '../selection/ranking.ts';

export interface PreviewImage {
  readonly truth: string;
  readonly predicted: string;
  readonly confidence: number;
  readonly correct: boolean;
  /** PNG; null: no longer in the cache. */
  readonly png: Buffer | null;
}

/** Everything that the report says of one candidate. */
export interface ModelRecord {
  readonly candidate: Ranked;
  /** Name for the reader, as the verdict has it; different for different candidates. */
  readonly label: string;
  /** The same, with an id in it shortened: for charts, where room is scarce. */
  readonly shortLabel: string;
  /** Fit for an `id` attribute and a `#fragment`. */
  readonly anchor: string;
  /** Null: the history has it no longer. */
  readonly evaluation: Evaluation | null;
  /** Null: no longer in the cache. */
  readonly details: ClassDetails | null;
  readonly preview: readonly PreviewImage[] | null;
}

/** One record for each candidate, in the order of the ranking. */
export function gatherRecords(ranking: Ranking, runs: readonly RecordedRun[]): ModelRecord[] {
  const evaluations = runs.flatMap(readEvaluation);
  const labels = labelCandidates(ranking.candidates);
  return ranking.candidates.map((candidate) => {
    const found = findEvaluation(candidate, ranking.data.identity, evaluations);
    const label = labels.get(candidate.id)!;
    const files = found?.run.outs.flatMap((out) => out.files) ?? [];
    return {
      candidate,
      label,
      shortLabel: shortenId(label, candidate.id),
      anchor: `model-${candidate.id.replaceAll(/[^A-Za-z0-9_-]/g, '-')}`,
      evaluation: found?.evaluation ?? null,
      details: readJson(files, 'classes.json') as ClassDetails | null,
      preview: readPreview(files),
    };
  });
}

/** "compact · 37c0ffee2a2a" → "compact · 37c0ff" */
function shortenId(label: string, id: string): string {
  return label.endsWith(` · ${id}`) ? label.slice(0, label.length - id.length + 6) : label;
}

interface EvaluationRun {
  readonly run: RecordedRun;
  readonly evaluation: Evaluation;
}

function readEvaluation(run: RecordedRun): EvaluationRun[] {
  const evaluation = Object.values(run.metrics).find(isEvaluation);
  return evaluation === undefined ? [] : [{ run, evaluation }];
}

function isEvaluation(value: unknown): value is Evaluation {
  return typeof value === 'object' && value !== null && 'definitionDigest' in value && 'history' in value;
}

/** A model folder may have been evaluated several times (other data, other code): the run that the ranking speaks of comes first, then the latest. */
function findEvaluation(
  candidate: Ranked,
  identity: string,
  evaluations: readonly EvaluationRun[],
): EvaluationRun | undefined {
  const model = bareDigest(candidate.model);
  const preference = ({ run, evaluation }: EvaluationRun): number =>
    (run.at === candidate.evaluatedAt ? 2 : 0) + (evaluation.data.identity === identity ? 1 : 0);
  return evaluations
    .filter(({ run }) => Object.values(run.deps).some((digest) => bareDigest(digest) === model))
    .sort(
      (a, b) =>
        preference(b) - preference(a) ||
        compareText(b.run.at, a.run.at) ||
        compareText(a.run.fingerprint, b.run.fingerprint),
    )[0];
}

/** "tree 12ab…" → "12ab…" */
function bareDigest(digest: string): string {
  return digest.slice(digest.lastIndexOf(' ') + 1);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function readPreview(files: readonly RecordedFile[]): PreviewImage[] | null {
  const preview = readJson(files, 'preview.json') as Preview | null;
  return (
    preview?.images.map(({ file, truth, predicted, confidence, correct }) => ({
      truth,
      predicted,
      confidence,
      correct,
      png: readRecorded(files, file),
    })) ?? null
  );
}

function readJson(files: readonly RecordedFile[], name: string): unknown {
  const bytes = readRecorded(files, name);
  return bytes === null ? null : JSON.parse(bytes.toString('utf8'));
}

/** The recorded file, or null where the run had none or the cache no longer has it. */
function readRecorded(files: readonly RecordedFile[], name: string): Buffer | null {
  const file = files.find(({ path }) => path === name);
  if (file === undefined) return null;
  try {
    return readFileSync(file.object);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
