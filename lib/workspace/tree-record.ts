// A folder as it was last seen, packed so that it loads without being parsed: the rows of all its entries in the order in which the
// walk met them, breadth first, so that the entries of one folder lie together and the k-th folder row is folder k + 1.
//
//   columns (tree-rows.ts) | rows of each folder, u32 | end of each folder's names, u32 | names | folder paths | link targets
//
// Texts are UTF-8, separated by NUL. The order of readdir is stable for an unchanged folder, so comparing needs no sorting.

import type { Digest } from '../core/digest.ts';
import { isDigest } from '../core/digest.ts';
import { aligned, columnsSize, copyColumns, viewColumns } from './tree-rows.ts';
import type { Columns, Rows } from './tree-rows.ts';

/** From this many rows on, a record lies in a file of its own and in memory that threads can share. */
export const ownFileRows = 4000;

export interface TreeMeta {
  /** What was observed: a path as the reader knows it, or a glob pattern. */
  readonly key: string;
  /** Digest of the ignore rules under which it was seen. */
  readonly rules: string;
  readonly digest: Digest;
  /** Bytes and number of the files that count. */
  readonly size: number;
  readonly files: number;
  readonly rows: number;
  readonly folders: number;
  /** Lengths of the three texts, in bytes. */
  readonly names: number;
  readonly paths: number;
  readonly targets: number;
}

/** The entries of a folder, packed or not. */
export interface Listing {
  readonly columns: Columns;
  /** Rows of each folder. */
  readonly counts: ArrayLike<number>;
  /** Relative to the observed folder, which comes first as the empty string. */
  readonly paths: readonly string[];
  /** Texts of the symbolic links that count, in the order of their rows. */
  readonly targets: readonly string[];
  /** Names of a folder's entries, joined by NUL. */
  joinedNames(folder: number): string;
}

/** What a walk found, before it is packed. */
export interface TreeParts extends Listing {
  readonly key: string;
  readonly rules: string;
  readonly rows: Rows;
}

const fields = ['size', 'files', 'rows', 'folders', 'names', 'paths', 'targets'] as const;

/** Where the parts of a packed record begin, from its own beginning. */
export function layoutOf(meta: TreeMeta): {
  counts: number;
  ends: number;
  names: number;
  paths: number;
  targets: number;
  length: number;
} {
  const counts = columnsSize(meta.rows);
  const ends = counts + meta.folders * 4;
  const names = ends + meta.folders * 4;
  const paths = names + meta.names;
  const targets = paths + meta.paths;
  return { counts, ends, names, paths, targets, length: aligned(targets + meta.targets) };
}

export class TreeRecord implements Listing {
  readonly meta: TreeMeta;
  readonly columns: Columns;
  readonly counts: Uint32Array;
  readonly ends: Uint32Array;
  readonly buffer: ArrayBufferLike;
  /** Where the record begins in `buffer`: a multiple of 8. */
  readonly at: number;

  /** Over bytes that hold the record. Throws a RangeError where they are too few. */
  constructor(meta: TreeMeta, buffer: ArrayBufferLike, at: number) {
    const layout = layoutOf(meta);
    if (at + layout.length > buffer.byteLength) throw new RangeError('the record is cut short');
    this.meta = meta;
    this.buffer = buffer;
    this.at = at;
    this.columns = viewColumns(buffer, at, meta.rows);
    this.counts = new Uint32Array(buffer, at + layout.counts, meta.folders);
    this.ends = new Uint32Array(buffer, at + layout.ends, meta.folders);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.buffer, this.at, layoutOf(this.meta).length);
  }

  joinedNames(folder: number): string {
    const start = folder === 0 ? 0 : this.ends[folder - 1]!;
    return this.#text(layoutOf(this.meta).names + start, this.ends[folder]! - start);
  }

  get paths(): string[] {
    return this.#text(layoutOf(this.meta).paths, this.meta.paths).split('\0');
  }

  get targets(): string[] {
    return this.meta.targets === 0 ? [] : this.#text(layoutOf(this.meta).targets, this.meta.targets).split('\0');
  }

  #text(at: number, length: number): string {
    return Buffer.from(this.buffer, this.at + at, length).toString();
  }
}

/** Names of a folder's entries. */
export function namesOf(listing: Listing, folder: number): string[] {
  return listing.counts[folder] === 0 ? [] : listing.joinedNames(folder).split('\0');
}

/** True for what describes a record, whoever wrote it: numbers are checked, texts are what they are. */
export function isTreeMeta(value: unknown): value is TreeMeta {
  if (typeof value !== 'object' || value === null) return false;
  const meta = value as Record<string, unknown>;
  if (typeof meta.key !== 'string' || typeof meta.rules !== 'string' || !isDigest(meta.digest)) return false;
  return fields.every((name) => Number.isSafeInteger(meta[name]) && (meta[name] as number) >= 0);
}

/** True where the inner numbers of a record agree with each other, so that nothing reads past its end. */
export function isSound({ meta, counts, ends }: TreeRecord): boolean {
  let rows = 0;
  let end = 0;
  for (let folder = 0; folder < meta.folders; folder++) {
    rows += counts[folder]!;
    if (ends[folder]! < end) return false;
    end = ends[folder]!;
  }
  return meta.folders > 0 && rows === meta.rows && end === meta.names;
}

/** Packs what a walk found. */
export function packTree(parts: TreeParts, digest: Digest, totals: { size: number; files: number }): TreeRecord {
  const names = parts.paths.map((_, folder) => Buffer.from(parts.joinedNames(folder)));
  const paths = Buffer.from(parts.paths.join('\0'));
  const targets = Buffer.from(parts.targets.join('\0'));
  const meta: TreeMeta = {
    key: parts.key,
    rules: parts.rules,
    digest,
    ...totals,
    rows: parts.rows.length,
    folders: parts.paths.length,
    names: names.reduce((sum, text) => sum + text.length, 0),
    paths: paths.length,
    targets: targets.length,
  };
  const layout = layoutOf(meta);
  const Memory = meta.rows < ownFileRows ? ArrayBuffer : SharedArrayBuffer;
  const record = new TreeRecord(meta, new Memory(layout.length), 0);
  copyColumns(parts.rows.columns, 0, meta.rows, record.columns, 0);
  record.counts.set(Array.from(parts.counts));
  const bytes = record.bytes;
  let end = 0;
  for (const [folder, text] of names.entries()) {
    bytes.set(text, layout.names + end);
    end += text.length;
    record.ends[folder] = end;
  }
  bytes.set(paths, layout.paths);
  bytes.set(targets, layout.targets);
  return record;
}
