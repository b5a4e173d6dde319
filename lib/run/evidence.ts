// Everything that decide() wants to know about one stage.

import type { Observation, Present } from '../core/observation.ts';
import { alignOuts, matchesDisk } from '../plan/decide.ts';
import type { Evidence, Sought } from '../plan/decide.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { OutRecord } from '../plan/record.ts';
import { gatherInputs } from './inputs.ts';
import type { Outlook } from './inputs.ts';
import type { Project } from './project.ts';

/** Observes inputs and outs of a stage; the cache is asked only if decide() needs it. */
export async function gatherEvidence(
  project: Project,
  index: number,
  options: { readonly outlook: Outlook; readonly remembered: ReadonlyMap<string, Present> | null },
): Promise<Evidence> {
  const stage = project.graph.stages[index]!;
  const lock = project.lock.get(stage.name);
  const inputs = stage.frozen
    ? ({ kind: 'broken', reasons: [] } as const)
    : await gatherInputs(project, index, { ...options, lock });
  const outs: Observation[] = [];
  for (const out of stage.outs) {
    const looked = project.files.observe(out.path);
    outs.push(looked instanceof Promise ? await looked : looked);
  }
  return {
    stage,
    inputs,
    lock,
    outs,
    findRestorable: (fingerprint) => findRestorable(project, index, fingerprint, outs),
    findLocked: () => {
      const recorded = lock === undefined ? null : alignOuts(stage, lock);
      if (recorded === null) return null;
      return isHeld(project, recorded, outs) ? { outs: recorded, entry: null } : 'incomplete';
    },
  };
}

/** The newest recorded run whose results can really be had. */
function findRestorable(
  project: Project,
  index: number,
  fingerprint: Fingerprint,
  seen: readonly Observation[],
): Sought {
  const stage = project.graph.stages[index]!;
  let found: 'incomplete' | null = null;
  for (const entry of project.store.candidates(fingerprint)) {
    const outs = alignOuts(stage, entry);
    if (outs === null) continue;
    if (isHeld(project, outs, seen)) return { outs, entry };
    found = 'incomplete';
  }
  return found;
}

/** Outs that lie in the workspace already need no objects. */
function isHeld(project: Project, outs: readonly OutRecord[], seen: readonly Observation[]): boolean {
  const wanted = outs.filter((out, index) => !matchesDisk([out], [seen[index]!]));
  return project.store.holds(wanted.map((out) => out.content));
}

/** What the lock knows of every out, by path. */
export function rememberedOuts(project: Project): ReadonlyMap<string, Present> {
  const remembered = new Map<string, Present>();
  for (const entry of project.lock.entries.values())
    for (const out of entry.outs) remembered.set(out.path, out.content);
  return remembered;
}
