// Which jobs a CI system should start: one for each member of some groups that has work to do. Knows only what assessing found.

import type { Fingerprint } from '../plan/parts.ts';
import type { StageState } from './assess.ts';

/** A stage of one of the groups. */
export interface Member {
  readonly name: string;
  readonly group: string;
  readonly state: StageState;
  readonly fingerprint: Fingerprint | null;
}

/** One job. */
export interface Leg {
  /** What follows `@` in the name of its first stage; the name itself where nothing does. */
  readonly name: string;
  /** The stages to bring up to date, of all groups asked for, also those that are fresh. */
  readonly stages: readonly string[];
}

/**
 * A leg for each member (`model1` of `train@model1` and `evaluate@model1`) with a stage that would execute, in the order of the members. Members whose
 * first such stages have one fingerprint share a leg, so that two jobs never do the same work.
 * @param members - in the order of the pipeline
 */
export function legsOf(members: readonly Member[]): Leg[] {
  const byKey = new Map<string, Member[]>();
  for (const member of members) {
    const key = keyOf(member);
    byKey.set(key, [...(byKey.get(key) ?? []), member]);
  }
  const legs = new Map<string, { name: string; stages: string[] }>();
  for (const [key, stages] of byKey) {
    const first = stages.find(hasWork);
    if (first === undefined) continue;
    const work = first.fingerprint === null ? `key ${key}` : `work ${first.group} ${first.fingerprint}`;
    const names = stages.map(({ name }) => name);
    const leg = legs.get(work);
    if (leg === undefined) legs.set(work, { name: key, stages: names });
    else leg.stages.push(...names);
  }
  return [...legs.values()];
}

function keyOf({ name, group }: Member): string {
  return name === group ? name : name.slice(group.length + 1);
}

function hasWork({ state }: Member): boolean {
  return state === 'stale' || state === 'unknown';
}
