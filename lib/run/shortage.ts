// Stages that are sure to fail for want of an input, whatever runs before them: a dep or an import that is not there and that no
// stage makes. Known before the first command starts, as far as what is not declared can be left out of account.

import type { Reason } from '../core/reason.ts';
import { mayMatch } from '../graph/glob.ts';
import { OutTrie } from '../graph/out-trie.ts';
import type { Dep } from '../pipeline/pipeline.ts';
import type { Plan } from '../plan/select.ts';
import { depProblem } from './inputs.ts';
import type { Project } from './project.ts';

/** Those of the plan by their index, in plan order, each with what it lacks. Reads no content but that of traced code. */
export async function findShortages(project: Project, plan: Plan): Promise<ReadonlyMap<number, readonly Reason[]>> {
  const { stages } = project.graph;
  const outs = new OutTrie();
  for (const [index, stage] of stages.entries()) for (const out of stage.outs) outs.insert(out.path, index);
  const found = new Map<number, readonly Reason[]>();
  for (const index of plan.order) {
    if (stages[index]!.frozen) continue;
    const lacking = [...(await missingDeps(project, index, outs)), ...(await brokenCode(project, index, outs))];
    if (lacking.length > 0) found.set(index, lacking);
  }
  return found;
}

async function missingDeps(project: Project, index: number, outs: OutTrie): Promise<Reason[]> {
  const stage = project.graph.stages[index]!;
  const missing: Reason[] = [];
  for (const dep of stage.deps) {
    if (mayBeMade(dep, outs) || (await project.files.exists(dep))) continue;
    missing.push(depProblem(project, stage, dep.path, { kind: 'missing' }));
  }
  return missing;
}

/** Code in which an import leads nowhere may be waiting for a file that a stage makes. */
async function brokenCode(project: Project, index: number, outs: OutTrie): Promise<Reason[]> {
  const broken: Reason[] = [];
  for (const { path } of project.graph.stages[index]!.code) {
    const tracer = await project.tracer();
    const trace = await tracer.trace(path);
    if (trace.ok) continue;
    const hopes = await tracer.hopes(path);
    if (hopes.some((hope) => mayBeMade({ path: hope, kind: 'path' }, outs))) continue;
    broken.push({ kind: 'code-error', path, message: trace.error });
  }
  return broken;
}

function mayBeMade({ path, kind }: Pick<Dep, 'path' | 'kind'>, outs: OutTrie): boolean {
  const makers = kind === 'path' ? outs.touching(path) : outs.where((out) => mayMatch(path, out));
  return makers.next().done !== true;
}
