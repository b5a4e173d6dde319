// Downloading objects: small ones from their packs, neighbours in one request; large ones piece by piece into one file, which an
// interrupted pull leaves behind for the next one. Nothing enters the cache whose SHA-256 and digest are not what was recorded.

import { rmSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DigestStream, digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { codeOf, messageOf } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';
import { pieceRange } from './contents.ts';
import type { LargeObject, Located, PackedObject } from './contents.ts';
import { blobKey } from './keys.ts';
import type { Sha256 } from './keys.ts';
import type { LocalCache } from './local.ts';
import { findMove, movedTo } from './moves.ts';
import { sha256 } from './pack.ts';
import { inParallel } from './pool.ts';
import { RemoteFault, isKind } from './problem.ts';
import type { Progress } from './progress.ts';
import type { Range, Storage } from './storage.ts';

/** Objects of a pack that are no further apart come in one request. */
const gap = 256 << 10;
/** A blob that has the wrong bytes is read so many times: on the way they may have been damaged as well. */
const readings = 3;

interface Stretch {
  readonly blob: Sha256;
  readonly range: Range;
  readonly objects: readonly PackedObject[];
}

export class Downloader {
  readonly #storage: Storage;
  readonly #local: LocalCache;
  readonly #progress: Progress;

  constructor(storage: Storage, local: LocalCache, progress: Progress) {
    this.#storage = storage;
    this.#local = local;
    this.#progress = progress;
  }

  /** Brings the objects into the cache. Those that cannot be had, each with the reason. */
  async download(objects: readonly Located[]): Promise<ReadonlyMap<Digest, string>> {
    const lost = new Map<Digest, string>();
    const stretches = stretchesOf(objects.filter((object) => object.kind === 'packed'));
    const large = objects.filter((object) => object.kind === 'large');
    this.#progress.bytes += stretches.reduce((sum, { range }) => sum + range.length, 0);
    this.#progress.bytes += large.reduce((sum, { size }) => sum + size, 0);
    this.#progress.show();
    await inParallel(stretches, this.#storage.jobs, (stretch) => this.#readStretch(stretch, lost));
    // One after the other: the pieces of each come in parallel.
    for (const object of large) await this.#readLarge(object, lost);
    return lost;
  }

  async #readStretch({ blob, range, objects }: Stretch, lost: Map<Digest, string>): Promise<void> {
    let wanted = objects;
    for (let reading = 1; wanted.length > 0 && reading <= readings; reading++) {
      const bytes = await this.#readOrMiss(blobKey(blob), range);
      if (bytes === undefined) {
        this.#progress.bytes -= range.length;
        await this.#readMoved(blob, wanted, lost);
        return;
      }
      const sound: { digest: Digest; bytes: Uint8Array }[] = [];
      wanted = wanted.filter(({ digest, size, offset, sha }) => {
        const part = bytes.subarray(offset - range.offset, offset - range.offset + size);
        if (sha256(part) !== sha || digestBytes(part) !== digest) return true;
        sound.push({ digest, bytes: part });
        return false;
      });
      taken(await this.#local.takeBytes(sound));
      this.#progress.objectsDone += sound.length;
    }
    for (const { digest } of wanted) lost.set(digest, damaged(digest));
    this.#progress.moved(range.length);
  }

  /** Of a pack that is gone: a gc may have rewritten it, perhaps since its name was read. */
  async #readMoved(blob: Sha256, objects: readonly PackedObject[], lost: Map<Digest, string>): Promise<void> {
    const move = await findMove(this.#storage, blob);
    const found: PackedObject[] = [];
    for (const object of objects) {
      const moved = movedTo(move, object);
      if (moved === undefined || moved.blob === blob)
        lost.set(object.digest, `object ${object.digest} is not there any more`);
      else found.push(moved);
    }
    for (const stretch of stretchesOf(found)) {
      this.#progress.bytes += stretch.range.length;
      await this.#readStretch(stretch, lost);
    }
  }

  async #readLarge(object: LargeObject, lost: Map<Digest, string>): Promise<void> {
    const { digest } = object;
    const path = this.#local.partialPath(digest);
    try {
      await mkdir(dirname(path), { recursive: true });
      const file = await openPartial(path);
      let end: Digest | string;
      try {
        end = await this.#readPieces(object, file);
      } finally {
        await file.close();
      }
      if (end !== digest) {
        rmSync(path, { force: true });
        lost.set(digest, end.startsWith('object') ? end : damaged(digest));
        return;
      }
      if (!this.#local.has(digest, object.size)) taken(await this.#local.takeFile(path, digest));
      this.#progress.objectsDone++;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      throw localFault(messageOf(error));
    }
  }

  /** The digest of the whole, or what is wrong with a piece. Pieces are hashed in their order; who is early waits, so memory stays bounded. */
  async #readPieces(object: LargeObject, file: FileHandle): Promise<Digest | string> {
    const stream = new DigestStream();
    const { size: kept } = await file.stat();
    let problem: string | undefined;
    let turn: Promise<void> = Promise.resolve();
    const indexed = object.pieces.map((sha, index) => ({ sha, range: pieceRange(object, index) }));
    await inParallel(chained(), this.#storage.jobs, async ({ sha, range, before, done }) => {
      try {
        const bytes = problem === undefined ? await this.#readPiece(file, kept, sha, range) : undefined;
        await before;
        if (bytes === undefined) problem ??= damaged(object.digest);
        else stream.update(bytes);
      } finally {
        done();
      }
    });
    return problem ?? stream.digest();

    function* chained(): Generator<(typeof indexed)[number] & { before: Promise<void>; done: () => void }> {
      for (const piece of indexed) {
        const before = turn;
        let done: () => void = () => undefined;
        turn = new Promise((resolve) => (done = resolve));
        yield { ...piece, before, done };
      }
    }
  }

  /** From the file, where an earlier pull has left it (`kept` bytes); otherwise from the remote. Undefined where it cannot be had. */
  async #readPiece(file: FileHandle, kept: number, sha: Sha256, range: Range): Promise<Uint8Array | undefined> {
    const there = range.offset + range.length <= kept ? await readAt(file, range) : undefined;
    if (there !== undefined && sha256(there) === sha) {
      this.#progress.bytes -= range.length;
      return there;
    }
    for (let reading = 1; reading <= readings; reading++) {
      const bytes = await this.#readOrMiss(blobKey(sha), { offset: 0, length: range.length });
      if (bytes === undefined) return undefined;
      if (sha256(bytes) !== sha) continue;
      await file.write(bytes, 0, bytes.length, range.offset);
      this.#progress.moved(bytes.length);
      return bytes;
    }
    return undefined;
  }

  async #readOrMiss(key: string, range: Range): Promise<Buffer | undefined> {
    // Of a pack of nothing but empty files.
    if (range.length === 0) return Buffer.alloc(0);
    try {
      return await this.#storage.read(key, range);
    } catch (error) {
      if (isKind(error, 'missing')) return undefined;
      throw error;
    }
  }
}

async function openPartial(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return open(path, 'w+', 0o600);
  }
}

async function readAt(file: FileHandle, { offset, length }: Range): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytesRead === length ? bytes : undefined;
}

/** Neighbours in a pack, joined. */
export function stretchesOf(objects: readonly PackedObject[]): readonly Stretch[] {
  const byBlob = new Map<Sha256, PackedObject[]>();
  for (const object of objects) {
    const list = byBlob.get(object.blob);
    if (list === undefined) byBlob.set(object.blob, [object]);
    else list.push(object);
  }
  const stretches: Stretch[] = [];
  for (const [blob, list] of byBlob) {
    list.sort((a, b) => a.offset - b.offset);
    let start = 0;
    let end = 0;
    list.forEach((object, index) => {
      if (index > start && object.offset - end > gap) {
        stretches.push(stretch(blob, list.slice(start, index)));
        start = index;
        end = 0;
      }
      end = Math.max(end, object.offset + object.size);
    });
    stretches.push(stretch(blob, list.slice(start)));
  }
  return stretches;
}

function stretch(blob: Sha256, objects: readonly PackedObject[]): Stretch {
  const offset = objects[0]!.offset;
  const end = Math.max(...objects.map((object) => object.offset + object.size));
  return { blob, range: { offset, length: end - offset }, objects };
}

function damaged(digest: Digest): string {
  return `object ${digest} is damaged there; whoever has it can heal it with \`dagrun push --force\``;
}

function taken(result: Result<void, StoreProblem>): void {
  if (!result.ok) throw localFault(result.error.message);
}

function localFault(message: string): RemoteFault {
  return new RemoteFault(
    'local',
    `what was pulled cannot be stored: ${message}`,
    'check the free space and the permissions of the cache folder',
  );
}
