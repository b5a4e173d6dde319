// Where everything lies on a remote.
//
//   dagrun-remote.json                      {"version":1}: what this place is
//   blobs/ab/cdef…                          bytes under their SHA-256: a pack of small objects, or a piece of a large one
//   packs/<SHA-256 of the pack>             the index of a pack (pack.ts); a pack without one counts as not there
//   moved/<SHA-256 of a pack>               where the objects of a pack are that gc has rewritten (moves.ts)
//   contents/ab/cdef…                       where the objects of a run lie (contents.ts), under its SHA-256
//   runs/ab/<fingerprint>/<result>.json     a run entry and the name of its contents (envelope.ts)
//   history/<group>/<fingerprint>-<result>  a marker for each run of a group
//   catalogue                               the names of all runs: for places that cannot be listed
//   active/<push|gc>-<name>                 who is at work now (activity.ts)
//   tmp/<name>.part                         what is being written: in folders alone (file-storage.ts)
//
// A push writes in this order, from top to bottom, so that whatever stands there is complete: a run entry that can be seen can be had.
// Names fix contents, but for the catalogue, which each push writes anew.

import { isDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import type { Branded } from '../core/result.ts';

/** 64 lower-case hexadecimal digits. */
export type Sha256 = Branded<'Sha256'>;

/** Names a run: what its entry lies under. */
export interface RunKey {
  readonly fingerprint: Digest;
  readonly result: Digest;
}

export const markerKey = 'dagrun-remote.json';
export const markerText = '{"version":1}\n';
export const catalogueKey = 'catalogue';
export const tmpFolder = 'tmp/';

/** `name`: one of uniqueName() (core/disk.ts). */
export function partKey(name: string): string {
  return `${tmpFolder}${name}.part`;
}

/** A folder may have held a `tmp` of somebody else before it became a remote. */
export function isPartKey(key: string): boolean {
  return /^tmp\/[0-9a-z]+(-[0-9a-z]+)+\.part$/.test(key);
}

export function isSha256(text: unknown): text is Sha256 {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

export function blobKey(sha: Sha256): string {
  return `blobs/${sha.slice(0, 2)}/${sha.slice(2)}`;
}

export function contentsKey(sha: Sha256): string {
  return `contents/${sha.slice(0, 2)}/${sha.slice(2)}`;
}

/** What a key of blobs/ or contents/ is the name of. */
export function shaOfKey(key: string): Sha256 | undefined {
  const match = /^(?:blobs|contents)\/([0-9a-f]{2})\/([0-9a-f]{62})$/.exec(key);
  return match === null ? undefined : ((match[1]! + match[2]!) as Sha256);
}

export function packKey(sha: Sha256): string {
  return `packs/${sha}`;
}

export function movedKey(sha: Sha256): string {
  return `moved/${sha}`;
}

export function runFolder(fingerprint: Digest): string {
  return `runs/${fingerprint.slice(0, 2)}/${fingerprint}/`;
}

export function runKey({ fingerprint, result }: RunKey): string {
  return `${runFolder(fingerprint)}${result}.json`;
}

export function parseRunKey(key: string): RunKey | undefined {
  const match = /^runs\/([0-9a-f]{2})\/([0-9a-f]{32})\/([0-9a-f]{32})\.json$/.exec(key);
  if (match === null || !isDigest(match[2]) || !isDigest(match[3]) || !match[2].startsWith(match[1]!)) return undefined;
  return { fingerprint: match[2], result: match[3] };
}

/** `group` as a file name that no other group has. */
export function historyFolder(group: string): string {
  return `history/${group}/`;
}

/** One text for a run: the name of its marker. */
export function runName({ fingerprint, result }: RunKey): string {
  return `${fingerprint}-${result}`;
}

export function parseRunName(name: string): RunKey | undefined {
  const match = /^([0-9a-f]{32})-([0-9a-f]{32})$/.exec(name);
  return match === null || !isDigest(match[1]) || !isDigest(match[2])
    ? undefined
    : { fingerprint: match[1], result: match[2] };
}
