// What is remembered: of the last good run in this workspace (the lock), and of every run ever (the run cache).

import type { Digest } from '../core/digest.ts';
import type { Present } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import type { Fingerprint, FingerprintParts } from './parts.ts';

/** The outs of one run, in the order in which the stage declares them. */
export interface OutRecord {
  readonly path: RepoPath;
  readonly content: Present;
}

/** One stage in pipeline.lock. */
export interface LockEntry {
  readonly fingerprint: Fingerprint;
  readonly parts: FingerprintParts;
  /** Sorted by path. */
  readonly outs: readonly OutRecord[];
}

/** pipeline.lock: stage name → its last good run. */
export type Lock = ReadonlyMap<StageName, LockEntry>;

/** One successful run in the run cache. */
export interface RunEntry {
  readonly fingerprint: Fingerprint;
  /** Digest of the outs: two runs that gave the same bytes are one entry. */
  readonly result: Digest;
  readonly stage: StageName;
  readonly group: string;
  readonly parts: FingerprintParts;
  readonly outs: readonly RunOut[];
  /** The values of the parameters, as plain JSON by `file` then key, as the stage saw them. */
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Parsed content of metrics that are JSON or YAML and small, by path. */
  readonly metrics: Readonly<Record<string, unknown>>;
  /** Paths and digests of the deps. */
  readonly deps: Readonly<Record<string, string>>;
  /** ISO 8601, UTC: when the run ended. */
  readonly at: string;
  readonly seconds: number;
  /** Peak resident memory in bytes; null where it could not be measured. */
  readonly peakMemory: number | null;
  readonly host: string;
  /** The log it wrote: `cache/logs/<stage>/<run id>.log`. */
  readonly runId: string;
}

export interface RunOut extends OutRecord {
  readonly label: 'out' | 'metric' | 'plot';
}
