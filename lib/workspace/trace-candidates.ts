// Which files a path in an import may mean: itself, with an extension, the TypeScript source of a compiled name, the index of a folder.
// Knows nothing of packages but the `main` of a package.json.

import { join, resolve } from 'node:path';
import type { Disk } from './trace-disk.ts';

export type Found =
  /** Most often one; two where tools disagree which of them runs. */
  | { readonly kind: 'files'; readonly files: readonly string[] }
  /** There is only a declaration file: nothing is left of the import at run time. */
  | { readonly kind: 'types' }
  | { readonly kind: 'folder' }
  | { readonly kind: 'none' };

export interface FindOptions {
  /** Only the path itself or its TypeScript source: no other extension, no index file. */
  readonly exact?: boolean;
  /** The path can only be a folder. */
  readonly folderOnly?: boolean;
  /** Gets the paths that were looked at in vain. */
  readonly tried: string[];
}

const extensions = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.json', '.node'];
/** Compiled name → the sources it may have been compiled from. */
const sources: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
};
/** Source → what it would be compiled to. */
const compiled: Readonly<Record<string, string>> = { '.ts': '.js', '.tsx': '.js', '.mts': '.mjs', '.cts': '.cjs' };
const declarations: Readonly<Record<string, string>> = {
  '.js': '.d.ts',
  '.jsx': '.d.ts',
  '.mjs': '.d.mts',
  '.cjs': '.d.cts',
};

/** `place` is absolute; a slash at its end changes nothing. */
export function findFiles(disk: Disk, place: string, options: FindOptions): Found {
  const path = resolve(place);
  const asFile = options.folderOnly === true ? none : findFile(disk, path, options);
  if (asFile.kind === 'files') return asFile;
  const isFolder = disk.look(path).kind === 'folder';
  if (isFolder && options.exact !== true) {
    const inside = findInFolder(disk, path, options);
    if (inside.kind !== 'none') return inside;
  }
  if (asFile.kind === 'none' && options.folderOnly !== true && hasDeclaration(disk, path)) return { kind: 'types' };
  return isFolder ? { kind: 'folder' } : none;
}

const none: Found = { kind: 'none' };

function findFile(disk: Disk, path: string, { exact, tried }: FindOptions): Found {
  const [stem, extension] = splitExtension(path);
  const origins = (sources[extension] ?? []).map((source) => stem + source);
  if (isFile(disk, path, tried)) return files(path, firstFile(disk, origins));
  const origin = firstFile(disk, origins, tried);
  if (origin !== undefined) return files(origin);
  if (exact === true) return none;
  for (const added of extensions) {
    if (!isFile(disk, path + added, tried)) continue;
    const twin = compiled[added];
    return files(path + added, twin === undefined ? undefined : firstFile(disk, [path + twin]));
  }
  return none;
}

function findInFolder(disk: Disk, folder: string, { tried }: FindOptions): Found {
  const json = disk.json(join(folder, 'package.json'))?.value;
  const main = typeof json === 'object' && json !== null && 'main' in json ? json.main : undefined;
  if (typeof main === 'string' && main !== '') {
    const entry = resolve(join(folder, main));
    const found = findFile(disk, entry, { tried });
    if (found.kind === 'files') return found;
    if (entry !== folder && disk.look(entry).kind === 'folder') {
      const index = findFile(disk, join(entry, 'index'), { tried });
      if (index.kind === 'files') return index;
    }
  }
  const index = join(folder, 'index');
  const found = findFile(disk, index, { tried });
  return found.kind === 'none' && hasDeclaration(disk, index) ? { kind: 'types' } : found;
}

function hasDeclaration(disk: Disk, path: string): boolean {
  const [stem, extension] = splitExtension(path);
  const own = declarations[extension];
  const paths = own === undefined ? ['.d.ts', '.d.mts', '.d.cts'].map((added) => path + added) : [stem + own];
  return firstFile(disk, paths) !== undefined;
}

function files(path: string, twin?: string): Found {
  return { kind: 'files', files: twin === undefined ? [path] : [path, twin] };
}

function firstFile(disk: Disk, paths: readonly string[], tried: string[] = []): string | undefined {
  return paths.find((path) => isFile(disk, path, tried));
}

function isFile(disk: Disk, path: string, tried: string[]): boolean {
  if (disk.look(path).kind === 'file') return true;
  tried.push(path);
  return false;
}

function splitExtension(path: string): readonly [stem: string, extension: string] {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') ? [path.slice(0, dot), path.slice(dot)] : [path, ''];
}
