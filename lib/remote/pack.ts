// Small objects, packed: their bytes one after the other in one blob, with an index beside it. A folder of 50,000 files of 3 KB
// becomes ten requests instead of 50,000.
//
//   dagrun-pack 1 <SHA-256 of the lines below>
//   <digest> <offset> <size> <SHA-256>

import { createHash } from 'node:crypto';
import { isDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { readCount } from './contents.ts';
import type { PackedObject } from './contents.ts';
import { isSha256 } from './keys.ts';
import type { Sha256 } from './keys.ts';
import { pieceSize } from './storage.ts';

/** Objects up to this size are packed; larger ones travel alone. */
export const smallObject = 1 << 20;

/** In this thread: WebCrypto, which has others for it, copies the bytes first, and that takes as long. */
export function sha256(bytes: Uint8Array | string): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256;
}

export interface Pack {
  readonly sha: Sha256;
  readonly bytes: Buffer;
  readonly objects: readonly PackedObject[];
}

/** Collects objects until a pack is full. */
export class PackBuilder {
  #parts: Uint8Array[] = [];
  #objects: Omit<PackedObject, 'blob'>[] = [];
  #size = 0;

  hasRoom(bytes: number): boolean {
    return this.#size + bytes <= pieceSize;
  }

  /** False where the object has no room any more: finish() first. */
  add(digest: Digest, bytes: Uint8Array): boolean {
    if (!this.hasRoom(bytes.length)) return false;
    this.#objects.push({ kind: 'packed', digest, size: bytes.length, sha: sha256(bytes), offset: this.#size });
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return true;
  }

  /** The pack, and an empty builder; undefined where nothing was added. */
  finish(): Pack | undefined {
    if (this.#objects.length === 0) return undefined;
    const bytes = Buffer.concat(this.#parts, this.#size);
    const sha = sha256(bytes);
    const objects = this.#objects.map((object) => ({ ...object, blob: sha }));
    this.#parts = [];
    this.#objects = [];
    this.#size = 0;
    return { sha, bytes, objects };
  }
}

export function encodeIndex(objects: readonly PackedObject[]): string {
  const lines = objects.map(({ digest, offset, size, sha }) => `${digest} ${offset} ${size} ${sha}\n`).join('');
  return `dagrun-pack 1 ${sha256(lines)}\n${lines}`;
}

/** `blob` is the name that the index lies under. The error says what is wrong. */
export function decodeIndex(text: string, blob: Sha256): Result<readonly PackedObject[], string> {
  const head = /^dagrun-pack 1 ([0-9a-f]{64})\n/.exec(text);
  if (head === null) return err('it is no index of a pack');
  const lines = text.slice(head[0].length);
  if (sha256(lines) !== head[1]) return err('its checksum is wrong');
  const objects: PackedObject[] = [];
  for (const line of lines.split('\n').slice(0, -1)) {
    const [digest, offsetText, sizeText, sha, ...more] = line.split(' ');
    const offset = readCount(offsetText);
    const size = readCount(sizeText);
    if (!isDigest(digest) || !isSha256(sha) || offset === undefined || size === undefined || more.length > 0)
      return err('a line is malformed');
    objects.push({ kind: 'packed', digest, size, sha, blob, offset });
  }
  return ok(objects);
}
