// What a run would do, without doing it: the same path as repro, stopped after decide. `status`, `--dry` and `explain` read it.

import type { Present } from '../core/observation.ts';
import { overlaps } from '../core/path.ts';
import type { Reason } from '../core/reason.ts';
import { mayMatch } from '../graph/glob.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import { decide } from '../plan/decide.ts';
import type { Decision, DecisionRules } from '../plan/decide.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { OutRecord } from '../plan/record.ts';
import type { Plan } from '../plan/select.ts';
import { gatherEvidence, rememberedOuts } from './evidence.ts';
import type { Outlook } from './inputs.ts';
import type { Project } from './project.ts';

export type StageState = 'fresh' | 'stale' | 'restorable' | 'unknown' | 'frozen';

export interface Assessment {
  readonly name: StageName;
  readonly state: StageState;
  readonly reasons: readonly Reason[];
  readonly decision: Decision;
  /** Null where the inputs are not known yet. */
  readonly fingerprint: Fingerprint | null;
}

export interface AssessOptions extends DecisionRules {
  /** Whatever lies below a stage that would execute is executed as well. */
  readonly forceDownstream: boolean;
}

/** What will lie below a stage when its turn has come. */
type Foreseen =
  | { readonly kind: 'as-is' }
  | { readonly kind: 'restored'; readonly outs: readonly OutRecord[] }
  | { readonly kind: 'unknown' };

/** The state of every stage of the plan, in plan order. Reads only. */
export async function assess(project: Project, plan: Plan, options: AssessOptions): Promise<Assessment[]> {
  const foreseen = new Map<number, Foreseen>();
  const executing = new Set<number>();
  const outlook = makeOutlook(project, foreseen);
  const remembered = options.allowMissing ? rememberedOuts(project) : null;
  const assessments: Assessment[] = [];
  for (const index of plan.order) {
    const stage = project.graph.stages[index]!;
    const evidence = await gatherEvidence(project, index, { outlook, remembered });
    const force =
      options.force || (options.forceDownstream && project.graph.up[index]!.some((other) => executing.has(other)));
    const decision = decide(evidence, { ...options, force });
    if (decision.kind === 'execute') executing.add(index);
    if (decision.kind !== 'skip') foreseen.set(index, foresee(decision));
    const { inputs } = evidence;
    const fingerprint = inputs.kind === 'known' ? inputs.fingerprint : null;
    assessments.push({ name: stage.name, ...stateOf(decision), decision, fingerprint });
  }
  return assessments;
}

function foresee(decision: Decision): Foreseen {
  if (decision.kind === 'restore') return { kind: 'restored', outs: decision.from.outs };
  return { kind: 'unknown' };
}

function stateOf(decision: Decision): { state: StageState; reasons: readonly Reason[] } {
  switch (decision.kind) {
    case 'skip':
      return decision.why === 'frozen'
        ? { state: 'frozen', reasons: [{ kind: 'frozen' }, ...decision.problems] }
        : { state: 'fresh', reasons: [] };
    case 'restore':
      return {
        state: decision.reasons.some((reason) => reason.kind === 'frozen') ? 'frozen' : 'restorable',
        reasons: decision.reasons,
      };
    case 'execute':
    case 'fail':
      return { state: 'stale', reasons: decision.reasons };
    case 'unknown':
      return {
        state: decision.reasons.every((reason) => reason.kind === 'upstream') ? 'unknown' : 'stale',
        reasons: decision.reasons,
      };
  }
}

function makeOutlook(project: Project, foreseen: ReadonlyMap<number, Foreseen>): Outlook {
  const { graph } = project;
  const pendingAbove = (index: number): number[] =>
    foreseen.size === 0 ? [] : graph.up[index]!.filter((other) => foreseen.has(other));
  return {
    expect(index, { path, kind }) {
      for (const other of pendingAbove(index)) {
        const stage = graph.stages[other]!;
        const touches = kind === 'glob' ? mayMatch : overlaps;
        if (!stage.outs.some((out) => touches(path, out.path))) continue;
        return { by: stage.name, content: foreseenContent(foreseen.get(other)!, path) };
      }
      return undefined;
    },
    expectHistory(index, group) {
      const other = pendingAbove(index).find(
        (above) => graph.stages[above]!.group === group && foreseen.get(above)!.kind === 'unknown',
      );
      return other === undefined ? undefined : graph.stages[other]!.name;
    },
  };
}

function foreseenContent(foreseen: Foreseen, path: string): Present | null {
  if (foreseen.kind !== 'restored') return null;
  return foreseen.outs.find((out) => out.path === path)?.content ?? null;
}
