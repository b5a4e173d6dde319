// Digests: XXH64 for what the stages make and compare among themselves, SHA-256 or MD5 for files from elsewhere.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import xxhash from 'xxhash-wasm';
import type { XXHash } from 'xxhash-wasm';

const hasher = xxhash();

/** A running XXH64. */
export async function startDigest(): Promise<XXHash<bigint>> {
  return (await hasher).create64();
}

/** Sixteen hex digits. */
export function hexOf(digest: XXHash<bigint>): string {
  return digest.digest().toString(16).padStart(16, '0');
}

/** XXH64 (hex) of texts; where one ends and the next begins counts. */
export async function digestTexts(...texts: readonly string[]): Promise<string> {
  return (await hasher).h64ToString(JSON.stringify(texts)).padStart(16, '0');
}

/** `sha256:<hex>` or `md5:<hex>`, in lower case. */
export type Checksum = `${'sha256' | 'md5'}:${string}`;

/** The checksum of a file by the algorithm that `like` names; SHA-256 without one. Streamed. */
export async function checksumFile(path: string, like: string | null): Promise<Checksum> {
  const algorithm = like?.startsWith('md5:') === true ? 'md5' : 'sha256';
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `${algorithm}:${hash.digest('hex')}`;
}
