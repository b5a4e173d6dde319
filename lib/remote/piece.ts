// Pieces of large objects on their way in: read into buffers that are used again, and hashed part by part as they come, which is
// when they are near the processor.

import { createHash } from 'node:crypto';
import { TransferBuffers } from '../core/transfer-buffers.ts';
import type { Sha256 } from './keys.ts';
import { pieceSize } from './storage.ts';
import type { Piece } from './storage.ts';

export function pieceBuffers(): TransferBuffers {
  return new TransferBuffers(pieceSize);
}

/** `read` puts what comes next at the beginning of `rest` and says how many bytes that were; 0: there are no more. */
export async function collectPiece(
  length: number,
  buffers: TransferBuffers,
  read: (rest: Buffer) => Promise<number>,
): Promise<Piece> {
  const bytes = buffers.take().subarray(0, length);
  try {
    const hash = createHash('sha256');
    let done = 0;
    while (done < length) {
      const count = await read(bytes.subarray(done));
      if (count === 0) break;
      hash.update(bytes.subarray(done, done + count));
      done += count;
    }
    return { bytes: bytes.subarray(0, done), sha: hash.digest('hex') as Sha256 };
  } catch (error) {
    buffers.give(bytes);
    throw error;
  }
}
