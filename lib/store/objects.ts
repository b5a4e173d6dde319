// The object store: contents under their digest, read-only, verified whenever they are read.
// Knows nothing of runs, of stages or of the workspace.

import { chmodSync, closeSync, lstatSync, mkdir, openSync, rmSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { isSameStat } from '../core/disk.ts';
import { parseManifest } from '../core/manifest.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Present } from '../core/observation.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';
import { Arrivals } from './arrivals.ts';
import { IncomingObjects } from './incoming.ts';
import type { IncomingFile } from './incoming.ts';
import {
  Cloner,
  copyOpen,
  digestFile,
  digestOpen,
  openRegular,
  readWhole,
  smallSize,
  syncFolder,
  writeWhole,
} from './bytes.ts';
import type { Layout } from './layout.ts';
import { Pace } from '../core/pace.ts';
import { ioProblem, problem } from './problem.ts';
import type { Warnings } from './problem.ts';

/** Something to be stored: the file at `path` (a symlink is followed) must have this digest, or storing fails. */
export interface Source {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
}

/** Small files written together before they are synced: bounds open files, memory, and how long the event loop waits. */
const batchFiles = 64;
const batchBytes = 8 << 20;
/** Manifests in memory: a tree is asked for several times while it is restored. */
const rememberedManifests = 4;
const largestManifest = 256 << 20;

export class ObjectStore {
  readonly layout: Layout;
  readonly cloner = new Cloner();
  readonly incoming: IncomingObjects;
  readonly #warnings: Warnings;
  readonly #manifests = new Map<Digest, Manifest>();
  /** Paths of objects that are of no use but stay (a read-only cache; a tree for another workspace): to this process they are not there. */
  readonly #bad = new Set<string>();
  readonly #prepared = new Set<string>();
  /** Large objects whose bytes this process has had in its hands and checked, as stat knew them when they were in their place. */
  readonly #checked = new Map<Digest, Stats>();

  constructor(layout: Layout, warnings: Warnings) {
    this.layout = layout;
    this.incoming = new IncomingObjects(layout, this.cloner);
    this.#warnings = warnings;
  }

  path(digest: Digest): string {
    return this.layout.object(digest);
  }

  /** True where an object of that size is there; its bytes are not read. */
  has(digest: Digest, size: number): boolean {
    const found = this.#stat(digest)?.size;
    if (found !== undefined && found !== size) {
      // Either of the two may be wrong, so nothing is removed here; a put of the right size replaces the object.
      this.#warnings.once(
        `object ${digest} in the cache has ${found} bytes where ${size} are recorded; it is not used`,
      );
    }
    return found === size;
  }

  /** True where every object that these contents need is there. */
  holds(contents: readonly Present[]): boolean {
    return contents.every((content) => {
      if (content.kind === 'file') return this.has(content.digest, content.size);
      const manifest = this.manifest(content.digest);
      return (
        manifest.ok && manifest.value.every((entry) => entry.kind !== 'file' || this.has(entry.digest, entry.size))
      );
    });
  }

  /** The manifest of a tree, verified. */
  manifest(digest: Digest): Result<Manifest, StoreProblem> {
    const known = this.#manifests.get(digest);
    if (known !== undefined) return ok(known);
    if (this.#bad.has(this.path(digest))) return err(problem('missing', `object ${digest} cannot be used here`));
    const bytes = this.#readAll(digest);
    if (!bytes.ok) return bytes;
    const parsed = parseManifest(bytes.value.toString());
    if (!parsed.ok) return err(problem('corrupt', `object ${digest} is no manifest: ${parsed.error}`));
    if (this.#manifests.size >= rememberedManifests) this.#manifests.delete(this.#manifests.keys().next().value!);
    this.#manifests.set(digest, parsed.value);
    return parsed;
  }

  #readAll(digest: Digest): Result<Buffer, StoreProblem> {
    try {
      const file = openRegular(this.path(digest), { followLink: false });
      if (file === undefined) return err(this.discard(digest, 'it is not a file'));
      try {
        if (file.stats.size > largestManifest)
          return err(problem('refused', `object ${digest} is too large for a manifest`));
        const bytes = readWhole(file.descriptor, file.stats.size);
        return digestBytes(bytes) === digest ? ok(bytes) : err(this.discard(digest, 'its bytes have another digest'));
      } finally {
        closeSync(file.descriptor);
      }
    } catch (error) {
      return err(this.readProblem(error, digest));
    }
  }

  /** Reads the object and compares its digest; a corrupt one is removed. */
  async verify(digest: Digest): Promise<Result<Stats, StoreProblem>> {
    try {
      const found = await digestFile(this.path(digest), { followLink: false });
      if (found === undefined) return err(this.discard(digest, 'it is not a file'));
      return found.digest === digest ? ok(found.stats) : err(this.discard(digest, 'its bytes have another digest'));
    } catch (error) {
      return err(this.readProblem(error, digest));
    }
  }

  /** As verify(), but for what was received and is what it was. */
  async vouch(digest: Digest): Promise<Result<Stats, StoreProblem>> {
    const stats = this.isAsChecked(digest) ? this.#stat(digest) : undefined;
    return stats === undefined ? this.verify(digest) : ok(stats);
  }

  /** Removes a corrupt object, so that the next run stores it again. */
  discard(digest: Digest, why: string): StoreProblem {
    this.#manifests.delete(digest);
    const message = `object ${digest} in the cache is corrupt (${why})`;
    try {
      rmSync(this.path(digest), { recursive: true, force: true });
      this.#warnings.once(`${message}; it was removed`, 'it will be stored again by the next run that makes it');
    } catch (error) {
      this.#bad.add(this.path(digest));
      this.#warnings.once(
        `${message} and cannot be removed`,
        ioProblem(error, `cannot change ${this.layout.dir}`).message,
      );
    }
    return problem('corrupt', message);
  }

  /** From now on the object is not there, to this process: it is sound, but not for this workspace. */
  shun(digest: Digest): void {
    this.#manifests.delete(digest);
    this.#bad.add(this.path(digest));
  }

  readProblem(error: unknown, digest: Digest): StoreProblem {
    if (codeOf(error) === 'ENOENT')
      return problem('missing', `object ${digest} is not in the cache ${this.layout.dir}`);
    if (codeOf(error) === 'ELOOP') return this.discard(digest, 'it is a symbolic link');
    return ioProblem(error, `cannot read object ${digest} from the cache ${this.layout.dir}`);
  }

  /** Stores files that are not there yet. Afterwards their bytes are on the disk; their names are once syncNames() was called, or an entry was synced after them. */
  async putFiles(sources: Iterable<Source>): Promise<Result<void, StoreProblem>> {
    const pace = new Pace();
    const seen = new Set<Digest>();
    let batch: Source[] = [];
    let bytes = 0;
    for (const source of sources) {
      await pace.breathe();
      if (seen.has(source.digest) || (await this.#isSound(source))) continue;
      seen.add(source.digest);
      const small = source.size <= smallSize;
      if (small) batch.push(source);
      bytes += small ? source.size : 0;
      const stored = small ? ok(undefined) : await this.#putBatch([source]);
      if (!stored.ok) return stored;
      if (batch.length < batchFiles && bytes < batchBytes) continue;
      const flushed = await this.#putBatch(batch);
      if (!flushed.ok) return flushed;
      batch = [];
      bytes = 0;
    }
    return this.#putBatch(batch);
  }

  /** Stores a text under its digest. */
  async putText(digest: Digest, text: string): Promise<Result<void, StoreProblem>> {
    const bytes = Buffer.from(text);
    if (await this.#isSound({ digest, size: bytes.length })) return ok(undefined);
    return this.#putTogether((arrivals) => {
      writeWhole(this.#create(arrivals, digest), bytes);
      return ok(undefined);
    });
  }

  /** Stores bytes that were checked against their digests already. Durable as after putFiles(). */
  async putBytes(
    objects: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[],
  ): Promise<Result<void, StoreProblem>> {
    const batches: Arrivals[] = [];
    // Two are open at a time.
    const size = batchFiles / 2;
    let syncing: Promise<void> | undefined;
    try {
      for (let start = 0; start < objects.length; start += size) {
        const batch = objects.slice(start, start + size);
        const arrivals = new Arrivals();
        batches.push(arrivals);
        this.#prepareFolders(batch);
        for (const { digest, bytes } of batch) writeWhole(this.#create(arrivals, digest), bytes);
        // The disk has had the batch before this one meanwhile.
        await syncing;
        syncing = this.#finish(arrivals);
      }
      await syncing;
      return ok(undefined);
    } catch (error) {
      await syncing?.catch(() => undefined);
      return err(ioProblem(error, `cannot write to the cache ${this.layout.dir}`));
    } finally {
      for (const arrivals of batches) arrivals.abandon();
    }
  }

  /** Makes the folders of new objects beside this thread, which writes them. What fails here fails where they are put in their places. */
  #prepareFolders(objects: readonly { readonly digest: Digest }[]): void {
    for (const { digest } of objects) {
      const folder = dirname(this.path(digest));
      if (this.#prepared.has(folder)) continue;
      this.#prepared.add(folder);
      mkdir(folder, { recursive: true }, () => undefined);
    }
  }

  /** Begins to take in a large object; see IncomingObjects. */
  receive(digest: Digest, options: { readonly copyFor: string | null }): Promise<IncomingFile> {
    return this.incoming.open(digest, options, (tmp) => this.#take(tmp, digest));
  }

  /** Takes over a file in tmp/ whose bytes were checked against the digest already. */
  async #take(tmp: string, digest: Digest): Promise<Result<void, StoreProblem>> {
    const arrivals = new Arrivals();
    try {
      arrivals.take(tmp, this.path(digest), () => ({ descriptor: openSync(tmp, 'r+') }));
      await this.#finish(arrivals);
      const stats = this.#stat(digest);
      if (stats !== undefined) this.#checked.set(digest, stats);
      return ok(undefined);
    } catch (error) {
      return err(ioProblem(error, `cannot write to the cache ${this.layout.dir}`));
    }
  }

  /** True where nobody has touched the object since it was received, as far as the clock of the file system tells. */
  isAsChecked(digest: Digest): boolean {
    const then = this.#checked.get(digest);
    if (then === undefined) return false;
    const now = this.#stat(digest);
    return now !== undefined && isSameStat(then, now);
  }

  /** Makes the names of the objects stored so far durable, this one being the last. */
  syncNames(last: Digest): void {
    syncFolder(dirname(this.path(last)));
  }

  #putBatch(sources: readonly Source[]): Promise<Result<void, StoreProblem>> {
    return this.#putTogether(async (arrivals) => {
      for (const source of sources) {
        const written = await this.#write(source, arrivals);
        if (!written.ok) return written;
      }
      return ok(undefined);
    });
  }

  /** What `write` has written is stored, or nothing of it. */
  async #putTogether(
    write: (arrivals: Arrivals) => Result<void, StoreProblem> | Promise<Result<void, StoreProblem>>,
  ): Promise<Result<void, StoreProblem>> {
    const arrivals = new Arrivals();
    try {
      const written = await write(arrivals);
      if (written.ok) await this.#finish(arrivals);
      return written;
    } catch (error) {
      return err(ioProblem(error, `cannot write to the cache ${this.layout.dir}`));
    } finally {
      arrivals.abandon();
    }
  }

  async #write(source: Source, arrivals: Arrivals): Promise<Result<void, StoreProblem>> {
    let file;
    try {
      file = openRegular(source.path, { followLink: true });
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return err(problem('missing', `"${source.path}" vanished while it was stored`));
      return err(ioProblem(error, `cannot read "${source.path}"`));
    }
    if (file === undefined) return err(changed(source.path));
    try {
      if (file.stats.size !== source.size) return err(changed(source.path));
      const stored = file.stats.size > smallSize ? await this.#clone(source, file.stats.dev, arrivals) : undefined;
      const digest = stored ?? (await copyOpen(file, this.#create(arrivals, source.digest)));
      return digest === source.digest ? ok(undefined) : err(changed(source.path));
    } finally {
      closeSync(file.descriptor);
    }
  }

  /** The digest of the clone; undefined where the file system makes none. */
  async #clone(source: Source, device: number, arrivals: Arrivals): Promise<Digest | undefined> {
    const tmp = this.layout.tmpFile();
    if (!(await this.cloner.clone(source.path, tmp, device))) return undefined;
    return digestOpen(arrivals.take(tmp, this.path(source.digest), () => openRegular(tmp, { followLink: false })!));
  }

  #create(arrivals: Arrivals, digest: Digest): number {
    return arrivals.create(this.layout.tmpFile(), this.path(digest));
  }

  #finish(arrivals: Arrivals): Promise<void> {
    return arrivals.finish((path) => this.#bad.delete(path));
  }

  /**
   * True where the object is there and need not be written again. Its bytes are read only where they may have been changed:
   * where the object shares its storage with a file outside, or can be written to.
   */
  async #isSound(source: { readonly digest: Digest; readonly size: number }): Promise<boolean> {
    const stats = this.#stat(source.digest);
    if (stats?.size !== source.size) return false;
    const writable = (stats.mode & 0o222) !== 0;
    if (stats.nlink === 1 && !writable) return true;
    if (!(await this.verify(source.digest)).ok) return false;
    if (writable) this.protect(source.digest);
    return true;
  }

  /** Makes an object read-only: one that was copied into the cache by hand may not be. */
  protect(digest: Digest): void {
    try {
      chmodSync(this.path(digest), 0o444);
    } catch (error) {
      // A cache that belongs to someone else; its bytes are verified whenever they are read.
      if (codeOf(error) === undefined) throw error;
    }
  }

  #stat(digest: Digest): Stats | undefined {
    const path = this.path(digest);
    if (this.#bad.has(path)) return undefined;
    try {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      return stats?.isFile() === true ? stats : undefined;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return undefined;
    }
  }
}

function changed(path: string): StoreProblem {
  return problem('refused', `"${path}" changed while it was stored`);
}
