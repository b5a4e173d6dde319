// What a command costs: time by the clock, and time of processors.

import { readFileSync } from 'node:fs';

/** Seconds of the wall clock, and of processors meanwhile. */
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

/** Seconds that all processors of the machine have been at work, whoever for. */
export function busyTime(): number {
  const [, user, nice, system] = readFileSync('/proc/stat', 'latin1').split(/\s+/, 4).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return (user + nice + system) / 100;
}

/** @param processorTime - counts seconds of processors; those of the children of this process where none is given */
export async function cost(action: () => Promise<void>, processorTime: () => number = childTime): Promise<Cost> {
  const [wall, processor] = [performance.now(), processorTime()];
  await action();
  return { wall: (performance.now() - wall) / 1000, processor: processorTime() - processor };
}
