// The stage context: the JSON file from which a command learns its paths, parameters and the history that it asked for.

import { digestText } from '../core/digest.ts';
import { writeFileAtomic } from '../core/disk.ts';
import { isPresent } from '../core/observation.ts';
import type { Present } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import { toPlain } from '../core/value.ts';
import type { Stage, StageName } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { RunEntry } from '../plan/record.ts';
import { selectParam } from './inputs.ts';
import type { Project } from './project.ts';
import { resumePath } from './resume.ts';
import { absolute } from './project.ts';

/** Plain JSON parameters by file, then key (the whole file under the empty key). */
export type PlainParams = Record<string, Record<string, unknown>>;

/** The values that the stage's `params` name, as they are now. */
export async function readParams(project: Project, stage: Stage): Promise<PlainParams> {
  const params: PlainParams = Object.create(null) as PlainParams;
  for (const param of stage.params) {
    const document = await project.files.params(param.file);
    const value = document.ok ? selectParam(document.value, param) : undefined;
    const section = (params[param.file] ??= Object.create(null) as Record<string, unknown>);
    section[param.key ?? ''] = value === undefined ? null : toPlain(value);
  }
  return params;
}

export interface ContextInputs {
  readonly params: PlainParams;
  /** What the lock records where this execution succeeds. */
  readonly fingerprint: Fingerprint;
}

/** Writes the context of a stage and returns the absolute path of the file. */
export async function writeContext(project: Project, stage: Stage, inputs: ContextInputs): Promise<string> {
  const deps = [];
  for (const dep of stage.deps) {
    const seen = await (dep.kind === 'glob' ? project.files.observeGlob(dep.path) : project.files.observe(dep.path));
    deps.push({ path: dep.path, kind: seen.kind, ...(isPresent(seen) ? { digest: seen.digest } : {}) });
  }
  const runs: Record<string, unknown> = {};
  for (const { group } of stage.runs)
    runs[group] = project.store.history(group, { trim: true }).map((entry) => describeRun(project, entry));
  const context = {
    stage: stage.name,
    root: project.root,
    wdir: stage.wdir,
    fingerprint: inputs.fingerprint,
    resume: resumePath(stage.name, inputs.fingerprint),
    params: inputs.params,
    deps,
    outs: stage.outs.map((out) => ({ path: out.path, label: out.label })),
    runs,
    resources: stage.resources,
  };
  const path = contextPath(project, stage.name);
  writeFileAtomic(path, `${JSON.stringify(context, null, 2)}\n`, { durable: false });
  return path;
}

/** Absolute path of a stage's context file. */
export function contextPath(project: Project, stage: StageName): string {
  return `${project.stateDir}/context/${fileNameOf(stage)}.json`;
}

/**
 * What an execution is, as far as a job that outlives its runner has to be told from others of its stage: the fingerprint, and the paths and
 * commands, which the fingerprint of a relocatable stage leaves out.
 */
export function identityOf(stage: Stage, fingerprint: Fingerprint): string {
  const paths = [stage.wdir, stage.deps.map(({ path }) => path), stage.outs.map(({ path }) => path)];
  return `${fingerprint}-${digestText(JSON.stringify([stage.cmd, ...paths])).slice(0, 8)}`;
}

/** No two names share one, however long they are. */
function fileNameOf(name: string): string {
  const encoded = encodeURIComponent(name);
  return encoded.length <= 150 ? encoded : `${encoded.slice(0, 110)}-${digestText(name)}`;
}

/** One recorded run, as a stage with `runs` sees it. Objects are read-only files in the cache. */
function describeRun(project: Project, entry: RunEntry): unknown {
  const { stage, fingerprint, at, seconds, params, metrics, deps } = entry;
  const outs = entry.outs.map((out) => ({
    path: out.path,
    label: out.label,
    ...describeContent(project, out.content),
  }));
  return { stage, fingerprint, at, seconds, params, metrics, deps, outs };
}

function describeContent(project: Project, content: Present): Record<string, unknown> {
  const { kind, digest } = content;
  if (kind === 'file') return { kind, digest, object: project.store.objectPath(digest) };
  const manifest = project.store.manifest(digest);
  if (!manifest.ok) return { kind, digest, files: [] };
  const files = manifest.value.flatMap((entry) =>
    entry.kind === 'file' ? [{ path: entry.path, object: project.store.objectPath(entry.digest) }] : [],
  );
  return { kind, digest, files };
}

const metricLimit = 1 << 20;

/** The parsed contents of metrics that are small JSON, YAML or TOML files. Anything else has no parsed form and is left out. */
export async function readMetrics(project: Project, stage: Stage): Promise<Record<string, unknown>> {
  const metrics: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const out of stage.outs) {
    if (out.label !== 'metric' || !/\.(json|ya?ml|toml)$/i.test(out.path)) continue;
    const seen = await project.files.observe(out.path);
    if (seen.kind !== 'file' || seen.size > metricLimit) continue;
    const document = await project.files.params(out.path);
    if (document.ok) metrics[out.path] = toPlain(document.value);
  }
  return metrics;
}

/** The absolute working folder of a stage. */
export function workingFolder(project: Project, wdir: RepoPath): string {
  return wdir === '' ? project.root : absolute(project, wdir);
}
