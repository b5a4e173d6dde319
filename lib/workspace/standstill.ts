// What stat said of everything that a run looked at which found nothing to do. As long as stat says the same, nothing has changed, and there is
// nothing to do again: no need to read the pipeline, the lock or the cache, or to hash anything (the verifying trace of a whole run).
// Machine-local, and only a shortcut: it may be dropped at any time. Small and without packages, as it is read before the program is loaded.
//
//   "dagrunst" | checksum, u32 | length of the directory, u32 | directory, JSON
//   | file rows (tree-rows.ts), then their keys separated by NUL | folder records (tree-record.ts)
//
// Each part starts at a multiple of 8. Numbers are in the machine's byte order.

import { lstatSync, readFileSync } from 'node:fs';
import type { Pace } from './files-pace.ts';
import { TreeRecord, isSound, isTreeMeta, layoutOf } from './tree-record.ts';
import type { TreeMeta } from './tree-record.ts';
import { aligned, columnsSize, copyColumns, ignoredRow, sameRow, viewColumns } from './tree-rows.ts';
import type { Columns } from './tree-rows.ts';
import { verifyTree } from './tree-verify.ts';

/** What a standstill is true of, besides what lies on the disk. */
export interface Claims {
  /** Which build of dagrun said so. */
  readonly build: string;
  /** Absolute path of the workspace: elsewhere, other things may be its cache. */
  readonly root: string;
  /** Relative to the root. */
  readonly pipeline: string;
  /** Value of DAGRUN_CACHE_DIR; null where it was not set. */
  readonly cacheDir: string | null;
  readonly stages: number;
  /** Paths at which nothing may lie. */
  readonly absent: readonly string[];
}

/** Rows by key: a path relative to the root, or an absolute one. */
export interface Seen {
  readonly columns: Columns;
  readonly keys: readonly string[];
  readonly trees: readonly TreeRecord[];
}

export interface Standstill {
  readonly claims: Claims;
  readonly seen: Seen;
}

interface Directory {
  readonly claims: Claims;
  readonly files: number;
  /** Bytes. */
  readonly keys: number;
  readonly trees: readonly TreeMeta[];
}

const magic = Buffer.from('dagrunst');
const headerLength = 16;

export function encodeStandstill({ claims, seen }: Standstill): Uint8Array {
  const keys = Buffer.from(seen.keys.join('\0'));
  const directory: Directory = {
    claims,
    files: seen.keys.length,
    keys: keys.length,
    trees: seen.trees.map(({ meta }) => meta),
  };
  const text = Buffer.from(JSON.stringify(directory));
  let at = aligned(headerLength + text.length);
  const length = at + filesLength(directory) + seen.trees.reduce((sum, tree) => sum + tree.bytes.length, 0);
  const buffer = new ArrayBuffer(length);
  const bytes = Buffer.from(buffer);
  magic.copy(bytes);
  text.copy(bytes, headerLength);
  copyColumns(seen.columns, 0, directory.files, viewColumns(buffer, at, directory.files), 0);
  keys.copy(bytes, at + columnsSize(directory.files));
  at += filesLength(directory);
  for (const tree of seen.trees) {
    bytes.set(tree.bytes, at);
    at += tree.bytes.length;
  }
  const header = new Uint32Array(buffer, 8, 2);
  header[1] = text.length;
  header[0] = checksum(buffer);
  return bytes;
}

/** Undefined where there is none, and for anything but what encodeStandstill wrote. */
export function readStandstill(path: string): Standstill | undefined {
  try {
    const bytes = readFileSync(path);
    const shared = bytes.length > sharedLength;
    const buffer = shared ? new SharedArrayBuffer(bytes.length) : new ArrayBuffer(bytes.length);
    new Uint8Array(buffer).set(bytes);
    return decodeStandstill(buffer);
  } catch {
    return undefined;
  }
}

/** Folders from this size on are looked at by two threads, which need memory that they can share. */
const sharedLength = 1 << 20;

export function decodeStandstill(buffer: ArrayBufferLike): Standstill | undefined {
  try {
    const bytes = Buffer.from(buffer);
    if (bytes.length < headerLength || bytes.length % 8 !== 0 || !bytes.subarray(0, 8).equals(magic)) return undefined;
    const [sum, length] = new Uint32Array(buffer, 8, 2);
    if (sum !== checksum(buffer)) return undefined;
    const directory: unknown = JSON.parse(bytes.toString('utf8', headerLength, headerLength + length!));
    return isDirectory(directory) ? readParts(buffer, directory, aligned(headerLength + length!)) : undefined;
  } catch {
    return undefined;
  }
}

/** True where everything is as it was seen: then what was said then is still true. */
export function stillStands({ claims, seen }: Standstill): boolean {
  const { columns, keys, trees } = seen;
  const { root } = claims;
  const quiet = { throwIfNoEntry: false } as const;
  const placeOf = (key: string): string => (key.startsWith('/') ? key : key === '.' ? root : `${root}/${key}`);
  try {
    for (const path of claims.absent) if (lstatSync(placeOf(path), quiet) !== undefined) return false;
    for (let row = 0; row < keys.length; row++) {
      const stat = lstatSync(placeOf(keys[row]!), quiet);
      if (stat === undefined) return false;
      const kindOnly = (columns.mode[row]! & ignoredRow) !== 0;
      if (kindOnly ? ((columns.mode[row]! ^ stat.mode) & 0o170000) !== 0 : !sameRow(columns, row, stat)) return false;
    }
    return trees.every((tree) => isSame(tree, placeOf(tree.meta.key)));
  } catch {
    // What cannot be looked at is for the run to complain about.
    return false;
  }
}

const unhurried: Pick<Pace, 'due' | 'until'> = { due: () => false, until: Infinity };

function isSame(tree: TreeRecord, base: string): boolean {
  if (lstatSync(base, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  const work = verifyTree(tree, { base, pace: unhurried, listed: null });
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value.every((same) => same === 1);
  }
}

function readParts(buffer: ArrayBufferLike, directory: Directory, start: number): Standstill | undefined {
  const columns = viewColumns(buffer, start, directory.files);
  const text = Buffer.from(buffer, start + columnsSize(directory.files), directory.keys).toString();
  const keys = directory.files === 0 ? [] : text.split('\0');
  if (keys.length !== directory.files) return undefined;
  const trees: TreeRecord[] = [];
  let at = start + filesLength(directory);
  for (const meta of directory.trees) {
    const tree = new TreeRecord(meta, buffer, at);
    if (!isSound(tree)) return undefined;
    trees.push(tree);
    at += layoutOf(meta).length;
  }
  return at === buffer.byteLength ? { claims: directory.claims, seen: { columns, keys, trees } } : undefined;
}

function filesLength({ files, keys }: Pick<Directory, 'files' | 'keys'>): number {
  return columnsSize(files) + aligned(keys);
}

/** FNV-1a over words: notices a file that a power cut left half written, which is all it has to. */
function checksum(buffer: ArrayBufferLike): number {
  const words = new Uint32Array(buffer, 12, (buffer.byteLength - 12) >>> 2);
  let sum = 0x811c9dc5;
  for (let index = 0; index < words.length; index++) sum = Math.imul(sum ^ words[index]!, 0x01000193);
  return sum >>> 0;
}

function isDirectory(value: unknown): value is Directory {
  if (typeof value !== 'object' || value === null) return false;
  const { claims, files, keys, trees } = value as Record<string, unknown>;
  return isClaims(claims) && isCount(files) && isCount(keys) && Array.isArray(trees) && trees.every(isTreeMeta);
}

function isClaims(value: unknown): value is Claims {
  if (typeof value !== 'object' || value === null) return false;
  const { build, root, pipeline, cacheDir, stages, absent } = value as Record<string, unknown>;
  const texts = [
    build,
    root,
    pipeline,
    ...(cacheDir === null ? [] : [cacheDir]),
    ...(Array.isArray(absent) ? (absent as unknown[]) : [0]),
  ];
  return isCount(stages) && texts.every((text) => typeof text === 'string');
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
