// How many processes with teams of threads work on this machine at the moment, so that they share the cores: two models at once on two cores take one
// each. It is a matter of speed alone: results never depend on the number of threads. Knows nothing of what they compute.

import { mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

export interface Crowd {
  /** Cores for each of those that work now, this process among them; at least one. */
  readonly share: () => number;
  readonly leave: () => void;
}

/**
 * Joins those who work now: each is a file in a folder of the user, named by the number of the process. Who has died is taken out by the others. Where
 * no such folder can be had, this process counts as alone.
 */
export function joinCrowd(folder = join(tmpdir(), `dagrun-threads-${userInfo().username}`)): Crowd {
  const own = join(folder, String(process.pid));
  attempt(() => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(own, '');
  });
  return {
    share: () => Math.max(1, Math.floor(availableParallelism() / Math.max(1, countLiving(folder)))),
    leave: () => attempt(() => unlinkSync(own)),
  };
}

function countLiving(folder: string): number {
  let living = 0;
  attempt(() => {
    for (const name of readdirSync(folder)) {
      if (isLiving(Number(name))) living += 1;
      else attempt(() => unlinkSync(join(folder, name)));
    }
  });
  return living;
}

function isLiving(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Nothing here is worth failing for. */
function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
  }
}
