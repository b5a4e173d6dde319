// Which processes of a test still live: the program under test and whatever its commands started. They are found by their environment, so
// that also those are seen which left their process group or lost their parent.

import { readFileSync, readdirSync } from 'node:fs';
import type { Rig } from './rig.ts';

/** Process ids; a zombie counts as gone. */
export function findSurvivors(rig: Rig): number[] {
  const mark = Buffer.from(`RIG_LOG=${rig.env()['RIG_LOG']!}\0`);
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && environmentOf(pid).includes(mark));
}

/** Waits until none is left, at most so many seconds, and returns those that are. */
export async function awaitSurvivors(rig: Rig, seconds: number): Promise<number[]> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const found = findSurvivors(rig);
    if (found.length === 0 || performance.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function environmentOf(pid: number): Buffer {
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch {
    return Buffer.alloc(0);
  }
}
