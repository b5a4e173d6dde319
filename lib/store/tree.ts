// The manifest of a folder on the disk, for a cache that is opened without a reader of its own. Every file is read.
// Knows nothing of ignore files or of a stat index: the workspace does, and hands in its own reader (CacheOptions.readTree).

import { readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { resolve } from 'node:path';
import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { encodeManifest, linkLeavesFolder } from '../core/manifest.ts';
import type { Manifest, ManifestEntry } from '../core/manifest.ts';
import { isRepoPath, joinPath, rootPath } from '../core/path.ts';
import type { RepoPath } from '../core/path.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { digestFile } from './bytes.ts';
import { isInside } from './escape.ts';
import { Pace } from '../core/pace.ts';

/** The error is a sentence about what in the folder cannot be stored. System errors are thrown. */
export async function readTree(folder: string): Promise<Result<Manifest, string>> {
  return walkTree(realpathSync(folder), { pace: new Pace(), above: new Set() });
}

interface Walk {
  readonly pace: Pace;
  /** Real paths of the folders whose links led here. */
  readonly above: ReadonlySet<string>;
}

async function walkTree(folder: string, walk: Walk): Promise<Result<Manifest, string>> {
  const entries: ManifestEntry[] = [];
  const waiting: RepoPath[] = [rootPath];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const found = readdirSync(`${folder}/${next}`, { withFileTypes: true });
    if (found.length === 0 && next !== rootPath) entries.push({ kind: 'folder', path: next });
    for (const item of found) {
      await walk.pace.breathe();
      const path = joinPath(next, item.name);
      if (!isRepoPath(path)) return err(`${JSON.stringify(path)} has a name that a pipeline cannot hold`);
      if (item.isDirectory()) {
        waiting.push(path);
        continue;
      }
      const entry = await readEntry(folder, path, item, walk);
      if (!entry.ok) return entry;
      entries.push(entry.value);
    }
  }
  return ok(entries);
}

async function readEntry(
  folder: string,
  path: RepoPath,
  item: Dirent,
  walk: Walk,
): Promise<Result<ManifestEntry, string>> {
  const place = `${folder}/${path}`;
  if (item.isSymbolicLink()) return readLink(folder, path, readlinkSync(place), walk);
  if (!item.isFile()) return err(`"${path}" is neither file, folder nor symbolic link`);
  const file = await digestFile(place, { followLink: false });
  if (file === undefined) return err(`"${path}" changed while it was read`);
  const { digest, stats } = file;
  return ok({ kind: 'file', path, digest, size: stats.size, executable: (stats.mode & 0o100) !== 0 });
}

async function readLink(
  folder: string,
  path: RepoPath,
  target: string,
  walk: Walk,
): Promise<Result<ManifestEntry, string>> {
  if (!linkLeavesFolder(path, target)) return ok({ kind: 'link', path, target, digest: null });
  const digest = await digestTarget(resolve(folder, path, '..', target), {
    ...walk,
    above: new Set([...walk.above, folder]),
  });
  return digest.ok ? ok({ kind: 'link', path, target, digest: digest.value }) : digest;
}

/** The digest of what a link leads to; null where it leads nowhere, or to a folder around or inside one on the way. */
async function digestTarget(place: string, walk: Walk): Promise<Result<Digest | null, string>> {
  try {
    const real = realpathSync(place);
    if (!statSync(real).isDirectory()) return ok((await digestFile(real, { followLink: false }))?.digest ?? null);
    if ([...walk.above].some((folder) => isInside(real, folder) || isInside(folder, real))) return ok(null);
    const manifest = await walkTree(real, walk);
    return manifest.ok ? ok(digestText(encodeManifest(manifest.value))) : manifest;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ELOOP') return ok(null);
    throw error;
  }
}
