// Parts of files that killed writers left on a remote. Nobody reads them. No write takes as long as `staleAfter`: a process that has paused for
// longer finds that it has to write the file again.

import { staleAfter } from './activity.ts';
import { isPartKey, tmpFolder } from './keys.ts';
import type { Storage, StoredFile } from './storage.ts';

/** Those that nobody can be writing any more at `now`, in milliseconds since the epoch by the clock of the remote. */
export async function findLeftovers(storage: Storage, now: number): Promise<readonly StoredFile[]> {
  if (!storage.leavesParts) return [];
  const files = await storage.list(tmpFolder);
  return files.filter(({ key, modified }) => isPartKey(key) && modified !== null && now - modified > staleAfter);
}
