// The folder of machine-local state: made on the first write, and hidden from git by a file of its own.

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { writeFileAtomic } from '../core/disk.ts';

/** Makes the folder with a .gitignore that ignores all of it. Errors are thrown: without it nothing can be run. */
export function makeStateFolder(stateDir: string): void {
  const ignore = `${stateDir}/.gitignore`;
  if (!existsSync(ignore)) writeFileAtomic(ignore, '*\n', { durable: false });
}

/** Removes what a killed process was writing (core/disk.ts), in the folder and beside the pipeline file. Its pid must be dead. Never fails. */
export function removeUnfinished(stateDir: string, pid: number): void {
  const isUnfinished = (path: string): boolean => basename(path).startsWith(`.tmp-${pid.toString(36)}-`);
  const root = dirname(stateDir);
  try {
    const paths = readdirSync(stateDir, { recursive: true, encoding: 'utf8' }).map((path) => `${stateDir}/${path}`);
    const beside = readdirSync(root).map((name) => `${root}/${name}`);
    for (const path of [...paths, ...beside].filter(isUnfinished)) rmSync(path, { force: true });
  } catch {
    // They take some room and do no harm.
  }
}

/** Where the standstill of a pipeline file is kept (workspace/standstill.ts). */
export function standstillPath(stateDir: string, pipelineFile: string): string {
  return `${stateDir}/standstill-${encodeURIComponent(pipelineFile)}`;
}
