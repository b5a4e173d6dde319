// What pushing and pulling need of the cache on this machine. The store is the real one; adapters never import each other.

import type { Digest } from '../core/digest.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Present } from '../core/observation.ts';
import type { Result } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';
import type { RunEntry } from '../plan/record.ts';
import type { RunKey } from './keys.ts';

/** A large object that comes piece by piece, in any order. Throws what the file system says. */
export interface Incoming {
  /** Bytes that are there already. Whether they are the right ones is for the caller to see. */
  readonly kept: number;
  /** Fills `bytes` from `position` on; how many there were, fewer only where what is kept ends. */
  read(bytes: Buffer, position: number): Promise<number>;
  /** `isKept`: they were read from here. When it ends nothing reads the bytes any more. */
  write(bytes: Uint8Array, position: number, options: { readonly isKept: boolean }): Promise<void>;
  /** Puts it into the cache: all has come, and its bytes are those of the digest. */
  store(): Promise<Result<void, StoreProblem>>;
  /** Removes what has come: it is not what it should be. */
  discard(): Promise<void>;
  /** To be called in any case, in the end: what was neither stored nor discarded stays for the next try. */
  close(): Promise<void>;
}

export interface LocalCache {
  /** True where an object of that size is there. */
  has(digest: Digest, size: number): boolean;
  holds(contents: readonly Present[]): boolean;
  manifest(digest: Digest): Result<Manifest, StoreProblem>;
  /** Absolute path of an object. */
  objectPath(digest: Digest): string;
  /** The text of a run entry, and back; the error says what is wrong with it. */
  encodeEntry(entry: RunEntry): string;
  decodeEntry(text: string, run: RunKey): Result<RunEntry, string>;
  /** A file name for a group. */
  encodeName(group: string): string;
  /** Begins to take in a large object, or goes on with what an interrupted pull left of it. `isCopiedSoon`: the workspace gets a copy of it. */
  receive(digest: Digest, options: { readonly isCopiedSoon: boolean }): Promise<Incoming>;
  /** Stores bytes, each under the digest that they are known to have. */
  takeBytes(
    objects: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[],
  ): Promise<Result<void, StoreProblem>>;
  /** Writes a run entry, after its objects. */
  record(entry: RunEntry): Promise<void>;
}
