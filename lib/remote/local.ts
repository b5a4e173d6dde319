// What pushing and pulling need of the cache on this machine. The store is the real one; adapters never import each other.

import type { Digest } from '../core/digest.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Present } from '../core/observation.ts';
import type { Result } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';
import type { RunEntry } from '../plan/record.ts';
import type { RunKey } from './keys.ts';

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
  /** Where a large object is put together: the same path each time, so that what an interrupted pull left is gone on from. */
  partialPath(digest: Digest): string;
  /** Takes over a file whose bytes are those of the digest. */
  takeFile(path: string, digest: Digest): Promise<Result<void, StoreProblem>>;
  /** Stores bytes, each under the digest that they are known to have. */
  takeBytes(
    objects: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[],
  ): Promise<Result<void, StoreProblem>>;
  /** Writes a run entry, after its objects. */
  record(entry: RunEntry): Promise<void>;
}
