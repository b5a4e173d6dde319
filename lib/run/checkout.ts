// `dagrun checkout`: makes the outs in the workspace what the lock says they are. Runs nothing.

import { sameContent } from '../core/observation.ts';
import type { Observation } from '../core/observation.ts';
import type { Fault } from '../core/failure.ts';
import { isPresent } from '../core/observation.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import { alignOuts } from '../plan/decide.ts';
import type { OutRecord } from '../plan/record.ts';
import type { Plan } from '../plan/select.ts';
import { absolute } from './project.ts';
import type { Project } from './project.ts';
import { linkKindOf } from './restore.ts';

export interface CheckoutReport {
  readonly restored: readonly string[];
  readonly unchanged: number;
  readonly faults: readonly Fault[];
}

/** An out that was edited and whose content is nowhere in the cache is left alone, unless `force`. */
export async function checkoutStages(
  project: Project,
  plan: Plan,
  options: { readonly force: boolean },
): Promise<CheckoutReport> {
  const restored: string[] = [];
  const faults: Fault[] = [];
  let unchanged = 0;
  for (const index of plan.order) {
    const stage = project.graph.stages[index]!;
    const lock = project.lock.get(stage.name);
    const recorded = lock === undefined ? null : alignOuts(stage, lock);
    if (recorded === null) {
      if (stage.outs.length > 0) faults.push(notRecorded(project, stage));
      continue;
    }
    for (const [position, out] of recorded.entries()) {
      const seen = await project.files.observe(out.path);
      if (sameContent(out.content, seen)) {
        unchanged++;
        continue;
      }
      const fault = await checkoutOut(project, stage, { position, out, seen, force: options.force });
      if (fault === undefined) restored.push(out.path);
      else faults.push(fault);
    }
  }
  await project.files.rememberVouched(restored);
  return { restored, unchanged, faults };
}

function notRecorded(project: Project, stage: Stage): Fault {
  return {
    at: project.position(stage.at),
    message: `${project.lockFile} does not know the outs of stage "${stage.name}"`,
    hint: `run it: \`dagrun repro ${stage.name}\``,
  };
}

interface CheckoutItem {
  readonly position: number;
  readonly out: OutRecord;
  readonly seen: Observation;
  readonly force: boolean;
}

async function checkoutOut(project: Project, stage: Stage, item: CheckoutItem): Promise<Fault | undefined> {
  const { out, seen } = item;
  const declared = stage.outs[item.position]!;
  const at = project.position(declared.at);
  if (!project.store.holds([out.content])) {
    return { at, message: `"${out.path}" is not in the cache`, hint: `run the stage: \`dagrun repro ${stage.name}\`` };
  }
  const wouldBeLost = seen.kind === 'unreadable' || (isPresent(seen) && !project.store.holds([seen]));
  if (wouldBeLost && !item.force) {
    return {
      at,
      message: `"${out.path}" was edited, and what is there now is not in the cache: it would be lost`,
      hint: 'save it elsewhere, or overwrite it with `dagrun checkout --force`',
    };
  }
  const done = await project.store.checkout(
    { path: absolute(project, out.path), content: out.content },
    linkKindOf(project, declared),
  );
  project.forget(out.path);
  return done.ok
    ? undefined
    : {
        at,
        message: `cannot check out "${out.path}": ${done.error.message}`,
        ...(done.error.kind === 'corrupt' ? { hint: '`dagrun cache verify --repair` finds what is damaged' } : {}),
      };
}
