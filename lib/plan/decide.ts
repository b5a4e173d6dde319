// The decision about one stage: skip, restore or execute, each with its reasons as data. A pure function of the evidence.

import { isPresent, sameContent } from '../core/observation.ts';
import type { Observation } from '../core/observation.ts';
import type { Reason } from '../core/reason.ts';
import type { Stage, StageName } from '../pipeline/pipeline.ts';
import { differences, locateReasons } from './fingerprint.ts';
import type { Fingerprint, FingerprintParts } from './parts.ts';
import type { LockEntry, OutRecord, RunEntry } from './record.ts';

/** What is known of the inputs of a stage. */
export type Inputs =
  | {
      readonly kind: 'known';
      readonly parts: FingerprintParts;
      readonly fingerprint: Fingerprint;
      /** Deps that are missing and taken to be what they were: enough to skip or to restore, not to execute. */
      readonly assumed: readonly Reason[];
    }
  /** Stages above have yet to run; `changed` are differences that are certain already. */
  | { readonly kind: 'unknown'; readonly upstream: readonly StageName[]; readonly changed: readonly Reason[] }
  /** Something that the stage needs is not there. */
  | { readonly kind: 'broken'; readonly reasons: readonly Reason[] };

/** A recorded result whose objects are all in the cache. */
export interface Restorable {
  /** In the order of the outs of the stage, with the paths that they have now. */
  readonly outs: readonly OutRecord[];
  /** Null where only the lock remembers this run. */
  readonly entry: RunEntry | null;
}

/** `incomplete`: the result is recorded, but objects of it are not in the cache. */
export type Sought = Restorable | 'incomplete' | null;

export interface Evidence {
  readonly stage: Stage;
  readonly inputs: Inputs;
  readonly lock: LockEntry | undefined;
  /** What is on disk at each out of the stage. */
  readonly outs: readonly Observation[];
  /** Looks the fingerprint up in the run cache; asked only when the stage is not fresh. */
  readonly findRestorable: (fingerprint: Fingerprint) => Sought;
  /** What the lock recorded. */
  readonly findLocked: () => Sought;
}

export interface DecisionRules {
  /** Execute whatever the cache knows. */
  readonly force: boolean;
  /** Never take a result from the run cache. */
  readonly noRunCache: boolean;
  /** Missing data counts as unchanged where the lock knows what it was. */
  readonly allowMissing: boolean;
}

export type Decision =
  | { readonly kind: 'skip'; readonly why: 'unchanged' | 'data-missing' }
  /** `problems`: outs that were edited, or that are missing and cannot be restored. */
  | { readonly kind: 'skip'; readonly why: 'frozen'; readonly problems: readonly Reason[] }
  | { readonly kind: 'restore'; readonly from: Restorable; readonly reasons: readonly Reason[] }
  | { readonly kind: 'execute'; readonly reasons: readonly Reason[] }
  | { readonly kind: 'unknown'; readonly reasons: readonly Reason[] }
  | { readonly kind: 'fail'; readonly reasons: readonly Reason[] };

export function decide(evidence: Evidence, rules: DecisionRules): Decision {
  const { stage, inputs } = evidence;
  if (stage.frozen) return decideFrozen(evidence);
  if (inputs.kind === 'broken') return { kind: 'fail', reasons: inputs.reasons };
  const assumed = inputs.kind === 'known' ? inputs.assumed : [];
  if (stage.alwaysChanged || rules.force) {
    if (assumed.length > 0) return { kind: 'fail', reasons: assumed };
    return { kind: 'execute', reasons: [{ kind: stage.alwaysChanged ? 'always-changed' : 'forced' }] };
  }
  if (inputs.kind === 'unknown') {
    const waiting = inputs.upstream.map((name): Reason => ({ kind: 'upstream', stage: name }));
    return { kind: 'unknown', reasons: [...waiting, ...inputs.changed] };
  }
  const reasons = staleness(evidence, inputs);
  if (reasons.length === 0) return { kind: 'skip', why: 'unchanged' };
  if (rules.allowMissing && reasons.every((reason) => reason.kind === 'out-missing'))
    return { kind: 'skip', why: 'data-missing' };
  const from = rules.noRunCache ? null : findResult(evidence, inputs.fingerprint);
  if (from !== null && from !== 'incomplete') return { kind: 'restore', from, reasons };
  if (assumed.length > 0) return { kind: 'fail', reasons: assumed };
  return { kind: 'execute', reasons: [...reasons, ...lossOf(from)] };
}

/** A frozen stage never runs; outs that were deleted come back if the lock knows them. */
function decideFrozen(evidence: Evidence): Decision {
  const problems = outProblems(evidence);
  const isMissing = problems.some((reason) => reason.kind === 'out-missing');
  const from = isMissing ? evidence.findLocked() : null;
  if (from === null || from === 'incomplete')
    return { kind: 'skip', why: 'frozen', problems: [...problems, ...lossOf(from)] };
  return { kind: 'restore', from, reasons: [{ kind: 'frozen' }, ...problems] };
}

/** Why a result that was looked for and not found cannot be restored, where there is more to say than that nothing is known of it. */
function lossOf(sought: 'incomplete' | null): Reason[] {
  return sought === null ? [] : [{ kind: 'objects-missing' }];
}

/** Why the stage is not fresh; empty where it is. */
function staleness(evidence: Evidence, inputs: { parts: FingerprintParts; fingerprint: Fingerprint }): Reason[] {
  const { lock } = evidence;
  // That outs are missing too goes without saying.
  if (lock === undefined) return [{ kind: 'never-run' }];
  const changed = lock.fingerprint === inputs.fingerprint ? [] : differences(lock.parts, inputs.parts);
  return [...locateReasons(evidence.stage, changed), ...outProblems(evidence)];
}

/** Outs that are missing, or not what the lock recorded. */
function outProblems(evidence: Evidence): Reason[] {
  const { stage, lock } = evidence;
  const recorded = new Map(lock?.outs.map((out) => [out.path, out.content]));
  // The paths of a relocatable stage are no part of its fingerprint: what lies where the lock has another out of it, or none, is not its out.
  const byPosition = lock !== undefined && countsByPosition(stage, lock.parts);
  const reasons: Reason[] = [];
  stage.outs.forEach((out, index) => {
    const seen = evidence.outs[index]!;
    const before = recorded.get(out.path);
    const moved = byPosition && lock.outs[index]?.path !== out.path;
    if (seen.kind === 'missing') reasons.push({ kind: 'out-missing', path: out.path });
    else if (moved || (before !== undefined && !sameContent(before, seen)))
      reasons.push({ kind: 'out-edited', path: out.path });
  });
  return reasons;
}

/** True where both a record and the stage are relocatable: then the outs of the two correspond by position, whatever their paths. */
function countsByPosition(stage: Stage, parts: FingerprintParts): boolean {
  return stage.relocatable && parts.stage === undefined;
}

/** A stage without outs is run for its side effect: there is nothing to restore, so only the lock can make it skip. */
function findResult(evidence: Evidence, fingerprint: Fingerprint): Sought {
  if (evidence.stage.outs.length === 0) return null;
  // A persisted out grows from run to run: an older state of it is no result of these inputs alone.
  const accumulates = evidence.stage.outs.some((out) => out.persist);
  const found = accumulates ? null : evidence.findRestorable(fingerprint);
  if (found !== null && found !== 'incomplete') return found;
  return (evidence.lock?.fingerprint === fingerprint ? evidence.findLocked() : null) ?? found;
}

/**
 * Lays the outs of a recorded run onto the stage as it is declared now: by position where both are relocatable, otherwise by path.
 * Null where they do not fit (other outs, a damaged or forged record).
 */
export function alignOuts(stage: Stage, record: Pick<LockEntry, 'parts' | 'outs'>): readonly OutRecord[] | null {
  const recorded = record.outs;
  if (recorded.length !== stage.outs.length) return null;
  if (countsByPosition(stage, record.parts))
    return stage.outs.map((out, index) => ({ path: out.path, content: recorded[index]!.content }));
  const byPath = new Map(recorded.map((out) => [out.path, out]));
  const aligned = stage.outs.map((out) => byPath.get(out.path));
  return aligned.every((out) => out !== undefined) ? aligned : null;
}

/** True where what is on disk is exactly what a result would restore. */
export function matchesDisk(outs: readonly OutRecord[], seen: readonly Observation[]): boolean {
  return outs.every((out, index) => isPresent(seen[index]!) && sameContent(out.content, seen[index]));
}
