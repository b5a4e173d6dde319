// What the runner tells a stage (docs/context.md): where its inputs lie and where its results belong. Stages take every path from here, never
// from their command line, which is what lets `relocatable` stages be renamed for free. Knows nothing of machine learning.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One file of a recorded out: where it lay within the out (empty for an out that is a file), and the read-only object that holds it. */
export interface RecordedFile {
  readonly path: string;
  /** Absolute path in the cache. May be absent by now: `dagrun gc` removes objects. */
  readonly object: string;
}

/** One out of a recorded run. */
export interface RecordedOut {
  readonly path: string;
  readonly label: string;
  readonly kind: 'file' | 'tree';
  readonly digest: string;
  readonly files: readonly RecordedFile[];
}

/** One run of another stage, as the history has it. */
export interface RecordedRun {
  readonly stage: string;
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly at: string;
  readonly seconds: number;
  /** Parsed metrics files by path. */
  readonly metrics: Readonly<Record<string, unknown>>;
  /** What each dep was: `<digest>`, `tree <digest>` or `executable <digest>`. */
  readonly deps: Readonly<Record<string, string>>;
  readonly outs: readonly RecordedOut[];
}

export interface StageContext {
  readonly stage: string;
  /** Identity of this execution: equal exactly when the inputs are. What a checkpoint has to match. */
  readonly fingerprint: string;
  /** Absolute path of a folder (to be made) that outlives an interruption of this execution, and goes when it has succeeded. */
  readonly resume: string;
  readonly root: string;
  /** Absolute paths, in the order of `deps` in pipeline.yaml. */
  readonly deps: readonly string[];
  /** Absolute paths, in the order in which pipeline.yaml names them: outs, then metrics, then plots. */
  readonly outs: readonly string[];
  /** The value of a key of params.yaml (or of another file); the empty key is the whole file. Throws if the stage does not declare it. */
  param(key: string, file?: string): unknown;
  /** The recorded runs of a group, sorted by fingerprint. Throws if the stage does not declare the group. */
  runs(group: string): readonly RecordedRun[];
}

interface RawOut extends Omit<RecordedOut, 'files'> {
  readonly object?: string;
  readonly files?: readonly RecordedFile[];
}

interface RawContext {
  readonly stage: string;
  readonly fingerprint: string;
  readonly resume: string;
  readonly root: string;
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly deps: readonly { readonly path: string }[];
  readonly outs: readonly { readonly path: string }[];
  readonly runs: Readonly<
    Record<string, readonly (Omit<RecordedRun, 'outs'> & { readonly outs: readonly RawOut[] })[]>
  >;
}

/** Reads the context of the stage that this process is. Throws outside `dagrun repro`. */
export function readContext(environment: Readonly<Record<string, string | undefined>> = process.env): StageContext {
  const file = environment['DAGRUN_CONTEXT'];
  if (file === undefined) throw new Error('this is a stage of a pipeline: start it with `dagrun repro`, not by hand');
  const raw = JSON.parse(readFileSync(file, 'utf8')) as RawContext;
  const absolute = ({ path }: { readonly path: string }): string => join(raw.root, path);
  return {
    stage: raw.stage,
    fingerprint: raw.fingerprint,
    resume: join(raw.root, raw.resume),
    root: raw.root,
    deps: raw.deps.map(absolute),
    outs: raw.outs.map(absolute),
    param: (key, name = 'params.yaml') => {
      const section = raw.params[name];
      if (section === undefined || !Object.hasOwn(section, key))
        throw new Error(`stage "${raw.stage}" does not declare the param "${key}" of ${name} in pipeline.yaml`);
      return section[key];
    },
    runs: (group) => {
      const runs = raw.runs[group];
      if (runs === undefined)
        throw new Error(`stage "${raw.stage}" does not declare \`runs: [${group}]\` in pipeline.yaml`);
      return runs.map((run) => ({ ...run, outs: run.outs.map(readOut) }));
    },
  };
}

function readOut(out: RawOut): RecordedOut {
  const { path, label, kind, digest } = out;
  const files = out.object === undefined ? (out.files ?? []) : [{ path: '', object: out.object }];
  return { path, label, kind, digest, files };
}
