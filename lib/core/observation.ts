// What was seen at a path. The same type is recorded in the lock and in run entries, so that the two can be compared.

import type { Digest } from './digest.ts';

export type Observation =
  | { readonly kind: 'file'; readonly digest: Digest; readonly size: number; readonly executable: boolean }
  /** `digest` is that of the folder's canonical manifest; `size` is the sum over its `files` files. */
  | { readonly kind: 'tree'; readonly digest: Digest; readonly size: number; readonly files: number }
  | { readonly kind: 'missing' }
  /** It is there but cannot be read (permissions, a socket, a name that is not UTF-8): `reason` says why. */
  | { readonly kind: 'unreadable'; readonly reason: string };

export type Present = Extract<Observation, { digest: Digest }>;

export function isPresent(seen: Observation): seen is Present {
  return seen.kind === 'file' || seen.kind === 'tree';
}

/** Same content: kind, digest, and for a file the executable bit. */
export function sameContent(a: Observation, b: Observation): boolean {
  if (a.kind === 'file' && b.kind === 'file') return a.digest === b.digest && a.executable === b.executable;
  return a.kind === 'tree' && b.kind === 'tree' && a.digest === b.digest;
}

/** How an observation enters a fingerprint. */
export function contentText(seen: Present): string {
  if (seen.kind === 'tree') return `tree ${seen.digest}`;
  return seen.executable ? `executable ${seen.digest}` : seen.digest;
}
