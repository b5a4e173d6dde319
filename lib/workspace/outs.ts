// Makes room for the outs of a stage before it runs. Never follows a link out of what it removes, and never lets a command
// write through an out into the cache. Does not know what the outs contain.

import {
  chmodSync,
  constants,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { posix } from 'node:path';
import { uniqueName } from '../core/disk.ts';
import { isWithin } from '../core/path.ts';
import type { RepoPath } from '../core/path.ts';
import { codeOf } from '../core/result.ts';
import type { Out } from '../pipeline/pipeline.ts';
import type { WorkspaceWriter } from '../plan/ports.ts';
import { lstatIfExists } from './files-stat.ts';

const ownerWrite = 0o200;
const ownerAll = 0o700;

export interface OutsOptions {
  /** Absolute path of the workspace. */
  readonly root: string;
  /** Absolute path of the cache folder. */
  readonly cacheDir: string;
}

/** Errors of the file system (no permission, disk full) are thrown as they come. */
export class WorkspaceOuts implements WorkspaceWriter {
  readonly #root: string;
  readonly #cacheDir: string;

  constructor({ root, cacheDir }: OutsOptions) {
    this.#root = root;
    this.#cacheDir = realOr(cacheDir);
  }

  clear({ path, persist }: Pick<Out, 'path' | 'persist'>): void {
    if (path === '') throw new Error('the workspace itself is no out');
    const place = this.#place(path);
    if (persist) this.#makePrivate(place);
    else remove(place);
  }

  makeParent(path: RepoPath): void {
    mkdirSync(posix.dirname(this.#place(path)), { recursive: true });
  }

  behindLink(path: string): string | undefined {
    let parent = posix.dirname(`${this.#root}/${path}`);
    while (parent.length > this.#root.length && lstatIfExists(parent) === undefined) parent = posix.dirname(parent);
    return isWithin(realOr(this.#root), realOr(parent)) ? undefined : parent.slice(this.#root.length + 1);
  }

  /** Throws where a link on the way leads out of the workspace: what lies there is nobody's out. */
  #place(path: string): string {
    const folder = this.behindLink(path);
    if (folder === undefined) return `${this.#root}/${path}`;
    throw new Error(`"${path}" lies behind "${folder}", a symbolic link that leads out of the workspace`);
  }

  /** A private writable copy for all that shares storage with something else. */
  #makePrivate(place: string): void {
    const stat = lstatIfExists(place);
    if (stat === undefined) return;
    if (stat.isSymbolicLink()) {
      if (this.#leadsIntoCache(place)) this.#replaceLink(place);
    } else if (stat.isDirectory()) {
      if ((stat.mode & ownerAll) !== ownerAll) chmodSync(place, stat.mode | ownerAll);
      for (const name of readdirSync(place)) this.#makePrivate(`${place}/${name}`);
    } else if (stat.isFile()) {
      if (stat.nlink > 1) replaceByCopy(place, place, stat.mode);
      else if ((stat.mode & ownerWrite) === 0) chmodSync(place, stat.mode | ownerWrite);
    }
  }

  /** Also where the object is gone, which leaves no real path. */
  #leadsIntoCache(place: string): boolean {
    const target = posix.resolve(realOr(posix.dirname(place)), readlinkSync(place));
    return isWithin(this.#cacheDir, realOr(place)) || isWithin(this.#cacheDir, target);
  }

  #replaceLink(place: string): void {
    const source = realOr(place);
    const stat = lstatIfExists(source);
    // A link that leads to nothing (the object is gone) cannot be written through, but a command would make the object anew.
    if (stat?.isFile() === true) replaceByCopy(source, place, stat.mode);
    else rmSync(place);
  }
}

/** Puts a writable copy of `source` in the place of what is at `place`, in one step. */
function replaceByCopy(source: string, place: string, mode: number): void {
  const copy = `${posix.dirname(place)}/.tmp-${uniqueName()}`;
  try {
    copyFileSync(source, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    chmodSync(copy, (mode & 0o7777) | ownerWrite);
    renameSync(copy, place);
  } catch (error) {
    rmSync(copy, { force: true });
    throw error;
  }
}

/** Removes a file, a link itself, or a folder with all that is in it, read-only folders included. */
function remove(place: string): void {
  try {
    rmSync(place, { recursive: true, force: true });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOTDIR') return;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOTEMPTY') throw error;
    openFolders(place);
    rmSync(place, { recursive: true, force: true });
  }
}

/** Nothing can be removed from a folder that its owner may not write to. */
function openFolders(place: string): void {
  const stat = lstatIfExists(place);
  if (stat?.isDirectory() !== true) return;
  if ((stat.mode & ownerAll) !== ownerAll) chmodSync(place, stat.mode | ownerAll);
  for (const name of readdirSync(place)) openFolders(`${place}/${name}`);
}

function realOr(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
