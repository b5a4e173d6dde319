// A segment of the stat index as bytes: the rows of single files, and the records of folders.
//
//   "dagrunix" | version, u32 | length of the directory, u32 | digest of all that follows and of the 8 bytes before, 16 bytes
//   | directory, JSON | file rows (tree-rows.ts), then their keys separated by NUL | folder records (tree-record.ts)
//
// Each part starts at a multiple of 8. Numbers are in the machine's byte order: a segment from another machine is simply refused.

import { DigestStream } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { TreeRecord, isSound, isTreeMeta, layoutOf } from './tree-record.ts';
import type { TreeMeta } from './tree-record.ts';
import { aligned, columnsSize, copyColumns, viewColumns } from './tree-rows.ts';
import type { Columns } from './tree-rows.ts';

export interface FileRows {
  readonly columns: Columns;
  readonly keys: readonly string[];
}

export interface Segment {
  readonly files: FileRows;
  readonly trees: readonly TreeRecord[];
}

interface Directory {
  readonly files: number;
  /** Bytes. */
  readonly keys: number;
  readonly trees: readonly TreeMeta[];
}

const magic = Buffer.from('dagrunix');
const version = 1;
const headerLength = 32;
const chunk = 1 << 20;

export function encodeSegment({ files, trees }: Segment): Uint8Array {
  const keys = Buffer.from(files.keys.join('\0'));
  const directory: Directory = { files: files.keys.length, keys: keys.length, trees: trees.map((tree) => tree.meta) };
  const text = Buffer.from(JSON.stringify(directory));
  let at = aligned(headerLength + text.length);
  const length = at + filesLength(directory) + trees.reduce((sum, tree) => sum + tree.bytes.length, 0);
  const buffer = new ArrayBuffer(length);
  const bytes = Buffer.from(buffer);
  magic.copy(bytes);
  new Uint32Array(buffer, 8, 2).set([version, text.length]);
  text.copy(bytes, headerLength);
  copyColumns(files.columns, 0, directory.files, viewColumns(buffer, at, directory.files), 0);
  keys.copy(bytes, at + columnsSize(directory.files));
  at += filesLength(directory);
  for (const tree of trees) {
    bytes.set(tree.bytes, at);
    at += tree.bytes.length;
  }
  bytes.write(checksum(bytes), 16, 'hex');
  return bytes;
}

/** Undefined for anything but what encodeSegment wrote. Columns and records are views of the bytes. */
export function decodeSegment(buffer: ArrayBufferLike): Segment | undefined {
  try {
    const bytes = Buffer.from(buffer);
    if (bytes.length < headerLength || !bytes.subarray(0, 8).equals(magic)) return undefined;
    const [found, length] = new Uint32Array(buffer, 8, 2);
    if (found !== version || bytes.toString('hex', 16, 32) !== checksum(bytes)) return undefined;
    const directory: unknown = JSON.parse(bytes.toString('utf8', headerLength, headerLength + length!));
    return isDirectory(directory) ? readParts(buffer, directory, aligned(headerLength + length!)) : undefined;
  } catch {
    return undefined;
  }
}

function readParts(buffer: ArrayBufferLike, directory: Directory, start: number): Segment | undefined {
  const columns = viewColumns(buffer, start, directory.files);
  const keys =
    directory.files === 0
      ? []
      : Buffer.from(buffer, start + columnsSize(directory.files), directory.keys)
          .toString()
          .split('\0');
  if (keys.length !== directory.files) return undefined;
  const trees: TreeRecord[] = [];
  let at = start + filesLength(directory);
  for (const meta of directory.trees) {
    const tree = new TreeRecord(meta, buffer, at);
    if (!isSound(tree)) return undefined;
    trees.push(tree);
    at += layoutOf(meta).length;
  }
  return at === buffer.byteLength ? { files: { columns, keys }, trees } : undefined;
}

function filesLength({ files, keys }: Directory): number {
  return columnsSize(files) + aligned(keys);
}

function checksum(bytes: Uint8Array): Digest {
  const stream = new DigestStream().update(bytes.subarray(8, 16));
  for (let at = headerLength; at < bytes.length; at += chunk) stream.update(bytes.subarray(at, at + chunk));
  return stream.digest();
}

function isDirectory(value: unknown): value is Directory {
  if (typeof value !== 'object' || value === null) return false;
  const { files, keys, trees } = value as Record<string, unknown>;
  return isCount(files) && isCount(keys) && Array.isArray(trees) && trees.every(isTreeMeta);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
