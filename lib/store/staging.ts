// Where files are built before they appear under their name: in the cache's tmp/ where that is on the same file system and can be
// written to, otherwise beside the target. Knows nothing of objects.

import { accessSync, constants, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { uniqueName } from '../core/disk.ts';
import { codeOf } from '../core/result.ts';
import type { Layout } from './layout.ts';

/** How names beside a target begin. */
const prefix = '.dagrun-tmp-';
/** Milliseconds after which such a name is certainly left over from a killed process. */
const leftoverAge = 60 * 60 * 1000;

export class Staging {
  /** Absolute path that nothing stands at; its parent exists. */
  readonly path: string;
  readonly inCache: boolean;
  #isMoved = false;

  private constructor(path: string, inCache: boolean) {
    this.path = path;
    this.inCache = inCache;
  }

  /** For a target whose parent folder exists. `beside`: not in the cache, because renaming out of it has failed. */
  static open(layout: Layout, target: string, options: { readonly beside: boolean }): Staging {
    const parent = dirname(target);
    if (!options.beside && canStage(layout, parent)) return new Staging(layout.tmpFile(), true);
    removeLeftovers(parent);
    return new Staging(`${parent}/${prefix}${uniqueName()}`, false);
  }

  /** Puts what was built, a folder or not, in the place of whatever is at `target`. */
  replace(target: string, built: 'file' | 'folder'): void {
    if (built === 'file' && this.#movesOver(target)) return;
    const aside = lstatSync(target, { throwIfNoEntry: false })?.isDirectory() === true ? `${this.path}-old` : undefined;
    if (aside !== undefined) renameSync(target, aside);
    else if (built === 'folder') rmSync(target, { force: true });
    try {
      renameSync(this.path, target);
      this.#isMoved = true;
    } catch (error) {
      if (aside !== undefined) renameSync(aside, target);
      throw error;
    }
    if (aside !== undefined) rmSync(aside, { recursive: true, force: true });
  }

  /** A file takes the place of anything but a folder: false there. */
  #movesOver(target: string): boolean {
    try {
      renameSync(this.path, target);
    } catch (error) {
      if (codeOf(error) === 'EISDIR') return false;
      throw error;
    }
    this.#isMoved = true;
    return true;
  }

  close(): void {
    if (!this.#isMoved) rmSync(this.path, { recursive: true, force: true });
  }
}

/** Device of the tmp folder of each cache that is open, once it was looked at; null: it cannot be written to. */
const devices = new WeakMap<Layout, number | null>();

function canStage(layout: Layout, parent: string): boolean {
  let device = devices.get(layout);
  if (device === undefined) devices.set(layout, (device = deviceOf(layout.folder('tmp'))));
  return device !== null && statSync(parent, { throwIfNoEntry: false })?.dev === device;
}

function deviceOf(tmp: string): number | null {
  try {
    mkdirSync(tmp, { recursive: true });
    accessSync(tmp, constants.W_OK | constants.X_OK);
    return statSync(tmp).dev;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return null;
  }
}

const swept = new Set<string>();

/** Once for each folder. */
function removeLeftovers(parent: string): void {
  if (swept.has(parent)) return;
  swept.add(parent);
  for (const name of readdirSync(parent)) {
    const path = `${parent}/${name}`;
    if (!basename(path).startsWith(prefix)) continue;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > leftoverAge) rmSync(path, { recursive: true, force: true });
  }
}
