// Remembers digests by what stat says of the files they came from. Machine-local, and only a shortcut: it may be dropped at any
// time, and what is damaged or from another version counts as absent. Large folders have a file of their own, so that a small change
// does not rewrite megabytes. Two processes that save at once lose one of the two states, never more.

import { closeSync, fstatSync, openSync, readSync, readdirSync, rmSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { writeFileAtomic } from '../core/disk.ts';
import { lstatIfExists } from './files-stat.ts';
import { decodeSegment, encodeSegment } from './stat-index-format.ts';
import type { Segment } from './segment-parts.ts';
import { ownFileRows } from './tree-record.ts';
import type { TreeRecord } from './tree-record.ts';
import { Rows, ignoredRow, leavingLink, rowDigest, sameRow } from './tree-rows.ts';

/** Beyond this many entries that nobody asked for, saving looks which of them have gone. */
const unseenLimit = 1000;
const noFiles = { columns: new Rows(0).columns, keys: [] };

export interface StatIndexOptions {
  /** Absolute path of the state folder. */
  readonly folder: string;
  /** The absolute path of an entry, from its key; undefined where it has none (a glob). */
  readonly placeOf: (key: string) => string | undefined;
}

export class StatIndex {
  readonly #options: StatIndexOptions;
  readonly #rows = new Rows();
  /** Row by key. */
  readonly #files: Map<string, number>;
  /** Records of small folders that this process has not replaced, and those it has made. */
  readonly #trees: Map<string, TreeRecord>;
  /** Records of large folders, as far as they were asked for; undefined: looked for in vain. */
  readonly #large = new Map<string, TreeRecord | undefined>();
  readonly #seen = new Set<string>();
  readonly #unsaved = new Set<string>();
  #changed = false;

  constructor(options: StatIndexOptions) {
    this.#options = options;
    const { columns, keys, trees } = readSegment(`${options.folder}/stat.idx`) ?? { ...noFiles, trees: [] };
    this.#rows.copy(columns, 0, keys.length);
    this.#files = new Map(keys.map((key, row) => [key, row]));
    this.#trees = new Map(trees.map((tree) => [tree.meta.key, tree]));
  }

  /** The digest that is remembered for this file, if its stat still vouches for it. */
  file(key: string, stat: Stats): Digest | undefined {
    const row = this.#files.get(key);
    this.#seen.add(key);
    return row !== undefined && sameRow(this.#rows.columns, row, stat) ? rowDigest(this.#rows.columns, row) : undefined;
  }

  /** Remembers a digest; where its stat is not `settled`, so that it is hashed again in the next process. */
  setFile(key: string, entry: { readonly digest: Digest; readonly stat: Stats; readonly settled: boolean }): void {
    let row = this.#files.get(key);
    if (row === undefined) this.#files.set(key, (row = this.#rows.push(entry.stat, 0)));
    else this.#rows.set(row, entry.stat, 0);
    this.#rows.vouch(row, entry.digest, entry.settled);
    this.#seen.add(key);
    this.#changed = true;
  }

  /** The rows of these files and the records of these folders, as they are now; undefined where stat does not vouch for one of them. */
  extract(files: readonly string[], folders: readonly string[]): Segment | undefined {
    const rows = new Rows(files.length);
    for (const key of files) {
      const row = this.#files.get(key);
      if (row === undefined || Number.isNaN(this.#rows.columns.mtime[row])) return undefined;
      rows.copy(this.#rows.columns, row, 1);
    }
    const trees = folders.map((key) => this.tree(key));
    return trees.every((tree) => tree !== undefined && isVouchedFor(tree))
      ? { columns: rows.columns, keys: files, trees: trees as TreeRecord[] }
      : undefined;
  }

  tree(key: string): TreeRecord | undefined {
    this.#seen.add(key);
    const small = this.#trees.get(key);
    if (small !== undefined) return small;
    if (!this.#large.has(key)) this.#large.set(key, this.#readLarge(key));
    return this.#large.get(key);
  }

  setTree(record: TreeRecord): void {
    const { key, rows } = record.meta;
    this.#seen.add(key);
    if (rows >= ownFileRows) {
      if (this.#trees.delete(key)) this.#changed = true;
      this.#large.set(key, record);
      this.#unsaved.add(key);
      return;
    }
    if (this.#large.get(key) !== undefined) this.#unsaved.add(key);
    this.#large.set(key, undefined);
    this.#trees.set(key, record);
    this.#changed = true;
  }

  /** Writes what changed. A disk that is full or read-only is no failure: the next process hashes again. */
  save(): void {
    try {
      if (this.#unsaved.size > 0) this.#saveLarge();
      if (this.#changed) this.#saveSmall();
    } catch {
      // The index may be dropped at any time.
    }
  }

  #saveSmall(): void {
    this.#dropGone();
    const rows = new Rows(this.#files.size);
    for (const row of this.#files.values()) rows.copy(this.#rows.columns, row, 1);
    const { columns } = rows;
    const trees = [...this.#trees.values()];
    write(`${this.#options.folder}/stat.idx`, { columns, keys: [...this.#files.keys()], trees });
    this.#changed = false;
  }

  #saveLarge(): void {
    for (const key of this.#unsaved) {
      const record = this.#large.get(key);
      if (record === undefined) rmSync(this.#largePath(key), { force: true });
      else write(this.#largePath(key), { ...noFiles, trees: [record] });
    }
    this.#unsaved.clear();
    this.#dropGoneLarge();
  }

  #dropGone(): void {
    const unseen = [...this.#files.keys(), ...this.#trees.keys()].filter((key) => !this.#seen.has(key));
    if (unseen.length <= Math.max(unseenLimit, this.#seen.size)) return;
    for (const key of unseen) {
      if (!this.#isGone(key)) continue;
      this.#files.delete(key);
      this.#trees.delete(key);
    }
  }

  /** Files of folders that are no more. Looked for only when one was written, which is rare. */
  #dropGoneLarge(): void {
    const folder = `${this.#options.folder}/trees`;
    const seen = new Set([...this.#large.keys()].map((key) => this.#largePath(key)));
    for (const name of readdirSync(folder)) {
      const path = `${folder}/${name}`;
      if (seen.has(path)) continue;
      const key = readSegment(path)?.trees[0]?.meta.key;
      if (key === undefined || this.#isGone(key)) rmSync(path, { force: true });
    }
  }

  #isGone(key: string): boolean {
    const place = this.#options.placeOf(key);
    return place !== undefined && lstatIfExists(place) === undefined;
  }

  #readLarge(key: string): TreeRecord | undefined {
    const tree = readSegment(this.#largePath(key))?.trees[0];
    return tree?.meta.key === key ? tree : undefined;
  }

  #largePath(key: string): string {
    return `${this.#options.folder}/trees/${digestText(key)}.idx`;
  }
}

/** What links lead to outside of a folder has no rows in its record. */
function isVouchedFor({ columns }: TreeRecord): boolean {
  return !columns.mtime.some(
    (time, row) => Number.isNaN(time) || (columns.mode[row]! & (leavingLink | ignoredRow)) === leavingLink,
  );
}

function write(path: string, segment: Segment): void {
  writeFileAtomic(path, encodeSegment(segment), { durable: false });
}

function readSegment(path: string): Segment | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const { size } = fstatSync(descriptor);
    // Shared, so that a second thread can read a large record where it lies.
    const buffer = size < ownFileRows * 50 ? new ArrayBuffer(size) : new SharedArrayBuffer(size);
    const bytes = new Uint8Array(buffer);
    let filled = 0;
    while (filled < size) {
      const count = readSync(descriptor, bytes, filled, size - filled, null);
      if (count === 0) return undefined;
      filled += count;
    }
    return decodeSegment(buffer);
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
