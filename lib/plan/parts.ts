// What a fingerprint is made of. Hash, lock, run entry and explanation all read these parts, so they cannot drift apart.

import type { Digest } from '../core/digest.ts';
import type { Branded } from '../core/result.ts';

/**
 * - `stage`, `wdir`: key `name`/`path` (absent where the stage is relocatable)
 * - `cmd`: key is the position
 * - `dep`: key is the path (the position where relocatable), value is contentText()
 * - `param`: key is `file:key` (`file:template` where relocatable), value is canonical value text
 * - `code`: key is the traced file, value its digest; `package`: key is the package, value its version
 * - `env`: key is the variable, value the digest of its value, or `unset`: values may be secrets and are never stored
 * - `host`: keys `cpu`, `os`, `arch`
 * - `runs`: key is the group, value the digest of its history
 * - `out`: key is the path (the position where relocatable), value is empty
 */
export const partKinds = [
  'stage',
  'cmd',
  'wdir',
  'dep',
  'param',
  'code',
  'package',
  'env',
  'host',
  'runs',
  'out',
] as const;
export type PartKind = (typeof partKinds)[number];

/** By kind, then key. A kind without keys is absent. Objects have no prototype, so that any key is safe. */
export type FingerprintParts = { readonly [Kind in PartKind]?: Readonly<Record<string, string>> };

/** The digest of the parts: what the run cache is keyed by. */
export type Fingerprint = Branded<'Fingerprint'> & Digest;
