// What a place has to be able to do to be a remote: keep small files (pieceSize at most) under keys. One implementation a kind of place.
// Knows nothing of runs, objects or packs.

import type { TransferBuffers } from '../core/transfer-buffers.ts';
import type { Sha256 } from './keys.ts';

/** No file on a remote is larger, but for listings: memory is bounded by this times the transfers at a time. */
export const pieceSize = 16 << 20;

export interface StoredFile {
  readonly key: string;
  readonly size: number;
  /** Milliseconds since the epoch, by the clock of the remote; null where it does not tell. */
  readonly modified: number | null;
}

export interface Range {
  readonly offset: number;
  readonly length: number;
}

export interface WriteOptions {
  /** False: a power cut may leave the name with nothing behind it, or neither. Default: true. */
  readonly durable?: boolean;
  /** Called by a storage that tries again once nothing reads the bytes any more: what was given up may go on after the end. */
  readonly onReleased?: () => void;
}

export interface ListOptions {
  /** False: files that lie in folders below the prefix need not be among them. Default: true. */
  readonly deep: boolean;
}

export interface RemoveOptions {
  /** False: asked once, and not for long. Default: true. */
  readonly patient: boolean;
}

/** The bytes lie in a buffer of those that were handed over, and go back there after their use. */
export interface Piece {
  readonly bytes: Buffer;
  readonly sha: Sha256;
}

/** Keys are relative, with `/` between parts. Every function throws RemoteFault. */
export interface Storage {
  /** What messages call it: `remote "origin" (s3://bucket/prefix)`. */
  readonly label: string;
  readonly readOnly: boolean;
  /** False: a web server; there is the catalogue instead. */
  readonly canList: boolean;
  /** True: a writer that was killed leaves a part of a file, below tmpFolder (keys.ts). */
  readonly leavesParts: boolean;
  /** Transfers at a time. */
  readonly jobs: number;
  /** Every file below a prefix that ends with a slash (or all of them, for the empty prefix); none where there is nothing. */
  list(prefix: string, options?: ListOptions): Promise<readonly StoredFile[]>;
  /** Undefined where there is no such file. */
  stat(key: string): Promise<StoredFile | undefined>;
  /** The bytes of a file or of a part of it; a part that the file does not have is a transient problem. */
  read(key: string, range?: Range): Promise<Buffer>;
  /** The first `length` bytes of a file; that it does not have so many is a transient problem. */
  readPiece(key: string, length: number, buffers: TransferBuffers): Promise<Piece>;
  /** Replaces the file in one step where the place can do that; what was written is there when it returns. */
  write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<void>;
  /** Those that are not there are no problem. */
  remove(keys: readonly string[], options?: RemoveOptions): Promise<void>;
}
