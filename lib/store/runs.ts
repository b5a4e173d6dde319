// The run entries and the histories made of them. Knows nothing of objects beyond their digests.

import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { withFolder } from '../core/disk.ts';
import { compareText } from '../core/path.ts';
import { codeOf, err } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { RunEntry } from '../plan/record.ts';
import { moveInto } from './arrivals.ts';
import { fsyncAsync, openRegular, readWhole, writeWhole } from './bytes.ts';
import { decodeRunEntry, encodeRunEntry, resultDigest } from './entry.ts';
import type { Layout } from './layout.ts';
import { listNames, listResults, listRuns, parseMarker } from './list.ts';
import type { RunName } from './list.ts';
import { ioProblem } from './problem.ts';
import type { Warnings } from './problem.ts';

export class RunTable {
  readonly #layout: Layout;
  readonly #warnings: Warnings;

  constructor(layout: Layout, warnings: Warnings) {
    this.#layout = layout;
    this.#warnings = warnings;
  }

  /** All valid entries of a fingerprint, newest first. Writes the markers that a crash or an incomplete copy left out. */
  candidates(fingerprint: Fingerprint): readonly RunEntry[] {
    const entries = [...this.#valid(this.#list(() => [...listResults(this.#layout, fingerprint)]))];
    for (const entry of entries) this.mark(entry);
    return entries.sort(
      (a, b) => Date.parse(b.at) - Date.parse(a.at) || compareText(b.at, a.at) || compareText(a.result, b.result),
    );
  }

  /**
   * Every valid entry of a group, sorted by fingerprint then result. `trim`: markers without one are removed, so that the digest of the history
   * is that of what is returned. An entry that comes back brings its marker back.
   */
  history(group: string, { trim }: { readonly trim: boolean }): readonly RunEntry[] {
    const names = this.#markers(group).flatMap((name) => parseMarker(name) ?? []);
    const entries = [...this.#valid(names)].filter((entry) => entry.group === group);
    if (trim && entries.length < names.length) this.#unmark(group, names, entries);
    return entries;
  }

  #unmark(group: string, names: readonly RunName[], entries: readonly RunName[]): void {
    const sound = new Set(entries.map((entry) => this.#layout.marker(group, entry.fingerprint, entry.result)));
    for (const { fingerprint, result } of names) {
      const marker = this.#layout.marker(group, fingerprint, result);
      if (sound.has(marker)) continue;
      try {
        rmSync(marker, { recursive: true, force: true });
      } catch (error) {
        this.#warnings.once(ioProblem(error, `cannot change the history in ${this.#layout.dir}`).message);
      }
    }
  }

  /** Every valid entry there is. */
  all(): readonly RunEntry[] {
    return [...this.#valid(this.#list(() => [...listRuns(this.#layout)]))];
  }

  /** The digest of the names of the group's runs: one readdir. */
  historyDigest(group: string): Digest {
    return digestText(this.#markers(group).join('\n'));
  }

  #markers(group: string): readonly string[] {
    return this.#list(() => listNames(this.#layout.historyFolder(group))).filter(
      (name) => parseMarker(name) !== undefined,
    );
  }

  /** A folder that cannot be read counts as empty: what is not known has to be made again. */
  #list<T>(list: () => readonly T[]): readonly T[] {
    try {
      return list();
    } catch (error) {
      this.#warnings.once(ioProblem(error, `cannot read the cache ${this.#layout.dir}`).message);
      return [];
    }
  }

  *#valid(names: Iterable<RunName>): Generator<RunEntry> {
    for (const name of names) {
      const entry = this.read(name);
      if (entry === undefined) continue;
      if (entry.ok) yield entry.value;
      else
        this.#warnings.once(
          `run entry ${name.fingerprint}/${name.result} in the cache is left out: ${entry.error}`,
          'it will be written again by the next run; `dagrun cache verify --repair` removes it',
        );
    }
  }

  /** Undefined where there is none. The error says what is wrong with it. */
  read(name: RunName): Result<RunEntry, string> | undefined {
    return readEntryFile(this.#layout.run(name.fingerprint, name.result), name);
  }

  /** Writes an entry in one step, durably, then its marker. Throws system errors. */
  async write(entry: RunEntry): Promise<void> {
    if (entry.result !== resultDigest(entry.outs))
      throw new Error(`the result of a run of ${entry.stage} is not the digest of its outs`);
    const text = encodeRunEntry(entry);
    const target = this.#layout.run(entry.fingerprint, entry.result);
    const tmp = this.#layout.tmpFile();
    const descriptor = withFolder(tmp, () => openSync(tmp, 'wx', 0o644));
    try {
      try {
        writeWhole(descriptor, Buffer.from(text));
        await fsyncAsync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      moveInto(tmp, target);
    } catch (error) {
      rmSync(tmp, { force: true });
      throw error;
    }
    // Its bytes are on the disk before its name is. A name that a power cut loses is a miss, no damage: the folder is not synced.
    this.mark(entry);
  }

  /** Makes the entry a part of its group's history. A cache that cannot be written to stays as it is. */
  mark(entry: RunEntry): void {
    const marker = this.#layout.marker(entry.group, entry.fingerprint, entry.result);
    if (existsSync(marker)) return;
    try {
      withFolder(marker, () => closeSync(openSync(marker, 'wx', 0o644)));
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return;
      this.#warnings.once(ioProblem(error, `cannot write to the history in ${this.#layout.dir}`).message);
    }
  }

  remove(name: RunName): void {
    rmSync(this.#layout.run(name.fingerprint, name.result), { recursive: true, force: true });
  }
}

/** Reads and checks an entry; undefined where there is none. Never throws for what is on the disk. */
export function readEntryFile(path: string, name: RunName): Result<RunEntry, string> | undefined {
  try {
    const file = openRegular(path, { followLink: false });
    if (file === undefined) return err('it is not a file');
    try {
      if (file.stats.size > 128 * 1024 * 1024) return err('it is too large');
      return decodeRunEntry(readWhole(file.descriptor, file.stats.size).toString(), name.fingerprint, name.result);
    } finally {
      closeSync(file.descriptor);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    return err(ioProblem(error, 'it cannot be read').message);
  }
}
