// The files that a glob pattern matches. The library that understands patterns is loaded when the first one is asked for.
// Does not read the files.

import { statSync } from 'node:fs';
import { posix } from 'node:path';
import { compareText, isWithin } from '../core/path.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { describe } from './hash.ts';
import type { IgnoreRules } from './ignore.ts';

export interface GlobOptions {
  readonly root: string;
  readonly rules: IgnoreRules;
  /** Absolute paths in which nothing is looked for. */
  readonly excluded: readonly string[];
}

/**
 * Paths relative to the root, sorted. Only files, and links to files; hidden names only where the pattern spells them out; a linked
 * folder is not entered. The error says what could not be read.
 */
export async function listGlob(
  pattern: string,
  { root, rules, excluded }: GlobOptions,
): Promise<Result<string[], string>> {
  const { default: glob } = await import('fast-glob');
  try {
    const found = await glob(pattern, {
      cwd: root,
      dot: false,
      onlyFiles: false,
      followSymbolicLinks: false,
      objectMode: true,
      ignore: [
        '**/.git/**',
        ...excluded
          .filter((path) => isWithin(root, path))
          .map((path) => `${glob.escapePath(path.slice(root.length + 1))}/**`),
      ],
    });
    const paths = found.filter(
      ({ path, dirent }) => dirent.isFile() || (dirent.isSymbolicLink() && leadsToFile(posix.join(root, path))),
    );
    return ok(
      paths
        .map(({ path }) => path)
        .filter((path) => !rules.names(path, false))
        .sort(compareText),
    );
  } catch (error) {
    return err(describe(error));
  }
}

/** True also for a link that leads nowhere: its coming to life is a change. */
function leadsToFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true;
  } catch {
    return true;
  }
}
