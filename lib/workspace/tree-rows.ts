// What stat said of many files, in columns: a row is size, mtime, ctime, inode and mode, with the digest that they vouch for.
// Columns load from disk without being parsed and compare without allocation. Times are milliseconds as Node gives them;
// a double resolves them to a quarter of a microsecond.

import type { Stats } from 'node:fs';
import type { Digest } from '../core/digest.ts';

/** A row that does not count (ignore rules): only its being there and its kind are compared. In `mode`, above the file mode. */
export const ignoredRow = 1 << 16;
/** A symbolic link that leads out of its folder: what it leads to is looked at each time. */
export const leavingLink = 1 << 17;
/** The row has a digest. */
export const hasDigest = 1 << 18;

export interface Columns {
  readonly size: Float64Array;
  /** NaN, which equals nothing, where the times do not vouch for the digest. */
  readonly mtime: Float64Array;
  readonly ctime: Float64Array;
  readonly ino: Float64Array;
  readonly mode: Uint32Array;
  /** 16 bytes a row. */
  readonly digest: Buffer;
}

/** Rounded up to where a column of doubles may start. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

export function columnsSize(rows: number): number {
  return rows * 32 + aligned(rows * 4) + rows * 16;
}

/** Columns over bytes that hold them already, or will; `at` is a multiple of 8. */
export function viewColumns(buffer: ArrayBufferLike, at: number, rows: number): Columns {
  const step = rows * 8;
  return {
    size: new Float64Array(buffer, at, rows),
    mtime: new Float64Array(buffer, at + step, rows),
    ctime: new Float64Array(buffer, at + step * 2, rows),
    ino: new Float64Array(buffer, at + step * 3, rows),
    mode: new Uint32Array(buffer, at + step * 4, rows),
    digest: Buffer.from(buffer, at + step * 4 + aligned(rows * 4), rows * 16),
  };
}

export function sameRow(columns: Columns, row: number, stat: Stats): boolean {
  return (
    columns.mtime[row] === stat.mtimeMs &&
    columns.ctime[row] === stat.ctimeMs &&
    columns.size[row] === stat.size &&
    columns.ino[row] === stat.ino &&
    (columns.mode[row]! & 0xffff) === stat.mode
  );
}

export function rowDigest(columns: Columns, row: number): Digest {
  return columns.digest.toString('hex', row * 16, row * 16 + 16) as Digest;
}

export function setDigest(columns: Columns, row: number, digest: Digest): void {
  columns.digest.write(digest, row * 16, 16, 'hex');
}

/** Columns that grow. */
export class Rows {
  length = 0;
  columns: Columns;
  #capacity: number;

  constructor(capacity = 64) {
    this.#capacity = capacity;
    this.columns = viewColumns(new ArrayBuffer(columnsSize(capacity)), 0, capacity);
  }

  /** Appends a row without a digest; `flags` are those of the mode column. */
  push(stat: Stats, flags: number): number {
    this.#reserve(1);
    const row = this.length++;
    this.set(row, stat, flags);
    return row;
  }

  set(row: number, stat: Stats, flags: number): void {
    const { size, mtime, ctime, ino, mode } = this.columns;
    size[row] = stat.size;
    mtime[row] = stat.mtimeMs;
    ctime[row] = stat.ctimeMs;
    ino[row] = stat.ino;
    mode[row] = (stat.mode & 0xffff) | flags;
  }

  /** Gives a row its digest; one that is not `settled` is only good for as long as nobody asks again. */
  vouch(row: number, digest: Digest, settled: boolean): void {
    setDigest(this.columns, row, digest);
    this.columns.mode[row]! |= hasDigest;
    if (!settled) this.columns.mtime[row] = NaN;
  }

  /** Appends rows of other columns as they are. */
  copy(from: Columns, start: number, count: number): void {
    this.#reserve(count);
    copyColumns(from, start, count, this.columns, this.length);
    this.length += count;
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#capacity) return;
    const capacity = Math.max(this.length + count, Math.ceil(this.#capacity * 1.6));
    const grown = viewColumns(new ArrayBuffer(columnsSize(capacity)), 0, capacity);
    copyColumns(this.columns, 0, this.length, grown, 0);
    this.#capacity = capacity;
    this.columns = grown;
  }
}

export function copyColumns(from: Columns, start: number, count: number, to: Columns, at: number): void {
  const end = start + count;
  to.size.set(from.size.subarray(start, end), at);
  to.mtime.set(from.mtime.subarray(start, end), at);
  to.ctime.set(from.ctime.subarray(start, end), at);
  to.ino.set(from.ino.subarray(start, end), at);
  to.mode.set(from.mode.subarray(start, end), at);
  to.digest.set(from.digest.subarray(start * 16, end * 16), at * 16);
}
