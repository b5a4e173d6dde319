// Removes from a cache folder what nobody keeps. Knows nothing of scopes: the caller says which runs and objects stay.
//
// Entries and their markers go first, objects after them, logs last: stopped at any moment, no entry that is left has lost an object
// because of it. Only called while nobody else uses the cache (activity.ts).

import { closeSync, existsSync, readSync, rmSync, rmdirSync } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import { codeOf } from '../core/result.ts';
import type { RunEntry } from '../plan/record.ts';
import { openRegular } from './bytes.ts';
import { isHitsName, readHits } from './hits.ts';
import { encodeName } from './layout.ts';
import type { Layout } from './layout.ts';
import { listMarkers, listNames, listObjects, listOwn, listRuns, statOf } from './list.ts';
import { readExecutionFolder } from './logs.ts';
import type { ObjectStore } from './objects.ts';
import { Pace } from '../core/pace.ts';
import { readEntryFile } from './runs.ts';
import { listWorkspaces } from './workspaces.ts';

export interface GcOptions {
  readonly keep: (entry: RunEntry) => boolean;
  /** What stays whether an entry names it or not: files, and trees with all their files. */
  readonly keepObjects: ReadonlySet<Digest>;
  /** Count only; nothing is changed. */
  readonly dry: boolean;
}

export interface GcReport {
  /** Run entries, damaged ones included. */
  readonly runs: number;
  readonly objects: number;
  /** Executions whose log or record was removed. */
  readonly logs: number;
  readonly bytes: number;
}

/** Milliseconds after which a file in tmp/ is left over, even if a process now has the number in its name. */
const tmpAge = 24 * 60 * 60 * 1000;

class Sweep {
  bytes = 0;
  readonly #dry: boolean;

  constructor(options: { readonly dry: boolean }) {
    this.#dry = options.dry;
  }

  remove(path: string): boolean {
    const stats = statOf(path);
    if (stats === undefined) return false;
    this.bytes += stats.isFile() ? stats.size : 0;
    if (!this.#dry) rmSync(path, { recursive: true, force: true });
    return true;
  }

  /** Removes folders that have become empty. */
  prune(folder: string): void {
    if (this.#dry) return;
    try {
      rmdirSync(folder);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  }
}

/** Throws system errors. */
export async function collectGarbage(objects: ObjectStore, options: GcOptions): Promise<GcReport> {
  const { layout } = objects;
  const sweep = new Sweep(options);
  const pace = new Pace();
  const { kept, removed } = await sweepRuns(layout, options, sweep, pace);
  sweepMarkers(layout, kept, sweep);
  const reachable = await markObjects(objects, kept, options.keepObjects, pace);
  let swept = 0;
  for (const digest of listObjects(layout)) {
    await pace.breathe();
    if (!reachable.has(digest) && sweep.remove(layout.object(digest))) swept++;
  }
  for (const spread of listNames(layout.folder('objects'))) sweep.prune(`${layout.folder('objects')}/${spread}`);
  const logs = sweepLogs(layout, kept, sweep);
  sweepHits(layout, kept, sweep);
  sweepTmp(layout, sweep);
  if (!options.dry) listWorkspaces(layout, { forget: true });
  return { runs: removed, objects: swept, logs, bytes: sweep.bytes };
}

type Kept = ReadonlyMap<string, RunEntry>;

async function sweepRuns(
  layout: Layout,
  options: GcOptions,
  sweep: Sweep,
  pace: Pace,
): Promise<{ readonly kept: Kept; readonly removed: number }> {
  const kept = new Map<string, RunEntry>();
  let removed = 0;
  for (const name of listRuns(layout)) {
    await pace.breathe();
    const path = layout.run(name.fingerprint, name.result);
    const entry = readEntryFile(path, name);
    if (entry?.ok === true && options.keep(entry.value)) kept.set(`${name.fingerprint}-${name.result}`, entry.value);
    else if (sweep.remove(path)) removed++;
    sweep.prune(layout.runFolder(name.fingerprint));
  }
  for (const spread of listNames(layout.folder('runs'))) sweep.prune(`${layout.folder('runs')}/${spread}`);
  return { kept, removed };
}

function sweepMarkers(layout: Layout, kept: Kept, sweep: Sweep): void {
  for (const marker of listMarkers(layout)) {
    const entry = kept.get(`${marker.fingerprint}-${marker.result}`);
    if (entry === undefined || encodeName(entry.group) !== marker.folder) sweep.remove(marker.path);
  }
  for (const folder of listNames(layout.folder('history'))) sweep.prune(`${layout.folder('history')}/${folder}`);
}

/** Every object that a kept entry or a root needs. */
async function markObjects(
  objects: ObjectStore,
  kept: Kept,
  roots: ReadonlySet<Digest>,
  pace: Pace,
): Promise<ReadonlySet<Digest>> {
  const reachable = new Set<Digest>(roots);
  const trees = new Set<Digest>();
  for (const root of roots) if (mayBeManifest(objects.path(root))) trees.add(root);
  for (const entry of kept.values()) {
    for (const { content } of entry.outs) {
      reachable.add(content.digest);
      if (content.kind === 'tree') trees.add(content.digest);
    }
  }
  for (const tree of trees) {
    await pace.breathe();
    const manifest = objects.manifest(tree);
    if (!manifest.ok) continue;
    for (const entry of manifest.value) if (entry.kind === 'file') reachable.add(entry.digest);
  }
  return reachable;
}

const manifestStart = 'dagrun-manifest ';

/** Roots do not say whether they are files or trees. */
function mayBeManifest(path: string): boolean {
  try {
    const file = openRegular(path, { followLink: false });
    if (file === undefined) return false;
    try {
      const start = Buffer.alloc(manifestStart.length);
      readSync(file.descriptor, start);
      return start.toString() === manifestStart;
    } finally {
      closeSync(file.descriptor);
    }
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

/**
 * Of a stage's executions those stay that a kept entry names, and those that are newer than the newest of these: the failures since.
 * Where no entry of the stage is kept, its last execution stays if it failed.
 */
function sweepLogs(layout: Layout, kept: Kept, sweep: Sweep): number {
  const runIds = new Map<string, Set<string>>();
  for (const entry of kept.values()) {
    const folder = encodeName(entry.stage);
    runIds.set(folder, (runIds.get(folder) ?? new Set()).add(entry.runId));
  }
  let removed = 0;
  for (const name of listOwn(layout.folder('logs'))) {
    const folder = `${layout.folder('logs')}/${name}`;
    const stays = keptExecutions(folder, runIds.get(name) ?? new Set());
    const gone = new Set<string>();
    for (const file of listOwn(folder)) {
      const runId = file.replace(/\.(log|json)$/, '');
      if (!stays.has(runId) && sweep.remove(`${folder}/${file}`)) gone.add(runId);
    }
    removed += gone.size;
    sweep.prune(folder);
  }
  return removed;
}

function keptExecutions(folder: string, named: ReadonlySet<string>): ReadonlySet<string> {
  const executions = readExecutionFolder(folder);
  const newest = executions.findIndex((execution) => named.has(execution.runId));
  const [last] = executions;
  if (newest >= 0) return new Set([...named, ...executions.slice(0, newest).map((execution) => execution.runId)]);
  return last === undefined || last.outcome === 'succeeded' ? named : new Set([...named, last.runId]);
}

/** A file of hits goes once none of the runs that it counts is left. */
function sweepHits(layout: Layout, kept: Kept, sweep: Sweep): void {
  for (const name of listOwn(layout.folder('hits')).filter(isHitsName)) {
    const path = `${layout.folder('hits')}/${name}`;
    const counts = readHits(path).some((run) => kept.has(`${run.fingerprint}-${run.result}`));
    if (!counts) sweep.remove(path);
  }
}

/** What a killed process was writing. Names begin with the pid (core/disk.ts uniqueName). */
function sweepTmp(layout: Layout, sweep: Sweep): void {
  for (const name of listOwn(layout.folder('tmp'))) {
    const path = `${layout.folder('tmp')}/${name}`;
    const pid = parseInt(name.replace(/^\.tmp-/, ''), 36);
    const old = Date.now() - (statOf(path)?.mtimeMs ?? 0) > tmpAge;
    if (old || !isRunning(pid)) sweep.remove(path);
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  return existsSync('/proc/self') ? existsSync(`/proc/${pid}`) : true;
}
