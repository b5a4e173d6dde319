// What a killed runner left running. Its own helper (watchdog.ts) ends it as well, but may not have finished when the next runner starts, or
// may have been killed with it. Linux only: elsewhere nobody can tell whose commands they are.

import type { Owner } from '../core/owner.ts';
import { comesTrue, signalMarked } from './family.ts';
import { findMarked, hasProc } from './processes.ts';
import { markerName } from './watchdog.ts';

/** Seconds between SIGTERM and SIGKILL: the runner that they belonged to is dead, nobody waits for their result. */
const grace = 1;
/** Seconds for killed processes to disappear. */
const burial = 2;

/** The id of a runner, from which the markers of its commands are made; undefined where the system does not tell processes apart. */
export function runnerId(owner: Owner): string | undefined {
  return hasProc && owner.startTime !== '' ? `${owner.pid}-${owner.startTime}` : undefined;
}

/** Ends the commands of a runner that is dead, and returns when they are gone: from then on nothing writes to its outs. */
export async function endLeftBehind(dead: Owner): Promise<void> {
  const id = runnerId(dead);
  if (id === undefined) return;
  const start = `${markerName}=${id}:`;
  signalMarked(start, 'SIGTERM');
  signalMarked(start, 'SIGCONT');
  if (await comesTrue(() => findMarked(start).length === 0, grace)) return;
  await comesTrue(() => {
    signalMarked(start, 'SIGKILL');
    return findMarked(start).length === 0;
  }, burial);
}
