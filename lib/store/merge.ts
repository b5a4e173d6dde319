// Takes over what another cache folder holds: objects first, then run entries with their markers, then logs and hits.
// Never overwrites. The other folder is hostile input: what is damaged is skipped and reported, symlinks are not followed.

import { copyFileSync, constants, rmSync, statSync } from 'node:fs';
import { withFolder } from '../core/disk.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';
import { moveInto } from './arrivals.ts';
import { digestFile } from './bytes.ts';
import { isHitsName } from './hits.ts';
import { Layout, isRunId } from './layout.ts';
import { listNames, listObjects, listOwn, listRuns, statOf } from './list.ts';
import type { ObjectStore, Source } from './objects.ts';
import { Pace } from '../core/pace.ts';
import { ioProblem, problem } from './problem.ts';
import { readEntryFile } from './runs.ts';
import type { RunTable } from './runs.ts';

export interface MergeReport {
  /** Copied; what was there already is not counted. */
  readonly objects: number;
  readonly bytes: number;
  readonly runs: number;
  readonly logs: number;
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

/** `dir`: absolute path of the other cache folder. */
export async function mergeCache(
  objects: ObjectStore,
  runs: RunTable,
  dir: string,
): Promise<Result<MergeReport, StoreProblem>> {
  if (!looksLikeCache(dir))
    return err(problem('missing', `"${dir}" is no cache folder: it has neither objects nor runs`));
  const from = new Layout(dir);
  const skipped: string[] = [];
  try {
    const copied = await mergeObjects(objects, from, skipped);
    if (!copied.ok) return copied;
    const added = await mergeRuns(objects, runs, from, skipped);
    const logs = mergeLogs(objects.layout, from);
    mergeHits(objects.layout, from);
    return ok({ ...copied.value, runs: added, logs, skipped });
  } catch (error) {
    return err(ioProblem(error, `cannot merge "${dir}" into ${objects.layout.dir}`));
  }
}

function looksLikeCache(dir: string): boolean {
  return ['objects', 'runs'].some((name) => {
    try {
      return statSync(`${dir}/${name}`).isDirectory();
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return false;
    }
  });
}

/** Objects that are checked and then stored together. */
const batchSize = 256;

async function mergeObjects(
  objects: ObjectStore,
  from: Layout,
  skipped: string[],
): Promise<Result<{ readonly objects: number; readonly bytes: number }, StoreProblem>> {
  const pace = new Pace();
  let batch: Source[] = [];
  let count = 0;
  let bytes = 0;
  const flush = async (): Promise<Result<void, StoreProblem>> => {
    const stored = await objects.putFiles(batch);
    const last = batch.at(-1);
    if (stored.ok && last !== undefined) objects.syncNames(last.digest);
    count += batch.length;
    bytes += batch.reduce((sum, source) => sum + source.size, 0);
    batch = [];
    return stored;
  };
  for (const digest of listObjects(from)) {
    await pace.breathe();
    const path = from.object(digest);
    const size = statOf(path)?.size;
    if (size === undefined || objects.has(digest, size)) continue;
    if (!(await isSound(path, digest))) skipped.push(`object ${digest}: its bytes have another digest`);
    else batch.push({ path, digest, size });
    if (batch.length < batchSize) continue;
    const stored = await flush();
    if (!stored.ok) return stored;
  }
  const stored = await flush();
  return stored.ok ? ok({ objects: count, bytes }) : stored;
}

async function isSound(path: string, digest: string): Promise<boolean> {
  try {
    return (await digestFile(path, { followLink: false }))?.digest === digest;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

/** An entry whose objects could not be taken over would be a hit that cannot be honoured: it is left out. */
async function mergeRuns(objects: ObjectStore, runs: RunTable, from: Layout, skipped: string[]): Promise<number> {
  const to = objects.layout;
  const pace = new Pace();
  let count = 0;
  for (const name of listRuns(from)) {
    await pace.breathe();
    const entry = readEntryFile(from.run(name.fingerprint, name.result), name);
    if (entry?.ok === false) skipped.push(`run entry ${name.fingerprint}/${name.result}: ${entry.error}`);
    if (entry?.ok !== true) continue;
    const known = readEntryFile(to.run(name.fingerprint, name.result), name);
    if (known?.ok === true) runs.mark(known.value);
    else if (!objects.holds(entry.value.outs.map((out) => out.content))) {
      skipped.push(`run ${name.fingerprint}/${name.result} of ${entry.value.stage}: some of its objects are missing`);
    } else {
      await runs.write(entry.value);
      count++;
    }
  }
  return count;
}

function mergeLogs(to: Layout, from: Layout): number {
  let count = 0;
  for (const stage of listNames(from.folder('logs'))) {
    // Only what encodeName() could have written.
    if (!/^[A-Za-z0-9_@=+,.%-]{1,160}$/.test(stage) || stage.startsWith('.')) continue;
    for (const name of listOwn(`${from.folder('logs')}/${stage}`)) {
      const runId = /^(.+)\.(?:log|json)$/.exec(name)?.[1];
      if (!isRunId(runId)) continue;
      const copied = copyMissing(
        to,
        `${from.folder('logs')}/${stage}/${name}`,
        `${to.folder('logs')}/${stage}/${name}`,
      );
      if (copied && name.endsWith('.log')) count++;
    }
  }
  return count;
}

function mergeHits(to: Layout, from: Layout): void {
  for (const name of listNames(from.folder('hits')).filter(isHitsName)) {
    copyMissing(to, `${from.folder('hits')}/${name}`, `${to.folder('hits')}/${name}`);
  }
}

/** In one step; true where something was copied. */
function copyMissing(to: Layout, source: string, target: string): boolean {
  if (statOf(source)?.isFile() !== true || statOf(target) !== undefined) return false;
  const tmp = to.tmpFile();
  try {
    withFolder(tmp, () => copyFileSync(source, tmp, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL));
    moveInto(tmp, target);
    return true;
  } finally {
    rmSync(tmp, { force: true });
  }
}
