// Keeps every write inside the workspace, whatever a cache, a lock or a symlink says. Reads the disk, changes nothing.

import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';
import { ioProblem, problem } from './problem.ts';

/** True where `path` is `parent` or lies below it; both absolute and without `.` and `..`. */
export function isInside(parent: string, path: string): boolean {
  return path === parent || path.startsWith(parent.endsWith('/') ? parent : `${parent}/`);
}

export class Fence {
  readonly #root: string;
  readonly #cache: string;
  #realRoot: string | undefined;
  #realCache: string | undefined;

  constructor(root: string, cache: string) {
    this.#root = resolve(root);
    this.#cache = resolve(cache);
  }

  /**
   * The path to write to, free of symlinks up to its last name. Refuses what lies outside the workspace, the workspace itself,
   * what reaches the cache, and parent folders that are symlinks leading out of the workspace. The parent may not exist yet.
   */
  place(path: string): Result<string, StoreProblem> {
    const target = resolve(path);
    if (target === this.#root || !isInside(this.#root, target))
      return err(refuse(path, 'it lies outside the workspace'));
    try {
      const parent = realParent(dirname(target));
      if (parent === undefined) return err(refuse(path, 'a folder on the way is a symbolic link that leads nowhere'));
      this.#realRoot ??= realpathSync.native(this.#root);
      if (!isInside(this.#realRoot, parent))
        return err(refuse(path, 'a folder on the way is a symbolic link that leads out of the workspace'));
      const real = join(parent, basename(target));
      if (this.#touchesCache(real)) return err(refuse(path, 'it is, holds or lies in the cache folder'));
      return ok(real);
    } catch (error) {
      return err(ioProblem(error, `cannot write "${path}"`));
    }
  }

  #touchesCache(path: string): boolean {
    try {
      this.#realCache ??= realpathSync.native(this.#cache);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    const cache = this.#realCache ?? this.#cache;
    return isInside(cache, path) || isInside(path, cache);
  }

  /**
   * Says why a symlink may not be stored or restored; undefined where it may. `folder` is the absolute folder that it stands in.
   * Its target must stay in the workspace, and may go up only at its beginning: `a/../b` leads elsewhere where `a` is a symlink.
   */
  refuseLink(folder: string, target: string): string | undefined {
    const names = target.split('/').filter((name) => name !== '' && name !== '.');
    const climbs = names.findIndex((name) => name !== '..');
    if (climbs >= 0 && names.includes('..', climbs)) return 'its target goes down and up again';
    const end = resolve(folder, target);
    this.#realRoot ??= realpathSync.native(this.#root);
    if (isInside(this.#root, end) || isInside(this.#realRoot, end)) return undefined;
    return 'its target lies outside the workspace';
  }
}

function refuse(path: string, why: string): StoreProblem {
  return problem('refused', `refusing to write "${path}": ${why}`);
}

/** The folder with every symlink on the way to it resolved, whether all of it exists yet or not; undefined for a dangling symlink. */
function realParent(folder: string): string | undefined {
  try {
    return realpathSync.native(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined || dirname(folder) === folder) return undefined;
    const parent = realParent(dirname(folder));
    return parent === undefined ? undefined : join(parent, basename(folder));
  }
}
