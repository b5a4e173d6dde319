// Parts of files that killed writers left on a remote. Nobody reads them. No write takes as long as `staleAfter`: a process that has paused for
// longer finds that it has to write the file again.

import { staleAfter } from './activity.ts';
import { isPartKey, tmpFolder } from './keys.ts';
import { RemoteFault } from './problem.ts';
import type { RemoteProblem } from './problem.ts';
import type { Storage, StoredFile } from './storage.ts';

export interface Tidied {
  readonly removed: readonly StoredFile[];
  /** Why others had to stay. */
  readonly problems: readonly RemoteProblem[];
}

/**
 * Removes those that nobody can be writing any more at `now`, in milliseconds since the epoch by the clock of the remote. They are in nobody's
 * way: what may not be looked at or removed is told, and stays. `dry`: nothing is changed.
 */
export async function removeLeftovers(storage: Storage, now: number, { dry }: { dry: boolean }): Promise<Tidied> {
  const problems: RemoteProblem[] = [];
  const removed: StoredFile[] = [];
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof RemoteFault) || error.problem.kind === 'interrupted') throw error;
      problems.push(error.problem);
    }
  };
  await attempt(async () => {
    for (const file of await findLeftovers(storage, now))
      await attempt(async () => {
        if (!dry) await storage.remove([file.key]);
        removed.push(file);
      });
  });
  return { removed, problems };
}

/** A folder in there is of somebody else, who may not let us look into it. */
async function findLeftovers(storage: Storage, now: number): Promise<readonly StoredFile[]> {
  if (!storage.leavesParts) return [];
  const files = await storage.list(tmpFolder, { deep: false });
  return files.filter(({ key, modified }) => isPartKey(key) && modified !== null && now - modified > staleAfter);
}
