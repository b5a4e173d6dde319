// A workspace, opened: its pipeline, graph, lock, files and cache. Every command starts here.

import { lstatSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { loadDigest } from '../core/digest.ts';
import { failure } from '../core/failure.ts';
import type { CommandFailure, Fault, Position } from '../core/failure.ts';
import { isWithin, overlaps } from '../core/path.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { hostInfo } from '../exec/host.ts';
import { buildGraph } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { Pipeline, Place, Stage } from '../pipeline/pipeline.ts';
import { localExecution } from '../plan/placement.ts';
import type { ExecutionSettings } from '../plan/placement.ts';
import type { WorkspaceWriter } from '../plan/ports.ts';
import { CacheStore } from '../store/store.ts';
import { WorkspaceFiles } from '../workspace/files.ts';
import { LockFile, lockFileFor } from '../workspace/lockfile.ts';
import { WorkspaceOuts } from '../workspace/outs.ts';
import type { CodeTracer } from '../workspace/trace.ts';
import { compilePipeline } from './compile.ts';
import type { CompiledPipeline } from './compile.ts';
import { locatePipeline, stateFolder } from './locate.ts';

/** The public face of an adapter: what a test may put in its place. */
type Face<Adapter> = Pick<Adapter, keyof Adapter>;

export interface Project {
  /** Absolute, real path. */
  readonly root: string;
  /** Absolute path of the folder that the command was started in. */
  readonly cwd: string;
  /** Absolute path of the machine-local state. */
  readonly stateDir: string;
  /** Absolute path of the cache folder. */
  readonly cacheDir: string;
  readonly lockFile: string;
  readonly pipeline: Pipeline;
  /** Digests of the files that the pipeline was made from, by path; null: there was none. */
  readonly sources: CompiledPipeline['sources'];
  readonly graph: Graph;
  readonly files: Face<WorkspaceFiles>;
  readonly outs: WorkspaceWriter;
  readonly store: Face<CacheStore>;
  readonly lock: Face<LockFile>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where stages run that do not say so themselves. */
  readonly execution: ExecutionSettings;
  /** Loaded when the first stage with `code` is looked at. */
  readonly tracer: () => Promise<Face<CodeTracer>>;
  readonly host: () => Readonly<Record<string, string>>;
  readonly position: (at: Place) => Position;
  readonly hostname: () => string;
  /** Forgets what was observed at the path: something has changed it. */
  readonly forget: (path: string) => void;
  /** Forgets all that was observed: time has passed, and anything may have changed. */
  readonly forgetAll: () => void;
  /** Writes machine-local state. Never fails. */
  readonly saveState: () => void;
}

export interface OpenOptions {
  /** Absolute path of the folder that the command was started in. */
  readonly cwd: string;
  /** Pipeline file, relative to `cwd`; undefined: `pipeline.yaml` here or in the nearest folder above. */
  readonly file: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Default: stages that do not name an executor run on this machine. */
  readonly execution?: ExecutionSettings;
  readonly onWarning: (message: string, hint?: string) => void;
}

/** Finds and reads the pipeline and the lock. Failures: no pipeline file, faults in it, a damaged lock. */
export async function openProject(options: OpenOptions): Promise<Result<Project, CommandFailure>> {
  const located = locatePipeline(options.cwd, options.file);
  if (!located.ok) return located;
  const { root, file, stateDir } = located.value;
  const lockFile = lockFileFor(file);
  await loadDigest();
  const compiled = await compilePipeline({ root, file, lockFile, stateDir });
  if (!compiled.ok) return err(failure('configuration', ...compiled.error));
  const { pipeline, sources } = compiled.value;
  const graph = buildGraph(pipeline);
  if (!graph.ok) return err(failure('configuration', ...graph.error));
  const position = (at: Place): Position => ({ file: pipeline.file, line: at[0], column: at[1] });
  const cacheDir = resolve(root, options.environment['DAGRUN_CACHE_DIR'] ?? pipeline.cache.dir ?? 'cache');
  const files = await WorkspaceFiles.open({ root, stateDir, excluded: [cacheDir, `${root}/${lockFile}`] });
  const faults = [
    ...checkFolders(root, pipeline.stages, position),
    ...checkOuts(files, pipeline.stages, cacheDir, root, position),
  ];
  if (faults.length > 0) return err(failure('configuration', ...faults));
  const lock = LockFile.read(root, lockFile);
  if (!lock.ok) return lock;
  const store = CacheStore.open({
    dir: cacheDir,
    root,
    onWarning: options.onWarning,
    onVerified: (path, digest, stat) => files.vouch(path, digest, stat),
    readTree: (folder) => files.manifest(isWithin(root, folder) ? folder.slice(root.length + 1) : folder),
  });
  return ok(
    assemble({
      root,
      cwd: options.cwd,
      stateDir,
      cacheDir,
      lockFile,
      pipeline,
      sources,
      graph: graph.value,
      files,
      outs: new WorkspaceOuts({ root, cacheDir }),
      store,
      lock: lock.value,
      environment: options.environment,
      execution: options.execution ?? localExecution,
      position,
    }),
  );
}

type Fixed = Omit<Project, 'tracer' | 'host' | 'hostname' | 'forget' | 'forgetAll' | 'saveState'>;

function assemble(fixed: Fixed): Project {
  const { root, stateDir, files, store } = fixed;
  let tracer: CodeTracer | undefined;
  let host: Readonly<Record<string, string>> | undefined;
  return {
    ...fixed,
    tracer: async () => {
      const { CodeTracer } = await import('../workspace/trace.ts');
      return (tracer ??= new CodeTracer({ root, stateDir, digest: (path) => files.observe(path) }));
    },
    host: () => {
      const { cpu, os, arch } = hostInfo();
      return (host ??= { cpu, os, arch });
    },
    hostname: () => hostInfo().hostname,
    forgetAll: () => {
      files.forgetAll();
      tracer?.forget();
    },
    forget: (path) => {
      files.forget(path);
      tracer?.forget();
    },
    saveState: () => {
      files.save();
      tracer?.save();
      store.flushHits();
    },
  };
}

/** Working folders have to be there, unless a stage makes them. */
function checkFolders(root: string, stages: readonly Stage[], position: (at: Place) => Position): Fault[] {
  const faults: Fault[] = [];
  const good = new Set<string>(['']);
  for (const stage of stages) {
    if (good.has(stage.wdir)) continue;
    const found = statSync(`${root}/${stage.wdir}`, { throwIfNoEntry: false });
    const made =
      found === undefined &&
      stages.some((other) => other !== stage && other.outs.some((out) => overlaps(out.path, stage.wdir)));
    if (found?.isDirectory() === true || made) {
      good.add(stage.wdir);
      continue;
    }
    const problem = found === undefined ? 'does not exist' : 'is a file, not a folder';
    const hint =
      found === undefined ? `create it (\`mkdir -p ${stage.wdir}\`) or correct wdir` : 'wdir has to name a folder';
    faults.push({
      at: position(stage.at),
      message: `the working folder "${stage.wdir}" of stage "${stage.name}" ${problem}`,
      hint,
    });
  }
  return faults;
}

/** An out that the ignore file hides could never be hashed; one inside the cache or the machine-local state would be swept away with it. */
function checkOuts(
  files: WorkspaceFiles,
  stages: readonly Stage[],
  cacheDir: string,
  root: string,
  position: (at: Place) => Position,
): Fault[] {
  const cache = relative(root, cacheDir).replaceAll('\\', '/');
  const reserved = [stateFolder, ...(cache.startsWith('..') || isAbsolute(cache) ? [] : [cache])];
  const faults: Fault[] = [];
  for (const stage of stages) {
    for (const out of stage.outs) {
      const at = position(out.at);
      const taken = reserved.find((folder) => overlaps(folder, out.path));
      if (taken !== undefined)
        faults.push({
          at,
          message: `out "${out.path}" of stage "${stage.name}" overlaps "${taken}", which belongs to dagrun`,
          hint: 'write it somewhere else',
        });
      else if (files.ignores(out.path))
        faults.push({
          at,
          message: `out "${out.path}" of stage "${stage.name}" is ignored by the ignore file`,
          hint: 'remove the pattern from .dagrunignore, or write the out somewhere else',
        });
    }
  }
  return faults;
}

/** The absolute path of something in the workspace. */
export function absolute(project: Project, path: string): string {
  return isAbsolute(path) ? path : `${project.root}/${path}`;
}

/** True where something, even a dangling link, is at the path. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
