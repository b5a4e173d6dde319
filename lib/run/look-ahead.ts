// The look at the whole plan before the first command of a run starts: what forbids the run as such, and which stages are sure to fail
// whatever runs before them. Decides and reports nothing; the loop does both.

import type { Fault } from '../core/failure.ts';
import type { Reason } from '../core/reason.ts';
import type { FailurePolicy } from '../plan/schedule.ts';
import type { Plan } from '../plan/select.ts';
import { isDvcFile } from '../workspace/lockfile.ts';
import { findFaults } from './preflight.ts';
import type { Project } from './project.ts';
import { findShortages } from './shortage.ts';

/** What a run was asked for, as far as it says how much of the plan has to be sound. */
export interface LookAheadRules {
  readonly policy: FailurePolicy;
  readonly ordered: boolean;
  readonly allowMissing: boolean;
}

export interface Foresight {
  /** Where there are any, nothing may start. */
  readonly faults: readonly Fault[];
  /** Stages of the plan that lack an input which nothing makes, by index and in plan order. */
  readonly shortages: ReadonlyMap<number, readonly Reason[]>;
}

/** Reads parameter files and schemas, and no content else but that of traced code. */
export async function lookAhead(project: Project, plan: Plan, rules: LookAheadRules): Promise<Foresight> {
  const faults = await findFaults(project, plan);
  const looks = faults.length === 0 && mayFailFirst(project, rules);
  return { faults, shortages: looks ? await findShortages(project, plan) : new Map() };
}

/** Otherwise whatever can be run is: those stages fail when their turn comes. */
function mayFailFirst({ pipeline }: Project, { policy, ordered, allowMissing }: LookAheadRules): boolean {
  // What DVC runs runs here: a dep that an earlier command makes without saying so.
  return policy === 'stop' && !ordered && !allowMissing && !isDvcFile(pipeline.file);
}
