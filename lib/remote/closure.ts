// The objects that a run consists of: what a push sends, and what a pull must have brought before the run may be recorded.

import { statSync } from 'node:fs';
import type { Digest } from '../core/digest.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { RunEntry } from '../plan/record.ts';
import type { LocalCache } from './local.ts';

export interface Needed {
  readonly digest: Digest;
  readonly size: number;
}

/** Every object that these outs need, folders' manifests included, whether it is there or not. The error says which manifest is not. */
export function closureOf(
  local: LocalCache,
  { outs }: Pick<RunEntry, 'outs'>,
): Result<ReadonlyMap<Digest, Needed>, string> {
  const needs = new Map<Digest, Needed>();
  for (const { content } of outs) {
    if (content.kind === 'file') {
      needs.set(content.digest, { digest: content.digest, size: content.size });
      continue;
    }
    const manifest = local.manifest(content.digest);
    const size = statSync(local.objectPath(content.digest), { throwIfNoEntry: false })?.size;
    if (!manifest.ok || size === undefined)
      return err(`the list of the files of "${content.digest}" is not in the cache`);
    for (const file of manifest.value)
      if (file.kind === 'file') needs.set(file.digest, { digest: file.digest, size: file.size });
    needs.set(content.digest, { digest: content.digest, size });
  }
  return ok(needs);
}
