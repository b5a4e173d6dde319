// What does not count as content of a folder: version control, the runner's own folders, and what the ignore file names
// (.dagrunignore, or .dvcignore as DVC has it; gitignore syntax, in the workspace root).
// A folder or file that a stage names itself always counts.

import { join, relative } from 'node:path';
import type { Ignore } from 'ignore';
import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { readTextIfExists } from '../core/disk.ts';
import { compareText, isWithin } from '../core/path.ts';

export const ignoreFiles = ['.dagrunignore', '.dvcignore'] as const;
const versionControl: ReadonlySet<string> = new Set(['.git', '.hg', '.svn']);

export class IgnoreRules {
  /** Changes whenever other things may be ignored. */
  readonly digest: string;
  /** Digests of the ignore files by name; null where there is none. */
  readonly texts: ReadonlyMap<string, Digest | null>;
  readonly #root: string;
  /** Absolute paths that never count. */
  readonly #excluded: readonly string[];
  readonly #matcher: Ignore | undefined;

  private constructor(
    root: string,
    options: {
      excluded: readonly string[];
      text: string;
      matcher: Ignore | undefined;
      texts: ReadonlyMap<string, Digest | null>;
    },
  ) {
    this.texts = options.texts;
    this.#root = root;
    this.#excluded = options.excluded;
    this.#matcher = options.matcher;
    const places = options.excluded.map((path) => relative(root, path)).sort(compareText);
    this.digest = digestText(JSON.stringify([1, places, options.text]));
  }

  /** Reads the ignore files; the library that understands them is only loaded where there is one. `excluded` are absolute paths. */
  static async load(root: string, excluded: readonly string[]): Promise<IgnoreRules> {
    const found = ignoreFiles.map((name) => [name, readTextIfExists(join(root, name))] as const);
    const texts = new Map(found.map(([name, text]) => [name, text === undefined ? null : digestText(text)]));
    const text = found.map(([, content]) => content ?? '').join('\n');
    if (text.trim() === '') return new IgnoreRules(root, { excluded, text: '', matcher: undefined, texts });
    const { default: ignore } = await import('ignore');
    return new IgnoreRules(root, { excluded, text, matcher: ignore().add(text), texts });
  }

  /** Whether the ignore file names this path, which is relative to the root; false outside it. */
  names(path: string, isFolder: boolean): boolean {
    if (this.#matcher === undefined || path === '' || path.startsWith('/') || path === '..' || path.startsWith('../'))
      return false;
    return this.#matcher.ignores(isFolder ? `${path}/` : path);
  }

  /** For a folder, by absolute path: what in it does not count, by path relative to it. */
  skipsIn(base: string): (path: string, isFolder: boolean) => boolean {
    const excluded = new Set(
      this.#excluded.filter((path) => path !== base && isWithin(base, path)).map((path) => path.slice(base.length + 1)),
    );
    const inner = isWithin(this.#root, base) ? base.slice(this.#root.length + 1) : undefined;
    const applies = this.#matcher !== undefined && inner !== undefined && !this.names(inner, true);
    const prefix = inner === '' ? '' : `${inner ?? ''}/`;
    return (path, isFolder) => {
      if (versionControl.has(path.slice(path.lastIndexOf('/') + 1)) || excluded.has(path)) return true;
      return applies && this.names(prefix + path, isFolder);
    };
  }
}
