// Pipelines for tests of the pure floors, written in one line each. Not part of the program.

import type { RepoPath } from '../lib/core/path.ts';
import type { Pipeline, Stage, StageName } from '../lib/pipeline/pipeline.ts';

export interface StageSketch extends Partial<
  Pick<
    Stage,
    'group' | 'relocatable' | 'frozen' | 'alwaysChanged' | 'host' | 'env' | 'resources' | 'retries' | 'timeout'
  >
> {
  readonly cmd?: string;
  readonly deps?: readonly string[];
  readonly globs?: readonly string[];
  /** File and key. */
  readonly params?: readonly (readonly [string, string])[];
  readonly code?: readonly string[];
  readonly runs?: readonly string[];
  readonly outs?: readonly string[];
}

/** Stages by name; what a sketch leaves out is empty. */
export function makePipeline(sketches: Readonly<Record<string, StageSketch>>): Pipeline {
  const stages = Object.entries(sketches).map(([name, sketch], index) => makeStage(name, sketch, index + 2));
  return { file: 'pipeline.yaml', stages, pools: {}, cache: {}, schemas: [], sources: [] };
}

export function makeStage(name: string, sketch: StageSketch, line = 1): Stage {
  const at = [line, 3] as const;
  const { deps = [], globs = [], params = [], code = [], runs = [], outs = [], cmd = `make ${name}`, ...rest } = sketch;
  return {
    name: name as StageName,
    group: name,
    at,
    cmd: [cmd],
    wdir: '' as RepoPath,
    deps: [
      ...deps.map((path) => ({ path, kind: 'path' as const, at })),
      ...globs.map((path) => ({ path, kind: 'glob' as const, at })),
    ],
    params: params.map(([file, key]) => ({ file, key, template: key, at })),
    code: code.map((path) => ({ path: path as RepoPath, at })),
    outs: outs.map((path) => ({ path: path as RepoPath, label: 'out', cache: true, persist: false, at })),
    env: [],
    host: false,
    runs: runs.map((group) => ({ group, at })),
    relocatable: false,
    resources: { cpu: 1 },
    timeout: null,
    retries: 0,
    frozen: false,
    alwaysChanged: false,
    ...rest,
  };
}
