// One large object: its pieces come in parallel into one file, in which an interrupted pull has left some of them.

import { createHash } from 'node:crypto';
import { DigestStream } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import type { TransferBuffers } from '../core/transfer-buffers.ts';
import { pieceRange } from './contents.ts';
import type { LargeObject } from './contents.ts';
import { blobKey } from './keys.ts';
import type { Sha256 } from './keys.ts';
import type { Incoming } from './local.ts';
import { inParallel } from './pool.ts';
import { isKind } from './problem.ts';
import type { Progress } from './progress.ts';
import type { Range, Storage } from './storage.ts';

/** A blob that has the wrong bytes is read so many times: on the way they may have been damaged as well. */
export const readings = 3;

export function damaged(digest: Digest): string {
  return `object ${digest} is damaged there; whoever has it can heal it with \`dagrun push --force\``;
}

interface Turn {
  readonly sha: Sha256;
  readonly range: Range;
  /** Ends when the pieces before it were hashed. */
  readonly before: Promise<void>;
  readonly done: () => void;
}

export class LargeDownload {
  readonly #object: LargeObject;
  readonly #storage: Storage;
  readonly #progress: Progress;
  readonly #buffers: TransferBuffers;

  /** `buffers`: of pieces. */
  constructor(object: LargeObject, storage: Storage, progress: Progress, buffers: TransferBuffers) {
    this.#object = object;
    this.#storage = storage;
    this.#progress = progress;
    this.#buffers = buffers;
  }

  /** The digest of the whole, or what is wrong with a piece. Pieces are hashed in their order; who is early waits, so memory stays bounded. */
  async run(file: Incoming): Promise<Digest | string> {
    const stream = new DigestStream();
    let problem: string | undefined;
    await inParallel(this.#turns(), this.#storage.jobs, async ({ sha, range, before, done }) => {
      try {
        const piece = problem === undefined ? await this.#readPiece(file, sha, range) : undefined;
        await Promise.all([
          piece === undefined ? undefined : file.write(piece.bytes, range.offset, { isKept: !piece.isNew }),
          before.then(() => {
            if (piece === undefined) problem ??= damaged(this.#object.digest);
            else stream.update(piece.bytes);
            done();
          }),
        ]);
        if (piece === undefined) return;
        this.#buffers.give(piece.bytes);
        if (piece.isNew) this.#progress.moved(range.length);
      } finally {
        done();
      }
    });
    return problem ?? stream.digest();
  }

  *#turns(): Generator<Turn> {
    let turn: Promise<void> = Promise.resolve();
    for (const [index, sha] of this.#object.pieces.entries()) {
      const before = turn;
      let done: () => void = () => undefined;
      turn = new Promise((resolve) => (done = resolve));
      yield { sha, range: pieceRange(this.#object, index), before, done };
    }
  }

  /** From the file, where an earlier pull has left it; otherwise from the remote. Undefined where it cannot be had. */
  async #readPiece(
    file: Incoming,
    sha: Sha256,
    range: Range,
  ): Promise<{ readonly bytes: Buffer; readonly isNew: boolean } | undefined> {
    const there = range.offset + range.length <= file.kept ? await this.#readKept(file, sha, range) : undefined;
    if (there !== undefined) {
      this.#progress.bytes -= range.length;
      return { bytes: there, isNew: false };
    }
    try {
      for (let reading = 1; reading <= readings; reading++) {
        const piece = await this.#storage.readPiece(blobKey(sha), range.length, this.#buffers);
        if (piece.sha === sha) return { bytes: piece.bytes, isNew: true };
        this.#buffers.give(piece.bytes);
      }
    } catch (error) {
      if (!isKind(error, 'missing')) throw error;
    }
    return undefined;
  }

  async #readKept(file: Incoming, sha: Sha256, range: Range): Promise<Buffer | undefined> {
    const bytes = this.#buffers.take().subarray(0, range.length);
    const count = await file.read(bytes, range.offset);
    if (count === range.length && createHash('sha256').update(bytes).digest('hex') === sha) return bytes;
    this.#buffers.give(bytes);
    return undefined;
  }
}
