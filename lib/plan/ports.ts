// The interfaces between the run loop and its adapters. The loop is tested with in-memory ones; cli builds the real ones.

import type { Digest } from '../core/digest.ts';
import type { CommandFailure } from '../core/failure.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Observation, Present } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import type { MaybePromise, Result } from '../core/result.ts';
import type { Value } from '../core/value.ts';
import type { LinkKind, Out, SlurmSettings, StageName } from '../pipeline/pipeline.ts';
import type { Fingerprint } from './parts.ts';
import type { RunEntry } from './record.ts';

// ---- workspace: the files of the project ----

export interface CodeTrace {
  /** Traced local files with their digests. Keys are paths relative to the root. */
  readonly files: Readonly<Record<string, Digest>>;
  /** Imported packages by name, with the version that the import resolves to; `missing` where it resolves to none. */
  readonly packages: Readonly<Record<string, string>>;
}

/** Reads the workspace. Results of observe() may be remembered by the stat index, never beyond what the racy window allows. */
export interface WorkspaceReader {
  /** What is at a path (a RepoPath, or an outside path as Dep has it). Synchronous where no or little content has to be hashed. */
  observe(path: string): MaybePromise<Observation>;
  /** The matches of a glob pattern as one tree; no match is an empty tree. */
  observeGlob(pattern: string): MaybePromise<Observation>;
  /** The parsed parameter file; an error says why it cannot be read. */
  params(
    file: string,
  ): MaybePromise<Result<Value, { readonly kind: 'missing' | 'malformed'; readonly message: string }>>;
  /** Follows the imports of a source file. */
  trace(entry: RepoPath): MaybePromise<Result<CodeTrace, string>>;
}

// ---- store: the cache folder ----

export interface StoreProblem {
  readonly kind: 'corrupt' | 'missing' | 'refused' | 'io';
  readonly message: string;
}

/** Where a single out goes to or comes from. */
export interface Placement {
  /** Absolute path. */
  readonly path: string;
  readonly content: Present;
}

export interface ResultCache {
  /** All valid entries of a fingerprint, newest first. A corrupt one is left out, reported through `onWarning`, and healed by the next run. */
  candidates(fingerprint: Fingerprint): readonly RunEntry[];
  /** Every valid entry of a group, sorted by fingerprint then result. `trim`: what has none leaves the history, and with that its digest. */
  history(group: string, options?: { readonly trim: boolean }): readonly RunEntry[];
  /** Changes if and only if the set of runs of the group changes; cheap (no entry is read). */
  historyDigest(group: string): Digest;
  /** True where every object that these contents need is there (existence and size; restoring checks the bytes). */
  holds(contents: readonly Present[]): boolean;
  /** The manifest of a tree. */
  manifest(digest: Digest): Result<Manifest, StoreProblem>;
  /**
   * Copies an out into the store. The bytes stored are those of `content` or the call fails: a file that changed since is noticed.
   * Afterwards the objects are on the disk.
   */
  put(out: Placement): Promise<Result<void, StoreProblem>>;
  /** Writes a run entry: after its objects, in one step, durable. */
  record(entry: RunEntry): Promise<void>;
  /**
   * Makes the path hold the content: replaces only what differs, verifies every byte, restores the executable bit, links and empty folders.
   * On a problem the path keeps what it had, as far as it was not replaced yet, and a corrupt object is removed from the store.
   */
  checkout(out: Placement, link: LinkKind): Promise<Result<void, StoreProblem>>;
}

// ---- exec: running commands ----

export interface Job {
  readonly stage: StageName;
  readonly cmd: readonly string[];
  /** Absolute path. */
  readonly cwd: string;
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path of the log file; it is created, and gets stdout and stderr as they come. */
  readonly logPath: string;
  readonly resources: Readonly<Record<string, number>>;
  /** Seconds; null: no limit. */
  readonly timeout: number | null;
  /** Set where the job goes to the cluster; absent: it runs on this machine. */
  readonly batch?: BatchRequest;
}

/** What a job for the cluster needs besides. */
export interface BatchRequest {
  /** What is executed, where its outs go and what it reads: a job that an earlier runner left may be taken over where this is the same. */
  readonly identity: string;
  readonly settings: SlurmSettings;
}

export type JobEnd =
  | { readonly kind: 'exited'; readonly code: number; readonly command: string }
  | { readonly kind: 'signalled'; readonly signal: string; readonly command: string }
  | { readonly kind: 'timed-out'; readonly seconds: number; readonly command: string }
  /** It took more memory than it was given; `message` says what is known of it. */
  | { readonly kind: 'out-of-memory'; readonly message: string; readonly command: string }
  /** The machine that it ran on was lost, not the command's fault: another attempt may do better. */
  | { readonly kind: 'node-failed'; readonly message: string; readonly command: string }
  /** Ended by somebody else than this runner. */
  | { readonly kind: 'cancelled'; readonly message: string; readonly command: string }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'not-started'; readonly message: string; readonly command: string };

export interface JobResult {
  readonly end: JobEnd;
  readonly seconds: number;
  /** Bytes; null where it could not be measured. */
  readonly peakMemory: number | null;
  /** Where it ran; absent: on this machine. */
  readonly host?: string;
  /** Present where the executor keeps the result for a runner that dies now. To be called when nothing can be lost any more. */
  readonly forget?: () => void;
}

export interface JobOutput {
  readonly line: (text: string) => void;
  readonly progress: (fraction: number, text: string) => void;
}

export interface Executor {
  readonly name: string;
  /** Runs the commands one after the other, stopping at the first that fails. Never rejects. */
  run(job: Job, output: JobOutput, signal: AbortSignal): Promise<JobResult>;
  /**
   * For executors whose jobs outlive their runner: what an earlier runner has left of this stage. True where it runs, or has ended well, for
   * this very identity: the next run() of the stage goes on with it, and its outs must be left alone. Whatever else there is of the stage is
   * ended, and when this resolves nothing writes to its outs any more. Null: nothing of it is wanted.
   */
  recover?(stage: StageName, identity: string | null): Promise<boolean>;
  /** Ends what is left (helper processes). */
  close(): Promise<void>;
}

/** Carries what a job needs to a machine that sees no file of this one, and brings back what it made. Never rejects. */
export interface Courier {
  /** The error says why the job cannot go. */
  send(job: Job, token: string): Promise<Result<Sent, string>>;
  /** Puts the outs of a job that has ended in their places. Undefined: it has left no result. The error says why what it left cannot be had. */
  fetch(job: Job, token: string): Promise<Result<Brought | undefined, string>>;
  /** Nobody needs any more what was sent or left for the job. */
  drop(token: string): void;
}

export interface Sent {
  /** A command for `sh` that does the job on a node. */
  readonly command: string;
  /** Bytes that the command takes at most besides what the commands of the job do. */
  readonly memory: number;
  /** Variables that the command needs besides the environment of the job: they may hold secrets. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Brought extends Pick<JobResult, 'end' | 'seconds' | 'peakMemory'> {
  readonly host: string;
  /** Everything that the commands have written. */
  readonly output: Buffer;
}

// ---- workspace changes around a run ----

export interface WorkspaceWriter {
  /** Removes an out before its stage runs. A persisted one stays, but no longer shares storage with the cache. */
  clear(out: Out): void;
  /** Makes the folder that an out will be written into. */
  makeParent(path: RepoPath): void;
  /** The folder above the path that is, or lies behind, a link which leads out of the workspace: nothing may be written there. */
  behindLink(path: string): string | undefined;
}

export type Guard = { readonly release: () => void };
export type GuardResult = Result<Guard, CommandFailure>;
