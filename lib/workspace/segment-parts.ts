// What a run knows of files and folders from stat, as bytes: rows of single files with their keys, and records of folders. Two files hold such
// bytes, each behind a header and a checksum of its own (stat-index-format.ts, standstill.ts); this is the part that they share.
//
//   header | directory, JSON | file rows (tree-rows.ts), then their keys separated by NUL | folder records (tree-record.ts)
//
// Each part starts at a multiple of 8. Numbers are in the machine's byte order. Without packages, as it is read before the program is loaded.

import { TreeRecord, isSound, isTreeMeta, layoutOf } from './tree-record.ts';
import type { TreeMeta } from './tree-record.ts';
import { aligned, columnsSize, copyColumns, viewColumns } from './tree-rows.ts';
import type { Columns } from './tree-rows.ts';

/** Rows by key: a path relative to the workspace root, or an absolute one. */
export interface Segment {
  readonly columns: Columns;
  readonly keys: readonly string[];
  readonly trees: readonly TreeRecord[];
}

interface Directory {
  readonly files: number;
  /** Bytes. */
  readonly keys: number;
  readonly trees: readonly TreeMeta[];
}

export interface PackedSegment {
  /** The header is still empty. */
  readonly buffer: ArrayBuffer;
  /** Bytes; for the header to name. */
  readonly directory: number;
}

/** `more`: what the directory says besides, before its own fields. */
export function packSegment(segment: Segment, headerLength: number, more: object = {}): PackedSegment {
  const { columns, trees } = segment;
  const keys = Buffer.from(segment.keys.join('\0'));
  const directory: Directory = { files: segment.keys.length, keys: keys.length, trees: trees.map(({ meta }) => meta) };
  const text = Buffer.from(JSON.stringify({ ...more, ...directory }));
  let at = aligned(headerLength + text.length);
  const length = at + filesLength(directory) + trees.reduce((sum, tree) => sum + tree.bytes.length, 0);
  const buffer = new ArrayBuffer(length);
  const bytes = Buffer.from(buffer);
  text.copy(bytes, headerLength);
  copyColumns(columns, 0, directory.files, viewColumns(buffer, at, directory.files), 0);
  keys.copy(bytes, at + columnsSize(directory.files));
  at += filesLength(directory);
  for (const tree of trees) {
    bytes.set(tree.bytes, at);
    at += tree.bytes.length;
  }
  return { buffer, directory: text.length };
}

export interface UnpackedSegment {
  /** Columns and records are views of the bytes. */
  readonly segment: Segment;
  /** Whatever the directory says. */
  readonly directory: Readonly<Record<string, unknown>>;
}

/** Undefined or a thrown error for anything but what packSegment made; what only a checksum could notice is for the caller to refuse. */
export function unpackSegment(
  buffer: ArrayBufferLike,
  headerLength: number,
  directoryLength: number,
): UnpackedSegment | undefined {
  const text = Buffer.from(buffer).toString('utf8', headerLength, headerLength + directoryLength);
  const directory: unknown = JSON.parse(text);
  if (!isDirectory(directory)) return undefined;
  const segment = readParts(buffer, directory, aligned(headerLength + directoryLength));
  return segment === undefined ? undefined : { segment, directory };
}

function readParts(buffer: ArrayBufferLike, directory: Directory, start: number): Segment | undefined {
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
  return at === buffer.byteLength ? { columns, keys, trees } : undefined;
}

function filesLength({ files, keys }: Directory): number {
  return columnsSize(files) + aligned(keys);
}

function isDirectory(value: unknown): value is Directory & Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { files, keys, trees } = value as Record<string, unknown>;
  return isCount(files) && isCount(keys) && Array.isArray(trees) && trees.every(isTreeMeta);
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
