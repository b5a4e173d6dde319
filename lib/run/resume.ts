// Where a command may keep what an interrupted execution goes on from: a folder for each stage and fingerprint, so that only the very same
// execution ever finds it. It outlives interruptions, failures and retries, and goes when the lock has the result.

import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { digestText } from '../core/digest.ts';
import type { Stage, StageName } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import { stateFolder } from './locate.ts';
import type { Project } from './project.ts';

/** Folders that are kept for executions that have yet to succeed: so many, or one for each stage where there are more. The oldest go first. */
const kept = 32;

/** Relative to the workspace root. The command makes the folder if it wants it. Stages that share a fingerprint may run at once: each has its own. */
export function resumePath(stage: StageName, fingerprint: Fingerprint): string {
  return `${stateFolder}/resume/${fingerprint}-${digestText(stage).slice(0, 8)}`;
}

/**
 * A relocatable stage that was renamed takes over what it was interrupted with: a folder of the same execution that belongs to no stage of this
 * pipeline. To be called before the command starts. Never fails: without the folder the command begins anew.
 */
export function adoptResume(project: Project, stage: Stage, fingerprint: Fingerprint): void {
  if (!stage.relocatable) return;
  const own = `${project.root}/${resumePath(stage.name, fingerprint)}`;
  try {
    if (existsSync(own)) return;
    const folder = `${project.stateDir}/resume`;
    const same = readdirSync(folder).filter((name) => name.startsWith(`${fingerprint}-`));
    const owned = new Set(project.graph.stages.map(({ name }) => basename(resumePath(name, fingerprint))));
    const orphan = same.find((name) => !owned.has(name));
    if (orphan !== undefined) renameSync(`${folder}/${orphan}`, own);
  } catch {
    // There is no folder of any stage, or another run was faster.
  }
}

/** To be called when nothing can be lost any more: the result is in the lock. Never fails: what is left takes some room and does no harm. */
export function dropResume(project: Project, stage: StageName, fingerprint: Fingerprint): void {
  const folder = `${project.root}/${resumePath(stage, fingerprint)}`;
  try {
    if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
  } catch {
    // It goes with the oldest.
  }
}

/** Drops the oldest folders beyond those that are kept. To be called when nothing runs: no folder is in use then. Never fails. */
export function tidyResumes(project: Project): void {
  try {
    const folder = `${project.stateDir}/resume`;
    const excess = readdirSync(folder).length - Math.max(kept, project.graph.stages.length);
    if (excess <= 0) return;
    const aged = readdirSync(folder).map((name) => ({
      path: `${folder}/${name}`,
      at: lastTouched(`${folder}/${name}`),
    }));
    aged.sort((a, b) => a.at - b.at);
    for (const { path } of aged.slice(0, excess)) rmSync(path, { recursive: true, force: true });
  } catch {
    // There is none, or one cannot be removed: the next run tries again.
  }
}

/** Milliseconds since 1970. A checkpoint that is written in place leaves the times of its folder alone. */
function lastTouched(folder: string): number {
  const inside = readdirSync(folder).map((name) => lstatSync(`${folder}/${name}`).mtimeMs);
  return inside.reduce((newest, time) => Math.max(newest, time), lstatSync(folder).mtimeMs);
}
