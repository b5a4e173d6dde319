// `dagrun commit`: records what is in the workspace as the result of a stage, without running it.

import type { Fault } from '../core/failure.ts';
import { sameContent } from '../core/observation.ts';
import type { Observation } from '../core/observation.ts';
import { describeReason } from '../core/reason.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import { alignOuts } from '../plan/decide.ts';
import { differences, locateReasons } from '../plan/fingerprint.ts';
import type { LockEntry, OutRecord } from '../plan/record.ts';
import type { Plan } from '../plan/select.ts';
import { readParams } from './context.ts';

import { gatherInputs, settled } from './inputs.ts';
import type { RunIo } from './io.ts';
import type { Project } from './project.ts';
import { lockOuts, observeOuts, remember } from './remember.ts';
import type { KnownInputs } from './remember.ts';

export interface CommitReport {
  readonly committed: readonly string[];
  readonly faults: readonly Fault[];
}

/**
 * Accepts inputs and outs as they are. Where they are not those of the last recorded run, nothing proves that the outs come from
 * the inputs: then only stages that `accept` names are committed.
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
  const outs = await observeOuts(project, stage);
  if (!outs.ok) {
    const lacking = outs.missing.map((path) => describeReason({ kind: 'out-missing', path })).join('; ');
    const hint = lacking === '' ? outs.hint : `\`dagrun repro ${stage.name}\` restores or makes what is missing`;
    return { message: `stage "${stage.name}" cannot be committed: ${lacking || outs.message}`, hint };
  }
  const doubt = accepted ? undefined : findDoubt(stage, lock, inputs, outs.records);
  if (doubt !== undefined) {
    return {
      message: `stage "${stage.name}" is not committed: ${doubt}`,
      hint: `if its outs are right all the same: \`dagrun commit ${stage.name}\`, or \`--force\` for all`,
    };
  }
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

/** What speaks against the outs being those of the inputs; undefined where the lock vouches for both. */
function findDoubt(
  stage: Stage,
  lock: LockEntry | undefined,
  inputs: KnownInputs,
  outs: readonly OutRecord[],
): string | undefined {
  if (lock === undefined) return 'it never ran here';
  const changes = differences(lock.parts, inputs.parts);
  if (changes.length > 0) return locateReasons(stage, changes).map(describeReason).join('; ');
  const recorded = alignOuts(stage, lock);
  const edited = outs.filter(({ content }, index) => !sameContent(content, recorded?.[index]?.content ?? missing));
  return edited.length === 0 ? undefined : edited.map(({ path }) => `out edited: ${path}`).join('; ');
}

const missing: Observation = { kind: 'missing' };
