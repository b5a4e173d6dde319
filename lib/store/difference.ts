// What has to change so that a folder on the disk holds a manifest. Reads the folder, changes nothing.

import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import type { Manifest, ManifestEntry } from '../core/manifest.ts';
import { joinPath, rootPath } from '../core/path.ts';
import { codeOf } from '../core/result.ts';
import { digestFile } from './bytes.ts';
import { Pace } from '../core/pace.ts';

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

interface FileContent {
  readonly digest: Digest;
  readonly size: number;
  readonly executable: boolean;
}

/** True where the path, which these stats are of, is a regular file with this content. What cannot be read is not. */
export async function isSameFile(path: string, stats: Stats, content: FileContent): Promise<boolean> {
  if (!stats.isFile() || stats.size !== content.size || ((stats.mode & 0o100) !== 0) !== content.executable)
    return false;
  return hasDigest(path, content.digest);
}

/** True where the path is a symlink to this object, and the object is sound. */
export async function isLinkTo(path: string, stats: Stats, object: string, digest: Digest): Promise<boolean> {
  return stats.isSymbolicLink() && readlinkSync(path) === object && (await hasDigest(object, digest));
}

async function hasDigest(path: string, digest: Digest): Promise<boolean> {
  try {
    return (await digestFile(path, { followLink: false }))?.digest === digest;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
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

/** `folder` is a real folder; symlinks in it are never followed. */
export async function compareTree(folder: string, manifest: Manifest): Promise<Difference> {
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
      else if (await isThere(`${folder}/${path}`, wanted)) leaves.delete(path);
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

async function isThere(path: string, wanted: ManifestEntry): Promise<boolean> {
  const stats = lstatSync(path);
  if (wanted.kind === 'link') return stats.isSymbolicLink() && readlinkSync(path) === wanted.target;
  return wanted.kind === 'file' && isSameFile(path, stats, wanted);
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
