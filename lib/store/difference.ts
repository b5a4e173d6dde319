// What has to change so that a folder on the disk holds a manifest. Reads the folder, changes nothing.

import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import type { Manifest, ManifestEntry } from '../core/manifest.ts';
import { joinPath, rootPath } from '../core/path.ts';
import { codeOf } from '../core/result.ts';
import { digestFile } from './bytes.ts';
import { Pace } from './pace.ts';

export type ManifestFile = Extract<ManifestEntry, { kind: 'file' }>;
export type ManifestLink = Extract<ManifestEntry, { kind: 'link' }>;

/** All paths are relative to the folder. */
export interface Difference {
  /** To be removed: what the manifest does not have, and what is in the way. */
  readonly remove: readonly string[];
  /** To be made where they are missing, parents first. */
  readonly folders: readonly string[];
  readonly files: readonly ManifestFile[];
  readonly links: readonly ManifestLink[];
}

/** True where the file at `path` (a symlink to its object included) has this content. */
export type SameFile = (path: string, stats: Stats) => Promise<boolean>;

export function isSameFile(
  content: { readonly digest: Digest; readonly size: number; readonly executable: boolean },
  objectPath: string,
): SameFile {
  return async (path, stats) => {
    try {
      if (stats.isSymbolicLink()) {
        if (content.executable || readlinkSync(path) !== objectPath) return false;
        return (await digestFile(objectPath, { followLink: false }))?.digest === content.digest;
      }
      if (!stats.isFile() || stats.size !== content.size || ((stats.mode & 0o100) !== 0) !== content.executable)
        return false;
      return (await digestFile(path, { followLink: false }))?.digest === content.digest;
    } catch (error) {
      // What cannot be read is replaced.
      if (codeOf(error) === undefined) throw error;
      return false;
    }
  };
}

/** Everything that the manifest needs, as if the folder were not there. */
export function wholeTree(manifest: Manifest): Difference {
  return {
    remove: [],
    folders: [...foldersOf(manifest)],
    files: manifest.filter((entry) => entry.kind === 'file'),
    links: manifest.filter((entry) => entry.kind === 'link'),
  };
}

/** `folder` is a real folder; symlinks in it are never followed, except to see whether one leads to its object. */
export async function compareTree(
  folder: string,
  manifest: Manifest,
  objectPath: (digest: Digest) => string,
): Promise<Difference> {
  const folders = foldersOf(manifest);
  const leaves = new Map<string, ManifestEntry>();
  for (const entry of manifest) if (entry.kind !== 'folder') leaves.set(entry.path, entry);
  const remove: string[] = [];
  const pace = new Pace();
  const waiting: string[] = [rootPath];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const item of readdirSync(`${folder}/${next}`, { withFileTypes: true })) {
      await pace.breathe();
      const path = joinPath(next, item.name);
      const wanted = leaves.get(path);
      if (folders.has(path) && item.isDirectory()) waiting.push(path);
      else if (wanted === undefined || item.isDirectory()) remove.push(path);
      else if (await isThere(`${folder}/${path}`, wanted, objectPath)) leaves.delete(path);
    }
  }
  const left = [...leaves.values()];
  return {
    remove,
    folders: [...folders],
    files: left.filter((entry) => entry.kind === 'file'),
    links: left.filter((entry) => entry.kind === 'link'),
  };
}

async function isThere(path: string, wanted: ManifestEntry, objectPath: (digest: Digest) => string): Promise<boolean> {
  const stats = lstatSync(path);
  if (wanted.kind === 'link') return stats.isSymbolicLink() && readlinkSync(path) === wanted.target;
  return wanted.kind === 'file' && isSameFile(wanted, objectPath(wanted.digest))(path, stats);
}

/** Every folder of a manifest, parents first. */
function foldersOf(manifest: Manifest): Set<string> {
  const folders = new Set<string>();
  for (const entry of manifest) {
    for (let slash = entry.path.indexOf('/'); slash >= 0; slash = entry.path.indexOf('/', slash + 1))
      folders.add(entry.path.slice(0, slash));
    if (entry.kind === 'folder') folders.add(entry.path);
  }
  return folders;
}
