// Where everything lies in a cache folder, and how names become file names. Knows nothing of contents.
//
//   objects/ab/cdef…                       contents under their digest, mode 0444; a folder is its manifest (core/manifest.ts)
//                                          under the folder's digest, and each of its files under their own
//   runs/ab/<fingerprint>/<result>.json    run entries (entry.ts); ab are the first two digits of the fingerprint
//   history/<group>/<fingerprint>-<result> an empty marker for each run of a group, so that a history is known from one readdir
//   logs/<stage>/<run id>.log, .json       output of an execution, and its record (logs.ts)
//   hits/<host>-<pid>-….txt                restores, a line each; one file for each process (hits.ts)
//   workspaces/<digest of its real path>   the path of a workspace that stored something here
//   active/<kind>-<host>-<pid>-….json      who uses the cache now (activity.ts)
//   tmp/                                   files being written, on the same file system as all the above
//
// Everything but active/ and tmp/ is a set: a name fixes what may stand under it (or is unique to the process that wrote it),
// so that copying two cache folders together, in any order, is a correct merge.

import type { Digest } from '../core/digest.ts';
import { digestText } from '../core/digest.ts';
import { uniqueName } from '../core/disk.ts';

export class Layout {
  /** Absolute path of the cache folder. */
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  folder(name: 'objects' | 'runs' | 'history' | 'logs' | 'hits' | 'workspaces' | 'active' | 'tmp'): string {
    return `${this.dir}/${name}`;
  }

  object(digest: Digest): string {
    return `${this.dir}/objects/${digest.slice(0, 2)}/${digest.slice(2)}`;
  }

  runFolder(fingerprint: Digest): string {
    return `${this.dir}/runs/${fingerprint.slice(0, 2)}/${fingerprint}`;
  }

  run(fingerprint: Digest, result: Digest): string {
    return `${this.runFolder(fingerprint)}/${result}.json`;
  }

  historyFolder(group: string): string {
    return `${this.dir}/history/${encodeName(group)}`;
  }

  marker(group: string, fingerprint: Digest, result: Digest): string {
    return `${this.historyFolder(group)}/${fingerprint}-${result}`;
  }

  logFolder(stage: string): string {
    return `${this.dir}/logs/${encodeName(stage)}`;
  }

  /** A new name in tmp/. The folder may not be there yet. */
  tmpFile(): string {
    return `${this.dir}/tmp/${uniqueName()}`;
  }
}

const longest = 120;

/**
 * A file name for any text; no two texts share one. Letters, digits and `_ @ = + , . -` stay as they are (no leading dot),
 * everything else becomes `%` and the hexadecimal digits of its UTF-8 bytes. Long names end in a digest.
 */
export function encodeName(text: string): string {
  let encoded = '';
  for (const char of text) encoded += encodeChar(char, encoded === '');
  if (encoded === '') return '%';
  // "%-" stands in no encoded text, so a shortened name is never that of another text.
  return encoded.length <= longest ? encoded : `${encoded.slice(0, 80)}%-${digestText(encoded)}`;
}

function encodeChar(char: string, first: boolean): string {
  if (/^[A-Za-z0-9_@=+,-]$/.test(char) || (char === '.' && !first)) return char;
  const code = char.charCodeAt(0);
  // Half of a surrogate pair has no UTF-8 bytes of its own.
  if (char.length === 1 && code >= 0xd800 && code <= 0xdfff) return `%u${code.toString(16)}`;
  return [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

/** What a run id looks like: it becomes part of a file name. */
export function isRunId(text: unknown): text is string {
  return typeof text === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text);
}
