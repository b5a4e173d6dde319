// Content digests: XXH64 under two seeds, 128 bits in 32 hexadecimal digits.
// 64 bits are too few for a store that many people share; two seeds of XXH64 still hash at gigabytes a second.
// Not a cryptographic hash: what comes from strangers is checked by SHA-256 on its way in.

import xxhash from 'xxhash-wasm';
import type { XXHash, XXHashAPI } from 'xxhash-wasm';
import type { Branded } from './result.ts';

/** 32 lower-case hexadecimal digits. */
export type Digest = Branded<'Digest'>;

const seedA = 0n;
const seedB = 0x9e3779b97f4a7c15n;
const pattern = /^[0-9a-f]{32}$/;

let api: XXHashAPI | undefined;
let loading: Promise<XXHashAPI> | undefined;

/** Compiles the WebAssembly module. Await it once before any other function of this module. */
export async function loadDigest(): Promise<void> {
  api ??= await (loading ??= xxhash());
}

function loaded(): XXHashAPI {
  if (api === undefined) throw new Error('loadDigest() has not been awaited');
  return api;
}

function toHex(high: bigint, low: bigint): Digest {
  return (high.toString(16).padStart(16, '0') + low.toString(16).padStart(16, '0')) as Digest;
}

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && pattern.test(text);
}

export function digestBytes(bytes: Uint8Array): Digest {
  const xxh = loaded();
  return toHex(xxh.h64Raw(bytes, seedA), xxh.h64Raw(bytes, seedB));
}

/** The digest of a text's UTF-8 bytes. */
export function digestText(text: string): Digest {
  const xxh = loaded();
  return toHex(xxh.h64(text, seedA), xxh.h64(text, seedB));
}

/** Bytes that both hashes read before either goes on: what the first has read is near the processor then, and WebAssembly's memory stays small. */
const step = 64 << 10;

/** A digest fed piece by piece. */
export class DigestStream {
  readonly #a: XXHash<bigint>;
  readonly #b: XXHash<bigint>;

  constructor() {
    const xxh = loaded();
    this.#a = xxh.create64(seedA);
    this.#b = xxh.create64(seedB);
  }

  update(bytes: Uint8Array): this {
    for (let start = 0; start < bytes.length; start += step) {
      const part = bytes.subarray(start, start + step);
      this.#a.update(part);
      this.#b.update(part);
    }
    return this;
  }

  digest(): Digest {
    return toHex(this.#a.digest(), this.#b.digest());
  }
}
