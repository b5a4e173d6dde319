// The validated pipeline. Only parsePipeline makes one (or compiled.ts reads back one that parsePipeline made):
// whoever holds a Pipeline need not check it again. Everything in it is plain JSON, so that it can be cached.

import type { RepoPath } from '../core/path.ts';
import type { Branded } from '../core/result.ts';

/** `train`, or `train@model1` for one stage of a foreach or matrix group. */
export type StageName = Branded<'StageName'>;

/** Line and column, counting from 1, in the pipeline file. */
export type Place = readonly [line: number, column: number];

export interface Pipeline {
  /** The pipeline file, relative to the workspace root. */
  readonly file: string;
  readonly stages: readonly Stage[];
  /** Capacities by resource name; `memory` in bytes. `cpu` is set by `-j` when it is not named here. */
  readonly pools: Readonly<Record<string, number>>;
  readonly cache: CacheSettings;
  /** Parameter files that are checked before the first command starts, in the order of the pipeline file. */
  readonly schemas: readonly SchemaUse[];
  /** Shared caches, in the order of the pipeline file; absent where there are none. */
  readonly remotes?: readonly RemoteSettings[];
  /** Every file that was read to make this pipeline (templating variables included), relative to the root. */
  readonly sources: readonly string[];
}

/** A parameter file and the JSON Schema that it has to fit; paths as those of deps. Neither is an input of any stage by that. */
export interface SchemaUse {
  readonly file: string;
  readonly schema: string;
  readonly at: Place;
  readonly schemaAt: Place;
}

/** A shared cache. Holds no secret. */
export interface RemoteSettings {
  readonly name: string;
  /** In a form that parseAddress() accepts. */
  readonly url: string;
  readonly isDefault: boolean;
  /** False: nothing is ever pushed there. */
  readonly push: boolean;
  /** The environment variable that holds the key that run entries are signed with. */
  readonly signingKey?: string;
  readonly options: Readonly<Record<string, string>>;
  readonly at: Place;
}

export type LinkKind = 'reflink' | 'copy' | 'hardlink' | 'symlink';

export interface CacheSettings {
  /** Cache folder, relative to the workspace root or absolute. Default: `cache`. */
  readonly dir?: string;
  /** How outs come out of the cache: the first kind that the file system can do is taken. Default: reflink, then copy. */
  readonly link?: LinkKind;
}

export interface Stage {
  readonly name: StageName;
  /** The name before `@`: all stages of one foreach or matrix have the same. */
  readonly group: string;
  readonly at: Place;
  readonly cmd: readonly string[];
  readonly wdir: RepoPath;
  readonly deps: readonly Dep[];
  readonly params: readonly ParamDep[];
  /** Entry files whose imports are traced. */
  readonly code: readonly CodeDep[];
  readonly outs: readonly Out[];
  readonly env: readonly string[];
  readonly host: boolean;
  /** Groups (or single stages) whose recorded history this stage reads. */
  readonly runs: readonly RunsDep[];
  readonly relocatable: boolean;
  /** What the stage takes while it runs, by resource name; `cpu` counts job slots, `memory` is in bytes. Always holds `cpu`. */
  readonly resources: Readonly<Record<string, number>>;
  /** Seconds that one attempt may take; null: no limit. */
  readonly timeout: number | null;
  /** Attempts after the first that failed. */
  readonly retries: number;
  readonly frozen: boolean;
  readonly alwaysChanged: boolean;
  /** False: runs of the stage stay here; they are never pushed to a remote. Absent: they may be. */
  readonly push?: false;
  readonly desc?: string;
  /** Where its commands run; absent: where the command line or the user's settings say. */
  readonly executor?: ExecutorName;
  readonly slurm?: SlurmSettings;
}

export const executorNames = ['local', 'slurm'] as const;
export type ExecutorName = (typeof executorNames)[number];

/** What is asked of Slurm besides the resources of a stage. */
export interface SlurmSettings {
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  /** Further options of sbatch, each one word: `--constraint=gpu80`. */
  readonly extra: readonly string[];
}

export interface Dep {
  /** A RepoPath for what lies inside the workspace; otherwise absolute or with leading `..`. For a glob: the pattern, relative to the root. */
  readonly path: string;
  readonly kind: 'path' | 'glob';
  readonly at: Place;
}

export interface ParamDep {
  /** The parameter file, relative to the root. */
  readonly file: string;
  /** A dotted key, or null for the whole file. */
  readonly key: string | null;
  /** The key before templating (`model.${key}`): what identifies it in the fingerprint of a relocatable stage. */
  readonly template: string;
  readonly at: Place;
}

export interface CodeDep {
  readonly path: RepoPath;
  readonly at: Place;
}

export interface RunsDep {
  readonly group: string;
  readonly at: Place;
}

export interface Out {
  readonly path: RepoPath;
  readonly label: 'out' | 'metric' | 'plot';
  /** False: the file is meant for git; it is kept in the run cache all the same, and restored as a plain writable copy. */
  readonly cache: boolean;
  /** True: not removed before the stage runs. */
  readonly persist: boolean;
  readonly desc?: string;
  readonly at: Place;
}
