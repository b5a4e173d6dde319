// The side of the cache that remotes see: objects and run entries as they lie here, and ways in for those that were checked on their way.
// Knows nothing of remotes.

import type { Digest } from '../core/digest.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Present } from '../core/observation.ts';
import type { Result } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';
import type { RunEntry } from '../plan/record.ts';
import { decodeRunEntry, encodeRunEntry } from './entry.ts';
import type { IncomingFile } from './incoming.ts';
import { encodeName } from './layout.ts';
import type { ObjectStore } from './objects.ts';

export class SharingSide {
  readonly #objects: ObjectStore;
  readonly #root: string;
  /** Writes a run entry, after its objects. */
  readonly record: (entry: RunEntry) => Promise<void>;

  /** `root`: where objects are checked out to. */
  constructor(objects: ObjectStore, root: string, record: (entry: RunEntry) => Promise<void>) {
    this.#objects = objects;
    this.#root = root;
    this.record = record;
  }

  /** True where an object of that size is there. */
  has(digest: Digest, size: number): boolean {
    return this.#objects.has(digest, size);
  }

  holds(contents: readonly Present[]): boolean {
    return this.#objects.holds(contents);
  }

  manifest(digest: Digest): Result<Manifest, StoreProblem> {
    return this.#objects.manifest(digest);
  }

  /** Absolute path of an object: a read-only file. */
  objectPath(digest: Digest): string {
    return this.#objects.path(digest);
  }

  encodeEntry(entry: RunEntry): string {
    return encodeRunEntry(entry);
  }

  /** The error says what is wrong with the text. */
  decodeEntry(text: string, run: { readonly fingerprint: Digest; readonly result: Digest }): Result<RunEntry, string> {
    return decodeRunEntry(text, run.fingerprint, run.result);
  }

  /** A file name for a group; no two share one. */
  encodeName(text: string): string {
    return encodeName(text);
  }

  /** Where a large object is put together. What is left there by an interrupted pull is found by the next, or removed by a gc. */
  receive(digest: Digest, { isCopiedSoon }: { readonly isCopiedSoon: boolean }): Promise<IncomingFile> {
    return this.#objects.receive(digest, { copyFor: isCopiedSoon ? this.#root : null });
  }

  /** Stores bytes, each under the digest that they are known to have. */
  takeBytes(
    objects: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[],
  ): Promise<Result<void, StoreProblem>> {
    return this.#objects.putBytes(objects);
  }
}
