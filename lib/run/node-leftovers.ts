// What jobs that were killed left on a node: the folders that they worked in, and what Slurm wrote of them. The next job of the same user there
// removes it. Who worked in a folder stands in it; what nobody can be sure of stays.

import { readlinkSync, writeFileSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { currentOwner, isAlive, isLocal, parseOwner } from '../core/owner.ts';
import { codeOf } from '../core/result.ts';
import { findMarked, hasProc } from '../exec/processes.ts';
import { isRecord } from '../plan/decode.ts';

/** What the folder of a job is called, before letters that make it unique. */
export const folderPrefix = 'dagrun-job-';
const ownerFile = 'owner.json';

/** Milliseconds: who is told to look into the output of a job has so long to do it. */
const outputStays = 7 * 24 * 3600 * 1000;

/** Says in the folder of a job that this process works in it. */
export function claimFolder(folder: string): void {
  writeFileSync(
    `${folder}/${ownerFile}`,
    JSON.stringify({ ...currentOwner('dagrun stage-job'), namespace: pidNamespace() }),
  );
}

/** Removes the folders of dead jobs in `place`, and outputs of dead jobs in `outputs` after a week. Never rejects. */
export async function removeLeftovers({ place, outputs }: { place: string; outputs: string }): Promise<void> {
  for (const name of await list(place))
    if (name.startsWith(folderPrefix))
      await removeIf(join(place, name), async (path, stat) => stat.isDirectory() && (await isOfDeadJob(path)));
  for (const name of await list(outputs)) {
    const job = /^dagrun-(\d+)\.out$/.exec(name)?.[1];
    if (job === undefined) continue;
    const isOld = ({ mtimeMs }: Stats): boolean => Date.now() - mtimeMs > outputStays;
    await removeIf(join(outputs, name), (_path, stat) => stat.isFile() && isOld(stat) && isOver(job));
  }
}

/** Only what is this user's own: anybody may make something of that name, or a link. */
async function removeIf(
  path: string,
  isLeft: (path: string, stat: Stats) => boolean | Promise<boolean>,
): Promise<void> {
  try {
    const stat = await lstat(path);
    if (stat.uid === process.getuid?.() && (await isLeft(path, stat))) await rm(path, { recursive: true, force: true });
  } catch (error) {
    // It is gone already, or whoever comes next may have more luck.
    if (codeOf(error) === undefined) throw error;
  }
}

async function isOfDeadJob(folder: string): Promise<boolean> {
  const said = parse(await readFile(`${folder}/${ownerFile}`, 'utf8'));
  const owner = parseOwner(said);
  // In another namespace its number says nothing.
  if (owner === undefined || !isRecord(said) || said['namespace'] !== pidNamespace()) return false;
  return isLocal(owner) && !isAlive(owner);
}

/** No process of the job is left here. Where that cannot be known it may have some. */
function isOver(job: string): boolean {
  return hasProc && findMarked(`SLURM_JOB_ID=${job}\0`).length === 0;
}

/** Empty where there are none. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

async function list(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
