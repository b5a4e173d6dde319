// Where a command may keep what an interrupted execution goes on from: a folder for each stage and fingerprint, so that only the very same
// execution ever finds it. It outlives interruptions, failures and retries, and goes when the lock has the result.

import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { digestText } from '../core/digest.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import { stateFolder } from './locate.ts';
import type { Project } from './project.ts';

/** Folders that are kept for executions that have yet to succeed: so many, or one for each stage where there are more. The oldest go first. */
const kept = 32;

/** Relative to the workspace root. The command makes the folder if it wants it. Stages that share a fingerprint may run at once: each has its own. */
export function resumePath(stage: StageName, fingerprint: Fingerprint): string {
  return `${stateFolder}/resume/${fingerprint}-${digestText(stage).slice(0, 8)}`;
}

/** To be called when nothing can be lost any more: the result is in the lock. Never fails: what is left takes some room and does no harm. */
export function dropResume(project: Project, stage: StageName, fingerprint: Fingerprint): void {
  try {
    rmSync(`${project.root}/${resumePath(stage, fingerprint)}`, { recursive: true, force: true });
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
