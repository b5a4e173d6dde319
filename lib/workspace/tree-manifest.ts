// The digest of a folder: that of its canonical manifest, made line by line from the walked rows, so that the text of a folder of
// a million files is never in memory as a whole.

import { constants } from 'node:fs';
import { DigestStream } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { encodeEntry, manifestHeader } from '../core/manifest.ts';
import type { Manifest, ManifestEntry } from '../core/manifest.ts';
import { compareText } from '../core/path.ts';
import type { RepoPath } from '../core/path.ts';
import type { Pace, Steps } from './files-pace.ts';
import { namesOf } from './tree-record.ts';
import type { Listing } from './tree-record.ts';
import { hasDigest, ignoredRow, rowDigest } from './tree-rows.ts';

const { S_IFMT, S_IFDIR, S_IFLNK } = constants;
const chunkLength = 1 << 16;

export interface TreeTotals {
  readonly digest: Digest;
  /** Bytes and number of the files. */
  readonly size: number;
  readonly files: number;
}

/** Where the entries of each folder lie, and which folder a folder row is. */
interface Shape {
  readonly first: Uint32Array;
  readonly folderOfRow: ReadonlyMap<number, number>;
  readonly linkOfRow: ReadonlyMap<number, number>;
}

/** A folder whose entries are being written. */
interface Open {
  readonly folder: number;
  readonly names: readonly string[];
  readonly order: Uint32Array;
  next: number;
}

/** Equal to the digest of encodeManifest() over all entries that count. */
export function* digestTree(listing: Listing, pace: Pace): Steps<TreeTotals> {
  const stream = new DigestStream();
  const encoder = new TextEncoder();
  const entries = new Entries(listing);
  let [text, size, files] = [manifestHeader, 0, 0];
  for (let entry = entries.next(); entry !== undefined; entry = entries.next()) {
    text += encodeEntry(entry);
    if (entry.kind === 'file') {
      files++;
      size += entry.size;
    }
    if (text.length < chunkLength) continue;
    stream.update(encoder.encode(text));
    text = '';
    if (pace.due()) yield;
  }
  return { digest: stream.update(encoder.encode(text)).digest(), size, files };
}

/** The manifest itself, for whoever needs every entry. */
export function listEntries(listing: Listing): Manifest {
  const entries = new Entries(listing);
  const found: ManifestEntry[] = [];
  for (let entry = entries.next(); entry !== undefined; entry = entries.next()) found.push(entry);
  return found;
}

/** All entries that count, one after the other in the order of a manifest. */
class Entries {
  readonly #listing: Listing;
  readonly #paths: readonly string[];
  readonly #targets: readonly string[];
  readonly #shape: Shape;
  /** The folders around the next entry, innermost last: a stack of its own, since folders may be nested without limit. */
  readonly #open: Open[];

  constructor(listing: Listing) {
    this.#listing = listing;
    this.#paths = listing.paths;
    this.#targets = listing.targets;
    this.#shape = shapeOf(listing);
    this.#open = [this.#enter(0)];
  }

  next(): ManifestEntry | undefined {
    for (let top = this.#open.at(-1); top !== undefined; top = this.#open.at(-1)) {
      if (top.next === top.order.length) this.#open.pop();
      else {
        const entry = this.#entry(top, top.order[top.next++]!);
        if (entry !== undefined) return entry;
      }
    }
    return undefined;
  }

  /**
   * A folder sorts as if its name ended in a slash: that is the order of the whole paths below it. A folder without any entry is an
   * entry itself; one that holds nothing but ignored entries is none at all, so that a tool which leaves ignored files behind in a
   * new folder changes nothing.
   */
  #enter(folder: number): Open {
    const names = namesOf(this.#listing, folder);
    const first = this.#shape.first[folder]!;
    const keys = names.slice();
    for (let index = 0; index < names.length; index++) {
      const inner = this.#shape.folderOfRow.get(first + index);
      if (inner !== undefined && this.#listing.counts[inner] !== 0) keys[index] = `${names[index]!}/`;
    }
    return { folder, names, order: orderOf(keys), next: 0 };
  }

  /** Undefined for what is no entry itself: what is ignored, and a folder, which is opened. */
  #entry({ folder, names }: Open, index: number): ManifestEntry | undefined {
    const { columns, counts } = this.#listing;
    const row = this.#shape.first[folder]! + index;
    const mode = columns.mode[row]!;
    if ((mode & ignoredRow) !== 0) return undefined;
    const parent = this.#paths[folder]!;
    const path = (parent === '' ? names[index]! : `${parent}/${names[index]!}`) as RepoPath;
    if ((mode & S_IFMT) === S_IFDIR) {
      const inner = this.#shape.folderOfRow.get(row)!;
      if (counts[inner] === 0) return { kind: 'folder', path };
      this.#open.push(this.#enter(inner));
      return undefined;
    }
    if ((mode & S_IFMT) === S_IFLNK) {
      const target = this.#targets[this.#shape.linkOfRow.get(row)!]!;
      return { kind: 'link', path, target, digest: (mode & hasDigest) !== 0 ? rowDigest(columns, row) : null };
    }
    return {
      kind: 'file',
      path,
      digest: rowDigest(columns, row),
      size: columns.size[row]!,
      executable: (mode & 0o100) !== 0,
    };
  }
}

function orderOf(keys: readonly string[]): Uint32Array {
  const order = Uint32Array.from(keys.keys());
  return order.sort((a, b) => compareText(keys[a]!, keys[b]!));
}

function shapeOf({ columns, counts, paths }: Listing): Shape {
  const first = new Uint32Array(paths.length);
  const folderOfRow = new Map<number, number>();
  const linkOfRow = new Map<number, number>();
  let end = 0;
  for (let folder = 0; folder < paths.length; folder++) {
    first[folder] = end;
    end += counts[folder]!;
  }
  for (let row = 0; row < end; row++) {
    const mode = columns.mode[row]!;
    if ((mode & ignoredRow) !== 0) continue;
    if ((mode & S_IFMT) === S_IFDIR) folderOfRow.set(row, folderOfRow.size + 1);
    else if ((mode & S_IFMT) === S_IFLNK) linkOfRow.set(row, linkOfRow.size);
  }
  return { first, folderOfRow, linkOfRow };
}
