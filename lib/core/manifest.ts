// The canonical manifest of a folder. Its bytes are what is hashed, and what the object store keeps under that digest.
//
// One line an entry, sorted by path in code-unit order, fields separated by one space, strings as JSON:
//   f <digest> <size> <path>           a file
//   x <digest> <size> <path>           an executable file
//   l <digest|-> <target> <path>       a symbolic link; the digest of what it leads to where that lies outside the folder
//   d <path>                           an empty folder
// A manifest from a cache is hostile input: parseManifest accepts only what encodeManifest could have written.

import { isDigest } from './digest.ts';
import type { Digest } from './digest.ts';
import { compareText, isRepoPath, placePath } from './path.ts';
import type { RepoPath } from './path.ts';
import { err, ok } from './result.ts';
import type { Result } from './result.ts';

export type ManifestEntry =
  | {
      readonly kind: 'file';
      readonly path: RepoPath;
      readonly digest: Digest;
      readonly size: number;
      readonly executable: boolean;
    }
  | { readonly kind: 'link'; readonly path: RepoPath; readonly target: string; readonly digest: Digest | null }
  | { readonly kind: 'folder'; readonly path: RepoPath };

export type Manifest = readonly ManifestEntry[];

/** The first line of every manifest. */
export const manifestHeader = 'dagrun-manifest 1\n';

/** Entries may come in any order; paths are relative to the folder. */
export function encodeManifest(entries: Manifest): string {
  const sorted = entries.toSorted((a, b) => compareText(a.path, b.path));
  return manifestHeader + sorted.map(encodeEntry).join('');
}

/** One line of a manifest. */
export function encodeEntry(entry: ManifestEntry): string {
  const path = JSON.stringify(entry.path);
  switch (entry.kind) {
    case 'file':
      return `${entry.executable ? 'x' : 'f'} ${entry.digest} ${entry.size} ${path}\n`;
    case 'link':
      return `l ${entry.digest ?? '-'} ${JSON.stringify(entry.target)} ${path}\n`;
    case 'folder':
      return `d ${path}\n`;
  }
}

/** The error says which line is wrong. Rejects paths that leave the folder, duplicates, and entries below a file or a link. */
export function parseManifest(text: string): Result<Manifest, string> {
  if (!text.startsWith(manifestHeader) || !text.endsWith('\n')) return err('not a manifest');
  const lines = text.slice(manifestHeader.length, -1);
  if (lines === '') return ok([]);
  const entries: ManifestEntry[] = [];
  const leaves = new Set<string>();
  let previous: string | undefined;
  for (const [index, line] of lines.split('\n').entries()) {
    const entry = parseEntry(line);
    if (entry === undefined) return err(`line ${index + 2} is malformed`);
    if (previous !== undefined && compareText(previous, entry.path) >= 0)
      return err(`line ${index + 2} is out of order`);
    for (let slash = entry.path.indexOf('/'); slash >= 0; slash = entry.path.indexOf('/', slash + 1)) {
      if (leaves.has(entry.path.slice(0, slash))) return err(`line ${index + 2} lies below a file or a link`);
    }
    previous = entry.path;
    leaves.add(entry.path);
    entries.push(entry);
  }
  return ok(entries);
}

const entryPattern =
  /^(?:([fx]) ([0-9a-f]{32}) (0|[1-9]\d{0,15})|(l) ([0-9a-f]{32}|-) ("(?:[^"\\]|\\.)*")|(d)) ("(?:[^"\\]|\\.)*")$/;

function parseEntry(line: string): ManifestEntry | undefined {
  const match = entryPattern.exec(line);
  if (match === null) return undefined;
  const path = parseString(match[8]!);
  if (path === undefined || !isRepoPath(path)) return undefined;
  if (match[1] !== undefined) {
    const size = Number(match[3]);
    return isDigest(match[2])
      ? { kind: 'file', path, digest: match[2], size, executable: match[1] === 'x' }
      : undefined;
  }
  if (match[4] === undefined) return { kind: 'folder', path };
  const target = parseString(match[6]!);
  if (target === undefined || target === '' || target.includes('\0')) return undefined;
  return { kind: 'link', path, target, digest: isDigest(match[5]) ? match[5] : null };
}

function parseString(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    // Only the one spelling that encodeManifest writes: otherwise two texts would stand for one folder.
    return typeof value === 'string' && JSON.stringify(value) === json ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Where a link at `path` with this target leads, seen from the folder: inside it, or out of it. */
export function linkLeavesFolder(path: RepoPath, target: string): boolean {
  const slash = path.lastIndexOf('/');
  const placed = placePath(target, (slash < 0 ? '' : path.slice(0, slash)) as RepoPath);
  return !placed.ok || placed.value.kind === 'outside';
}
