// What a command costs: time by the clock, and time of processors.

import { readFileSync } from 'node:fs';

/** Seconds of the wall clock, and of processors taken by the children of this process meanwhile. */
export interface Cost {
  readonly wall: number;
  readonly processor: number;
}

/** Seconds of processors that children of this process have taken, those that were waited for. */
function childTime(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

export async function cost(action: () => Promise<void>): Promise<Cost> {
  const [wall, processor] = [performance.now(), childTime()];
  await action();
  return { wall: (performance.now() - wall) / 1000, processor: childTime() - processor };
}
