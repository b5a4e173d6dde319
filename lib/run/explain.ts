// Why a stage is fresh or not, part by part: against the lock, and against the recorded run that is nearest to what it is now.

import type { Reason } from '../core/reason.ts';
import type { Stage, StageName } from '../pipeline/pipeline.ts';
import { differences, locateReasons } from '../plan/fingerprint.ts';
import type { Fingerprint, FingerprintParts } from '../plan/parts.ts';
import type { RunEntry } from '../plan/record.ts';
import { selectPlan } from '../plan/select.ts';
import { assess } from './assess.ts';
import type { Assessment } from './assess.ts';
import { gatherInputs, settled } from './inputs.ts';
import type { Project } from './project.ts';

export interface Explanation {
  readonly stage: StageName;
  readonly assessment: Assessment;
  /** Null where an input is missing. */
  readonly now: { readonly parts: FingerprintParts; readonly fingerprint: Fingerprint } | null;
  readonly locked: { readonly parts: FingerprintParts; readonly fingerprint: Fingerprint } | null;
  /** The recorded run of the group that differs in the fewest parts; exact matches first, then the newest. */
  readonly nearest: { readonly entry: RunEntry; readonly differences: readonly Reason[] } | null;
}

/** Explains one stage as the disk is now. Reads only. */
export async function explain(project: Project, index: number): Promise<Explanation> {
  const stage = project.graph.stages[index]!;
  const plan = selectPlan(project.graph, { targets: [stage.name], reach: 'upstream' });
  if (!plan.ok) throw new Error(`stage ${stage.name} is not in its own graph`);
  const rules = { force: false, forceDownstream: false, noRunCache: false, allowMissing: false };
  const assessments = await assess(project, plan.value, rules);
  const lock = project.lock.get(stage.name);
  const inputs = await gatherInputs(project, index, { outlook: settled, remembered: null, lock });
  const now = inputs.kind === 'known' ? { parts: inputs.parts, fingerprint: inputs.fingerprint } : null;
  return {
    stage: stage.name,
    assessment: assessments.find((assessment) => assessment.name === stage.name)!,
    now,
    locked: lock === undefined ? null : { parts: lock.parts, fingerprint: lock.fingerprint },
    nearest: now === null ? null : findNearest(stage, project.store.history(stage.group), now.parts),
  };
}

function findNearest(stage: Stage, entries: readonly RunEntry[], parts: FingerprintParts): Explanation['nearest'] {
  let nearest: Explanation['nearest'] = null;
  for (const entry of entries) {
    const found = differences(entry.parts, parts);
    const least = nearest?.differences.length ?? Infinity;
    if (found.length < least || (found.length === least && nearest !== null && entry.at > nearest.entry.at))
      nearest = { entry, differences: found };
  }
  return nearest === null ? null : { ...nearest, differences: locateReasons(stage, nearest.differences) };
}
