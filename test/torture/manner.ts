// How a run is asked for, and what that excuses.

import { pick } from './world.ts';
import type { Numbers, Sketch } from './world.ts';

export interface Manner {
  readonly args: readonly string[];
  /** Executes what is known. */
  readonly forced: boolean;
  /** Remembers nothing. */
  readonly forgets: boolean;
  /** What is missing may be left so. */
  readonly lenient: boolean;
}

export const plainly: Manner = { args: [], forced: false, forgets: false, lenient: false };

const flags: readonly (readonly string[])[] = [
  ['-k'],
  ['--ignore-errors'],
  ['-f'],
  ['--force-downstream'],
  ['--no-run-cache'],
  ['--no-commit'],
  ['--allow-missing'],
  ['-s'],
  ['--downstream'],
  [],
];

export function chooseManner(stages: readonly Sketch[], [a, b, c]: Numbers): Manner {
  const stage = pick(stages, a);
  const chosen = pick(flags, c);
  const isLone = chosen[0] === '-s' || chosen[0] === '--downstream';
  const targets = isLone ? [stage.name] : chooseTargets(stage, b, c);
  const goesOn = a % 4 === 0 && !chosen.includes('--ignore-errors');
  const args = [...targets, ...chosen, ...(goesOn && !chosen.includes('-k') ? ['-k'] : [])];
  const forcing = ['-f', '--force-downstream', '--no-run-cache', '--no-commit'];
  return {
    args,
    forced: args.some((arg) => forcing.includes(arg)),
    forgets: args.includes('--no-commit'),
    lenient: args.includes('--allow-missing'),
  };
}

/** None, a stage by its name, or by one of its outs. */
function chooseTargets(stage: Sketch, b: number, c: number): string[] {
  if (b % 3 === 0) return [];
  return [b % 3 === 1 && stage.outs.length > 0 ? pick(stage.outs, c).path : stage.name];
}
