// `dagrun commit`: records what is in the workspace as the result of a stage, without running it.

import type { Fault } from '../core/failure.ts';
import { describeReason } from '../core/reason.ts';
import { differences } from '../plan/fingerprint.ts';
import type { Plan } from '../plan/select.ts';
import { readParams } from './context.ts';
import { lockOuts, observeOuts, remember } from './remember.ts';
import { gatherInputs, settled } from './inputs.ts';
import type { RunIo } from './io.ts';
import type { Project } from './project.ts';

export interface CommitReport {
  readonly committed: readonly string[];
  readonly faults: readonly Fault[];
}

/**
 * Accepts inputs and outs as they are. Where the inputs are not those of the last recorded run, nothing proves that the outs
 * come from them: then only stages that `accept` names are committed.
 */
export async function commitStages(
  project: Project,
  plan: Plan,
  accept: (index: number) => boolean,
  io: Pick<RunIo, 'report' | 'now'>,
): Promise<CommitReport> {
  const committed: string[] = [];
  const faults: Fault[] = [];
  for (const index of plan.order) {
    const stage = project.graph.stages[index]!;
    const fault = await commitStage(project, index, accept(index), io);
    if (fault === undefined) committed.push(stage.name);
    else faults.push({ at: project.position(stage.at), ...fault });
  }
  return { committed, faults };
}

async function commitStage(
  project: Project,
  index: number,
  accepted: boolean,
  io: Pick<RunIo, 'report' | 'now'>,
): Promise<Fault | undefined> {
  const stage = project.graph.stages[index]!;
  const lock = project.lock.get(stage.name);
  const inputs = await gatherInputs(project, index, { outlook: settled, remembered: null, lock });
  if (inputs.kind !== 'known') {
    const why =
      inputs.kind === 'broken' ? inputs.reasons.map(describeReason).join('; ') : 'stages above it have yet to run';
    return { message: `stage "${stage.name}" cannot be committed: ${why}` };
  }
  const changes = lock === undefined ? [] : differences(lock.parts, inputs.parts);
  if (!accepted && (lock === undefined || changes.length > 0)) {
    const why = lock === undefined ? 'it never ran here' : changes.map(describeReason).join('; ');
    return {
      message: `stage "${stage.name}" is not committed: ${why}`,
      hint: `if its outs are right all the same: \`dagrun commit ${stage.name}\`, or \`--force\` for all`,
    };
  }
  const outs = await observeOuts(project, stage);
  if (!outs.ok) return { message: `stage "${stage.name}" cannot be committed: ${outs.message}`, hint: outs.hint };
  const last = project.store.executions(stage.name)[0];
  const stored = await remember(
    project,
    stage,
    {
      inputs,
      params: await readParams(project, stage),
      outs: outs.records,
      result: { seconds: last?.seconds ?? 0, peakMemory: last?.peakMemory ?? null },
      runId: last?.runId ?? 'commit',
    },
    io,
  );
  if (!stored) return { message: `stage "${stage.name}" is not committed: the cache could not take it` };
  project.lock.set(stage.name, {
    parts: inputs.parts,
    fingerprint: inputs.fingerprint,
    outs: lockOuts(stage, outs.records),
  });
  return undefined;
}
