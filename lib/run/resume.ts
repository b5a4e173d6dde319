// Where a command may keep what an interrupted execution goes on from: a folder for each fingerprint, so that only the very same execution
// ever finds it. It outlives interruptions, failures and retries, and goes when the stage has succeeded.

import { readdirSync, rmSync, statSync } from 'node:fs';
import type { Fingerprint } from '../plan/parts.ts';
import type { Project } from './project.ts';
import { stateFolder } from './locate.ts';

/** Folders that are kept for executions that have yet to succeed; the oldest go first. */
const kept = 32;

/** Relative to the workspace root. The command makes the folder if it wants it. */
export function resumePath(fingerprint: Fingerprint): string {
  return `${stateFolder}/resume/${fingerprint}`;
}

/** To be called when an execution has ended. Never fails: what is left takes some room and does no harm. */
export function tidyResume(project: Project, fingerprint: Fingerprint, end: 'succeeded' | 'unfinished'): void {
  try {
    if (end === 'succeeded') rmSync(`${project.root}/${resumePath(fingerprint)}`, { recursive: true, force: true });
    else dropOldest(`${project.stateDir}/resume`);
  } catch {
    // A folder that cannot be removed now is removed after the next success.
  }
}

function dropOldest(folder: string): void {
  const found = readdirSync(folder).map((name) => `${folder}/${name}`);
  if (found.length <= kept) return;
  const aged = found.map((path) => ({ path, at: statSync(path).mtimeMs })).sort((a, b) => a.at - b.at);
  for (const { path } of aged.slice(0, found.length - kept)) rmSync(path, { recursive: true, force: true });
}
