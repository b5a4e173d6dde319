// Uploading objects: small ones in packs, large ones in pieces; what is there already stays there. Every byte is checked against the
// digest that it is known by, so that damage in the cache of this machine goes no further.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { DirectFile } from '../core/direct-file.ts';
import { DigestStream, digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { Pace } from '../core/pace.ts';
import { codeOf } from '../core/result.ts';
import type { TransferBuffers } from '../core/transfer-buffers.ts';
import type { Needed } from './closure.ts';
import { pieceRange } from './contents.ts';
import type { LargeObject, Located } from './contents.ts';
import { blobKey, packKey } from './keys.ts';
import type { Sha256 } from './keys.ts';
import type { LocalCache } from './local.ts';
import { PackBuilder, encodeIndex, smallObject } from './pack.ts';
import type { Pack } from './pack.ts';
import { pieceBuffers } from './piece.ts';
import { inParallel } from './pool.ts';
import type { Progress } from './progress.ts';
import { pieceSize } from './storage.ts';
import type { Range, Storage } from './storage.ts';
import type { RemoteView } from './view.ts';

/** Few pieces are asked for one by one; for many all blobs are listed. */
const askAtMost = 64;

/** True where the blobs are listed. */
function isMuch(large: readonly Needed[]): boolean {
  return large.reduce((sum, { size }) => sum + Math.ceil(size / pieceSize), 0) > askAtMost;
}

interface Context {
  readonly view: RemoteView;
  readonly force: boolean;
  readonly progress: Progress;
}

/** Something to send, in memory. */
interface Parcel {
  readonly sha: Sha256;
  readonly bytes: Uint8Array;
  /** The pack that it is; its objects count once its index is there. */
  readonly pack: Pack | null;
  /** To be called once nothing reads the bytes any more; null: they are used no further. */
  readonly release: (() => void) | null;
}

/** So much goes through both hashes before more does: what the first has read is near the processor then. */
const hashedAtOnce = 256 << 10;

export class Uploader {
  readonly #storage: Storage;
  readonly #local: LocalCache;
  readonly #context: Context;
  /** Objects that are there, as far as this push knows. */
  readonly #located = new Map<Digest, Located>();
  readonly #sent = new Set<Sha256>();

  constructor(storage: Storage, local: LocalCache, context: Context) {
    this.#storage = storage;
    this.#local = local;
    this.#context = context;
  }

  /** Where objects lie that are known to be there. */
  get located(): ReadonlyMap<Digest, Located> {
    return this.#located;
  }

  /** Those that are to be sent; the others are located then. */
  async locate(needs: Iterable<Needed>): Promise<readonly Needed[]> {
    const { force, view } = this.#context;
    const missing = [...needs].filter(({ digest }) => !this.#located.has(digest));
    const small = missing.filter(({ size }) => size <= smallObject);
    const packed = small.length === 0 || force ? new Map<Digest, Located>() : await view.packed();
    const toPack = small.filter(({ digest, size }) => {
      const there = packed.get(digest);
      if (there?.size !== size) return true;
      this.#located.set(digest, there);
      return false;
    });
    const large = missing.filter(({ size }) => size > smallObject);
    return [...toPack, ...(force ? large : await this.#notThere(large, isMuch(large)))];
  }

  /** Sends objects, which are located then. Those that turned out damaged or gone in the cache of this machine are not. */
  async send(objects: readonly Needed[]): Promise<void> {
    const { progress } = this.#context;
    const toPack = objects.filter(({ size }) => size <= smallObject);
    const large = objects.filter(({ size }) => size > smallObject);
    const list = isMuch(large);
    progress.bytes += objects.reduce((sum, { size }) => sum + size, 0);
    progress.show();
    await inParallel(this.#parcels(toPack, large), this.#storage.jobs, (parcel) => this.#send(parcel, list));
  }

  /** Those that have to be read: of which this machine does not know the pieces, or not all pieces are there. */
  async #notThere(large: readonly Needed[], list: boolean): Promise<readonly Needed[]> {
    const absent: Needed[] = [];
    await inParallel(large, this.#storage.jobs, async (need) => {
      const known = this.#context.view.piecesOf(need.digest, need.size);
      if (known !== undefined && (await this.#hasPieces(known, list))) this.#located.set(need.digest, known);
      else absent.push(need);
    });
    return absent;
  }

  async #hasPieces(object: LargeObject, list: boolean): Promise<boolean> {
    for (const [index, sha] of object.pieces.entries())
      if (!(await this.#isThere(sha, pieceRange(object, index).length, list))) return false;
    return true;
  }

  async *#parcels(small: readonly Needed[], large: readonly Needed[]): AsyncGenerator<Parcel> {
    const builder = new PackBuilder();
    const pace = new Pace();
    const finish = function* (): Generator<Parcel> {
      const pack = builder.finish();
      if (pack !== undefined) yield { sha: pack.sha, bytes: pack.bytes, pack, release: null };
    };
    for (const need of small) {
      await pace.breathe();
      const bytes = this.#readSmall(need);
      if (bytes === undefined || builder.add(need.digest, bytes)) continue;
      yield* finish();
      builder.add(need.digest, bytes);
    }
    yield* finish();
    const buffers = pieceBuffers();
    for (const need of large) yield* this.#pieces(need, buffers);
  }

  /** Undefined where the object is gone or its bytes are not those of its digest. */
  #readSmall({ digest, size }: Needed): Buffer | undefined {
    try {
      const bytes = readFileSync(this.#local.objectPath(digest));
      return bytes.length === size && digestBytes(bytes) === digest ? bytes : undefined;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return undefined;
    }
  }

  /** Reads a large object once, piece by piece. It counts as there once its last piece was read and its digest is right. */
  async *#pieces({ digest, size }: Needed, buffers: TransferBuffers): AsyncGenerator<Parcel> {
    const path = this.#local.objectPath(digest);
    const found = await stat(path).catch(() => undefined);
    if (found?.size !== size) return;
    const file = await DirectFile.open(path, 'r');
    const read = (index: number): Promise<Buffer | undefined> => {
      const bytes = readRange(file, pieceRange({ size }, index), buffers);
      // Whoever awaits it has something else to do first.
      bytes.catch(() => undefined);
      return bytes;
    };
    // The disk has the next piece while this one is hashed and sent.
    let ahead = read(0);
    try {
      const stream = new DigestStream();
      const pieces: Sha256[] = [];
      for (let index = 0; index * pieceSize < size; index++) {
        const bytes = await ahead;
        if (bytes === undefined) return;
        ahead = read(index + 1);
        const sha = hashBoth(bytes, stream);
        pieces.push(sha);
        yield { sha, bytes, pack: null, release: () => buffers.give(bytes) };
      }
      const object: LargeObject = { kind: 'large', digest, size, pieces };
      if (stream.digest() !== digest) return;
      this.#located.set(digest, object);
      this.#context.view.keepPieces(object);
      this.#context.progress.objectsDone++;
    } finally {
      await ahead.catch(() => undefined);
      await file.close();
    }
  }

  async #send(parcel: Parcel, list: boolean): Promise<void> {
    const { progress } = this.#context;
    const { bytes, pack, release, sha } = parcel;
    if (!(await this.#isThere(sha, bytes.length, list))) {
      await this.#storage.write(blobKey(sha), bytes, release === null ? {} : { onReleased: release });
      this.#sent.add(sha);
      progress.moved(bytes.length);
    } else {
      progress.bytes -= bytes.length;
      release?.();
    }
    if (pack === null) return;
    await this.#storage.write(packKey(sha), Buffer.from(encodeIndex(pack.objects)));
    for (const object of pack.objects) this.#located.set(object.digest, object);
    progress.objectsDone += pack.objects.length;
  }

  async #isThere(sha: Sha256, size: number, list: boolean): Promise<boolean> {
    const { force, view } = this.#context;
    // Nothing is ever read of a pack of nothing but empty files.
    if (size === 0 || this.#sent.has(sha)) return true;
    if (force || (await view.isFresh())) return false;
    if (list) return (await view.blobs()).get(sha) === size;
    return (await this.#storage.stat(blobKey(sha)))?.size === size;
  }
}

/** Undefined where the file does not have it. */
async function readRange(file: DirectFile, range: Range, buffers: TransferBuffers): Promise<Buffer | undefined> {
  if (range.length <= 0) return undefined;
  const bytes = buffers.take().subarray(0, range.length);
  return (await file.read(bytes, range.offset)) === range.length ? bytes : undefined;
}

/** The SHA-256 of a piece, which goes into the digest of the whole as well. */
function hashBoth(bytes: Buffer, whole: DigestStream): Sha256 {
  const hash = createHash('sha256');
  for (let start = 0; start < bytes.length; start += hashedAtOnce) {
    const part = bytes.subarray(start, start + hashedAtOnce);
    hash.update(part);
    whole.update(part);
  }
  return hash.digest('hex') as Sha256;
}
