// A large object on its way in: its pieces come in any order into one file, which an interrupted pull leaves behind for the next one. Where
// the workspace is to have a copy of it soon, that is written at the same time, as a spare: what is in hand need not be read again.

import { closeSync, lstatSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { DirectFile } from '../core/direct-file.ts';
import type { Digest } from '../core/digest.ts';
import { isSameStat } from '../core/disk.ts';
import { codeOf } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';
import type { Cloner } from './bytes.ts';
import type { Layout } from './layout.ts';

/** A copy in the making. Where that goes wrong there is none, and a checkout copies the object. */
class Spare {
  readonly path: string;
  readonly #file: DirectFile;
  readonly #writes = new Set<Promise<void>>();
  #isSound = true;
  #end: Promise<void> | undefined;

  constructor(path: string, file: DirectFile) {
    this.path = path;
    this.#file = file;
  }

  static async open(path: string): Promise<Spare | undefined> {
    try {
      return new Spare(path, await DirectFile.open(path, 'wx+', { mode: 0o600 }));
    } catch {
      return undefined;
    }
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (!this.#isSound) return;
    const write = this.#file.write(bytes, position);
    this.#writes.add(write);
    try {
      await write;
    } catch {
      await this.giveUp();
    } finally {
      this.#writes.delete(write);
    }
  }

  /** Its space is free then; its name goes with close(). */
  giveUp(): Promise<void> {
    this.#isSound = false;
    return (this.#end ??= this.#empty());
  }

  async #empty(): Promise<void> {
    await Promise.allSettled(this.#writes);
    await this.#file.empty().catch(() => undefined);
  }

  /** `keep`: it is whole. The path where it stays; undefined where nothing does. */
  async close({ keep }: { readonly keep: boolean }): Promise<string | undefined> {
    await this.#file.close();
    if (keep && this.#isSound) return this.path;
    rmSync(this.path, { force: true });
    return undefined;
  }
}

interface Places {
  readonly partial: string;
  /** Null: no copy is wanted. */
  readonly spare: string | null;
  /** The object stays in memory, as far as the system can keep it there. */
  readonly isPlain: boolean;
  /** Takes over both, closed and whole. */
  readonly take: (partial: string, spare: string | undefined) => Promise<Result<void, StoreProblem>>;
}

/** Methods throw what the file system says. */
export class IncomingFile {
  /** Bytes that an earlier pull has left. */
  readonly kept: number;
  readonly #places: Places;
  readonly #file: DirectFile;
  readonly #spare: Spare | undefined;
  #isOpen = true;

  private constructor(places: Places, file: DirectFile, spare: Spare | undefined, kept: number) {
    this.kept = kept;
    this.#places = places;
    this.#file = file;
    this.#spare = spare;
  }

  static async open(places: Places): Promise<IncomingFile> {
    const file = await openPartial(places);
    try {
      const { size } = await file.stat();
      const spare = places.spare === null ? undefined : await Spare.open(places.spare);
      return new IncomingFile(places, file, spare, size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Fills `bytes` with what an earlier pull has left from `position` on; how many there were, fewer only where that ends. */
  read(bytes: Buffer, position: number): Promise<number> {
    return this.#file.read(bytes, position);
  }

  /** `isKept`: they were read from here. When it ends nothing reads the bytes any more. */
  async write(bytes: Uint8Array, position: number, { isKept }: { readonly isKept: boolean }): Promise<void> {
    const own = isKept ? undefined : this.#write(bytes, position);
    const [end] = await Promise.allSettled([own, this.#spare?.write(bytes, position)]);
    if (end.status === 'rejected') throw end.reason;
  }

  /** The object has the first claim on what space there is. */
  async #write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      await this.#file.write(bytes, position);
    } catch (error) {
      const isFull = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';
      if (!isFull || this.#spare === undefined) throw error;
      await this.#spare.giveUp();
      await this.#file.write(bytes, position);
    }
  }

  /** Puts it into the store: all has come, and is what it should be. */
  async store(): Promise<Result<void, StoreProblem>> {
    const spare = await this.#close({ keep: true });
    return this.#places.take(this.#places.partial, spare);
  }

  /** Removes what has come: it is not what it should be. */
  async discard(): Promise<void> {
    await this.#close({ keep: false });
    rmSync(this.#places.partial, { force: true });
  }

  /** What has come stays for the next try. To be called in any case, in the end. */
  async close(): Promise<void> {
    await this.#close({ keep: false });
  }

  async #close(options: { readonly keep: boolean }): Promise<string | undefined> {
    if (!this.#isOpen) return undefined;
    this.#isOpen = false;
    await this.#file.close();
    return this.#spare?.close(options);
  }
}

async function openPartial({ partial, isPlain }: Places): Promise<DirectFile> {
  try {
    return await DirectFile.open(partial, 'r+', { isPlain });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return DirectFile.open(partial, 'w+', { isPlain, mode: 0o600 });
  }
}

/** A copy of an object, and what stat said of it when its last byte was written. */
export interface SpareFile {
  readonly path: string;
  readonly stats: Stats;
}

/** Copies of objects that nobody has taken yet, by what they are copies of. */
class Spares {
  readonly #all = new Map<Digest, SpareFile>();

  add(digest: Digest, path: string): void {
    this.#drop(digest);
    this.#all.set(digest, { path, stats: lstatSync(path) });
  }

  take(digest: Digest): SpareFile | undefined {
    const spare = this.#all.get(digest);
    if (spare === undefined) return undefined;
    const now = lstatSync(spare.path, { throwIfNoEntry: false });
    if (now === undefined || !isSameStat(spare.stats, now)) {
      this.#drop(digest);
      return undefined;
    }
    this.#all.delete(digest);
    return spare;
  }

  /** Removes those that nobody has taken. */
  clear(): void {
    for (const digest of [...this.#all.keys()]) this.#drop(digest);
  }

  #drop(digest: Digest): void {
    const spare = this.#all.get(digest);
    if (spare !== undefined) rmSync(spare.path, { force: true });
    this.#all.delete(digest);
  }
}

/** All that are under way, and the copies that were made of them. */
export class IncomingObjects {
  readonly #layout: Layout;
  readonly #cloner: Cloner;
  readonly #spares = new Spares();

  constructor(layout: Layout, cloner: Cloner) {
    this.#layout = layout;
    this.#cloner = cloner;
  }

  /**
   * The file in which the object is put together: each time the same, so that what an interrupted pull left is gone on from. `copyFor`: a folder
   * where a copy of it will be wanted soon; null: nowhere. `take` puts what is whole in its place.
   */
  async open(
    digest: Digest,
    { copyFor }: { readonly copyFor: string | null },
    take: (partial: string) => Promise<Result<void, StoreProblem>>,
  ): Promise<IncomingFile> {
    const folder = this.#layout.folder('tmp');
    mkdirSync(folder, { recursive: true });
    const isCopied = copyFor !== null && !(await this.#clones(folder));
    // What goes to another file system has to be read once more.
    const isNear = isCopied && statSync(copyFor).dev === statSync(folder).dev;
    return IncomingFile.open({
      partial: `${folder}/part-${digest}`,
      spare: isNear ? this.#layout.tmpFile() : null,
      isPlain: isCopied && !isNear,
      take: async (partial, spare) => {
        if (spare !== undefined) this.#spares.add(digest, spare);
        return take(partial);
      },
    });
  }

  /** A copy, which is the caller's from now on; undefined where there is none, or somebody has touched it. */
  takeSpare(digest: Digest): SpareFile | undefined {
    return this.#spares.take(digest);
  }

  /** Removes the copies that nobody has taken. */
  clear(): void {
    this.#spares.clear();
  }

  /** True where the file system of this folder makes copies that take neither time nor space. */
  async #clones(folder: string): Promise<boolean> {
    const [source, target] = [this.#layout.tmpFile(), this.#layout.tmpFile()];
    closeSync(openSync(source, 'wx', 0o600));
    try {
      return await this.#cloner.clone(source, target, statSync(folder).dev);
    } finally {
      rmSync(source, { force: true });
      rmSync(target, { force: true });
    }
  }
}
