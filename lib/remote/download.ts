// Downloading objects: small ones from their packs, neighbours in one request; large ones piece by piece into one file, which an
// interrupted pull leaves behind for the next one. Nothing enters the cache whose SHA-256 and digest are not what was recorded.

import { digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { codeOf, messageOf } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { TransferBuffers } from '../core/transfer-buffers.ts';
import type { StoreProblem } from '../plan/ports.ts';
import type { LargeObject, Located, PackedObject } from './contents.ts';
import { LargeDownload, damaged, readings } from './download-large.ts';
import { blobKey } from './keys.ts';
import type { Sha256 } from './keys.ts';
import type { LocalCache } from './local.ts';
import { findMove, movedTo } from './moves.ts';
import { sha256 } from './pack.ts';
import { pieceBuffers } from './piece.ts';
import { inParallel } from './pool.ts';
import { RemoteFault, isKind } from './problem.ts';
import type { Progress } from './progress.ts';
import type { Range, Storage } from './storage.ts';

/** Objects of a pack that are no further apart come in one request. */
const gap = 256 << 10;

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

  /** Brings the objects into the cache. `copied`: of which the workspace gets copies soon. Those that cannot be had, each with the reason. */
  async download(objects: readonly Located[], copied: ReadonlySet<Digest>): Promise<ReadonlyMap<Digest, string>> {
    const lost = new Map<Digest, string>();
    const stretches = stretchesOf(objects.filter((object) => object.kind === 'packed'));
    const large = objects.filter((object) => object.kind === 'large');
    this.#progress.bytes += stretches.reduce((sum, { range }) => sum + range.length, 0);
    this.#progress.bytes += large.reduce((sum, { size }) => sum + size, 0);
    this.#progress.show();
    await inParallel(stretches, this.#storage.jobs, (stretch) => this.#readStretch(stretch, lost));
    const buffers = pieceBuffers();
    // One after the other: the pieces of each come in parallel.
    for (const object of large) {
      const why = await this.#readLarge(object, buffers, copied.has(object.digest));
      if (why !== undefined) lost.set(object.digest, why);
    }
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

  /** Why it cannot be had; undefined where it is in the cache now. */
  async #readLarge(object: LargeObject, buffers: TransferBuffers, isCopiedSoon: boolean): Promise<string | undefined> {
    const { digest, size } = object;
    try {
      const incoming = await this.#local.receive(digest, { isCopiedSoon });
      try {
        const end = await new LargeDownload(object, this.#storage, this.#progress, buffers).run(incoming);
        if (end !== digest) {
          await incoming.discard();
          return end.startsWith('object') ? end : damaged(digest);
        }
        if (this.#local.has(digest, size)) await incoming.discard();
        else taken(await incoming.store());
      } finally {
        await incoming.close();
      }
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      throw localFault(messageOf(error));
    }
    this.#progress.objectsDone++;
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
