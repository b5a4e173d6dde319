// Walks a folder and gathers a row for each entry, hashing only what the previous record cannot vouch for.
// Does not follow symbolic links, and does not know what a digest of the whole is.

import { constants, readdirSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { linkLeavesFolder } from '../core/manifest.ts';
import type { RepoPath } from '../core/path.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { lstatIfExists } from './files-stat.ts';
import type { Pace, Steps } from './files-pace.ts';
import { changing, describe, oddKind } from './hash.ts';
import type { FileHasher } from './hash.ts';
import { namesOf } from './tree-record.ts';
import type { TreeParts, TreeRecord } from './tree-record.ts';
import { Rows, hasDigest, ignoredRow, leavingLink, sameRow } from './tree-rows.ts';
import type { Columns } from './tree-rows.ts';

export interface WalkOptions {
  readonly key: string;
  readonly rules: string;
  /** Absolute path of the folder. */
  readonly base: string;
  readonly pace: Pace;
  readonly hasher: FileHasher;
  /** Whether an entry does not count; its path is relative to the folder. */
  readonly skips: (path: string, isFolder: boolean) => boolean;
  /** Take these paths instead of listing folders: a link is then always followed, a folder never counts. */
  readonly listed: readonly string[] | null;
  readonly previous: TreeRecord | undefined;
  /** For each folder of the previous record, 1 where its entries are known to be unchanged. */
  readonly unchanged: Uint8Array | undefined;
}

const attempts = 4;
/** An entry vanished while its folder was read: the folder is read again. */
const vanished = 'vanished';

const { S_IFMT, S_IFDIR, S_IFLNK, S_IFREG } = constants;

/** A listing; `files`: 1 for each name that readdir says is a file, null where it was not asked. */
interface Names {
  readonly names: readonly string[];
  readonly files: Uint8Array | null;
}

export class TreeWalk implements TreeParts {
  readonly key: string;
  readonly rules: string;
  readonly rows = new Rows();
  readonly paths: string[] = [''];
  readonly counts: number[] = [];
  readonly targets: string[] = [];
  readonly #names: string[] = [];
  readonly #options: WalkOptions;
  readonly #previous: PreviousTree | undefined;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.key = options.key;
    this.rules = options.rules;
    this.#previous = options.previous === undefined ? undefined : new PreviousTree(options.previous);
  }

  get columns(): Columns {
    return this.rows.columns;
  }

  joinedNames(folder: number): string {
    return this.#names[folder]!;
  }

  /** The error says what cannot be read, and why. */
  *run(): Steps<Result<void, string>> {
    for (let folder = 0; folder < this.paths.length; folder++) {
      const known = this.#previous?.folderAt(this.paths[folder]!);
      if (known !== undefined && this.#options.unchanged?.[known] === 1) {
        this.#copyFolder(folder, known);
      } else {
        const read = yield* this.#readFolder(folder, known);
        if (!read.ok) return read;
      }
      if (this.#options.pace.due()) yield;
    }
    return ok(undefined);
  }

  #copyFolder(folder: number, known: number): void {
    const { record, first, links } = this.#previous!;
    const [start, count] = [first[known]!, record.counts[known]!];
    this.rows.copy(record.columns, start, count);
    this.counts.push(count);
    this.#names.push(record.joinedNames(known));
    let link = links[known]!;
    let names: string[] | undefined;
    for (let row = 0; row < count; row++) {
      const mode = record.columns.mode[start + row]!;
      const kind = mode & S_IFMT;
      if (kind === S_IFREG || (mode & ignoredRow) !== 0) continue;
      names ??= namesOf(record, known);
      if (kind === S_IFDIR) this.paths.push(this.#below(folder, names[row]!));
      else this.targets.push(this.#previous!.targets[link++]!);
    }
  }

  *#readFolder(folder: number, known: number | undefined): Steps<Result<void, string>> {
    const old = known === undefined ? undefined : this.#previous!.rowsOf(known);
    const marks = [this.rows.length, this.paths.length, this.targets.length] as const;
    for (let attempt = 0; attempt < attempts; attempt++) {
      [this.rows.length, this.paths.length, this.targets.length] = marks;
      const listed = this.#list(folder, old === undefined);
      if (!listed.ok) return listed;
      const read = yield* this.#readEntries(folder, listed.value, old);
      if (!read.ok && read.error === vanished) continue;
      if (!read.ok) return read;
      this.counts.push(read.value.length);
      this.#names.push(read.value.join('\0'));
      return ok(undefined);
    }
    return err(`${this.#quoted(this.paths[folder]!)} ${changing}`);
  }

  #list(folder: number, isNew: boolean): Result<Names, string> {
    const { listed, base } = this.#options;
    if (listed !== null) return ok({ names: listed, files: null });
    const path = this.paths[folder]!;
    try {
      const place = path === '' ? base : `${base}/${path}`;
      const { names, files } = isNew ? listTyped(place) : { names: readdirSync(place), files: null };
      if (names.some((name) => name.includes('\ufffd')) && !allUtf8(place)) {
        return err(`${this.#quoted(path)} holds a name that is not valid UTF-8`);
      }
      return ok({ names, files });
    } catch (error) {
      return err(`${this.#quoted(path)}: ${codeOf(error) === 'ENOENT' ? changing : describe(error)}`);
    }
  }

  /** The names that were there; of a glob's matches one may have gone since, in a folder it means to start again. */
  *#readEntries(
    folder: number,
    { names, files }: Names,
    old: ReadonlyMap<string, number> | undefined,
  ): Steps<Result<readonly string[], string>> {
    const { base, pace, listed } = this.#options;
    const kept: string[] = [];
    for (const [index, name] of names.entries()) {
      if ((index & 63) === 63 && pace.due()) yield;
      const path = this.#below(folder, name);
      if (!usable(path) && !this.#options.skips(path, false))
        return err(
          `${this.#quoted(path)} has a name that cannot be used: rename it without "\\" or a leading drive letter`,
        );
      if (files?.[index] === 1 && this.#addNew(path)) {
        kept.push(name);
        continue;
      }
      const stat = statOf(`${base}/${path}`);
      if (!stat.ok) return err(`${this.#quoted(path)}: ${stat.error}`);
      if (stat.value === undefined) {
        if (listed === null) return err(vanished);
        continue;
      }
      const problem = yield* this.#addEntry(path, stat.value, old?.get(name));
      if (problem !== undefined) return err(problem);
      kept.push(name);
    }
    return ok(kept);
  }

  /** The short way for a file that no record knows; false where it is not to be had. */
  #addNew(path: string): boolean {
    const { base, hasher, skips } = this.#options;
    const hashed = skips(path, false) ? undefined : hasher.hashNew(`${base}/${path}`);
    if (hashed === undefined) return false;
    this.rows.vouch(this.rows.push(hashed.stat, 0), hashed.digest, hashed.settled);
    return true;
  }

  *#addEntry(path: string, stat: Stats, known: number | undefined): Steps<string | undefined> {
    const { listed, skips } = this.#options;
    const kind = stat.mode & S_IFMT;
    const isFolder = kind === S_IFDIR;
    if (skips(path, isFolder) || (isFolder && listed !== null)) {
      this.rows.push(stat, ignoredRow);
    } else if (isFolder) {
      this.rows.push(stat, 0);
      this.paths.push(path);
    } else if (kind === S_IFLNK) {
      return this.#addLink(path, stat);
    } else if (kind === S_IFREG) {
      return yield* this.#addFile(path, stat, known);
    } else {
      return `${this.#quoted(path)} is ${oddKind(stat.mode)}`;
    }
    return undefined;
  }

  #addLink(path: string, stat: Stats): string | undefined {
    const target = linkText(`${this.#options.base}/${path}`);
    if (!target.ok) return target.error === vanished ? vanished : `${this.#quoted(path)}: ${target.error}`;
    const leaves = this.#options.listed !== null || linkLeavesFolder(path as RepoPath, target.value);
    const row = this.rows.push(stat, leaves ? leavingLink : 0);
    // The text of a link is never edited in place, but a link can be replaced within one tick of the clock.
    if (!this.#options.hasher.settled(stat)) this.rows.columns.mtime[row] = NaN;
    this.targets.push(target.value);
    return undefined;
  }

  *#addFile(path: string, stat: Stats, known: number | undefined): Steps<string | undefined> {
    const columns = this.#previous?.record.columns;
    if (columns !== undefined && known !== undefined && isVouched(columns, known, stat)) {
      this.rows.copy(columns, known, 1);
      return undefined;
    }
    const hashed = yield* this.#options.hasher.hash(`${this.#options.base}/${path}`, stat);
    if (!hashed.ok) return `${this.#quoted(path)}: ${hashed.error}`;
    const row = this.rows.push(hashed.value.stat, 0);
    this.rows.vouch(row, hashed.value.digest, hashed.value.settled);
    return undefined;
  }

  #below(folder: number, name: string): string {
    const parent = this.paths[folder]!;
    return parent === '' ? name : `${parent}/${name}`;
  }

  #quoted(path: string): string {
    return path === '' ? 'the folder' : JSON.stringify(path);
  }
}

/** A record with the ways into it that a walk needs. */
class PreviousTree {
  readonly record: TreeRecord;
  readonly targets: readonly string[];
  /** For each folder, its first row, and the number of its first link's text. */
  readonly first: Uint32Array;
  readonly links: Uint32Array;
  readonly #folders = new Map<string, number>();

  constructor(record: TreeRecord) {
    this.record = record;
    this.targets = record.targets;
    this.first = new Uint32Array(record.meta.folders);
    this.links = new Uint32Array(record.meta.folders);
    let row = 0;
    let link = 0;
    for (const [folder, path] of record.paths.entries()) {
      this.#folders.set(path, folder);
      this.first[folder] = row;
      this.links[folder] = link;
      const end = row + record.counts[folder]!;
      if (this.targets.length === 0) row = end;
      for (; row < end; row++) if ((record.columns.mode[row]! & (S_IFMT | ignoredRow)) === S_IFLNK) link++;
    }
  }

  folderAt(path: string): number | undefined {
    return this.#folders.get(path);
  }

  /** Row by name. */
  rowsOf(folder: number): Map<string, number> {
    const first = this.first[folder]!;
    return new Map(namesOf(this.record, folder).map((name, index) => [name, first + index]));
  }
}

function isVouched(columns: Columns, row: number, stat: Stats): boolean {
  return (columns.mode[row]! & hasDigest) !== 0 && sameRow(columns, row, stat);
}

function statOf(path: string): Result<Stats | undefined, string> {
  try {
    return ok(lstatIfExists(path));
  } catch (error) {
    return err(describe(error));
  }
}

/** What a manifest accepts as a path. */
function usable(path: string): boolean {
  return !path.includes('\\') && !(path.charCodeAt(1) === 58 && /^[A-Za-z]:\//.test(path));
}

function listTyped(folder: string): Names {
  const entries = readdirSync(folder, { withFileTypes: true });
  return {
    names: entries.map((entry) => entry.name),
    files: Uint8Array.from(entries, (entry) => Number(entry.isFile())),
  };
}

function allUtf8(folder: string): boolean {
  return readdirSync(folder, { encoding: 'buffer' }).every((name) => Buffer.from(name.toString()).equals(name));
}

function linkText(path: string): Result<string, string> {
  try {
    const bytes = readlinkSync(path, { encoding: 'buffer' });
    const text = bytes.toString();
    return Buffer.from(text).equals(bytes) ? ok(text) : err('the text of the link is not valid UTF-8');
  } catch (error) {
    const code = codeOf(error);
    return err(code === 'ENOENT' || code === 'EINVAL' ? vanished : describe(error));
  }
}
