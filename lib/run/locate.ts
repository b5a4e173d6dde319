// Where a command works: the pipeline file that it is about, found without reading it.

import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { failure } from '../core/failure.ts';
import type { CommandFailure } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';

/** Machine-local state, below the workspace root. May be deleted at any time. */
export const stateFolder = '.dagrun';

/** Names that a pipeline file has where `--file` names none; the first of them is preferred. */
export const defaultFiles: readonly string[] = ['pipeline.yaml', 'pipeline.yml'];

export interface Location {
  /** Absolute path of the workspace root: the folder of the pipeline file. */
  readonly root: string;
  /** The pipeline file, relative to the root. */
  readonly file: string;
  readonly stateDir: string;
}

/** One spelling of the root, whatever links led to it. */
function locationOf(folder: string, file: string): Location {
  const root = realpathSync.native(folder);
  return { root, file, stateDir: `${root === '/' ? '' : root}/${stateFolder}` };
}

/** Finds the pipeline file that a command is about, without reading it. */
export function locatePipeline(cwd: string, file: string | undefined): Result<Location, CommandFailure> {
  if (file !== undefined) {
    const path = resolve(cwd, file);
    if (isFile(path)) return ok(locationOf(dirname(path), basename(path)));
    return err(
      failure('configuration', {
        message: `there is no pipeline file at ${isAbsolute(file) ? file : path}`,
        hint: 'check the path after --file',
      }),
    );
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    const found = defaultFiles.find((name) => isFile(`${folder}/${name}`));
    if (found !== undefined) return ok(locationOf(folder, found));
    if (folder === dirname(folder)) break;
  }
  const hint = isFile(`${cwd}/dvc.yaml`)
    ? '`dagrun --file dvc.yaml …` runs the DVC pipeline that is here'
    : '`dagrun init` writes a starter pipeline; `-C DIR` looks elsewhere';
  return err(failure('configuration', { message: `there is no pipeline.yaml in ${cwd} or above it`, hint }));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
