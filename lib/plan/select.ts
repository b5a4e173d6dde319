// From targets as a user names them to the stages that a command considers, in the order in which they are considered.

import type { Fault } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { closure } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import { suggest } from '../core/suggest.ts';

/** Which stages a command is about. */
export interface Plan {
  /** Indices into the graph: every stage after those that it needs (`single`: in the order of the targets). */
  readonly order: readonly number[];
  /** What the targets themselves name. */
  readonly requested: ReadonlySet<number>;
}

export interface Selection {
  /** Stage names, group names, globs over stage names, or paths of outs. Empty: every stage. */
  readonly targets: readonly string[];
  /** `upstream`: the targets and all they need. `single`: only the targets. `downstream`: the targets and all that need them. */
  readonly reach: 'upstream' | 'single' | 'downstream';
}

export function selectPlan(graph: Graph, selection: Selection): Result<Plan, readonly Fault[]> {
  const faults: Fault[] = [];
  const requested = new Set<number>();
  for (const target of selection.targets) {
    const found = findTarget(graph, target);
    if (found.length === 0) faults.push(unknownTarget(graph, target));
    for (const index of found) requested.add(index);
  }
  if (faults.length > 0) return err(faults);
  if (selection.targets.length === 0) return ok({ order: graph.order, requested: new Set(graph.order) });
  if (selection.reach === 'single') return ok({ order: [...requested], requested });
  const reached = closure(selection.reach === 'upstream' ? graph.up : graph.down, requested);
  return ok({ order: graph.order.filter((index) => reached.has(index)), requested });
}

function findTarget(graph: Graph, target: string): number[] {
  const exact = graph.index.get(target as StageName);
  if (exact !== undefined) return [exact];
  const path = target.replaceAll('\\', '/').replace(/^\.\//, '').replace(/\/+$/, '');
  const matches = target.includes('*') || target.includes('?') ? globPattern(target) : null;
  return graph.order.filter((index) => {
    const stage = graph.stages[index]!;
    if (matches !== null) return matches.test(stage.name);
    return stage.group === target || stage.outs.some((out) => out.path === path);
  });
}

/** Over whole stage names; `*` also crosses `/`, which a name cannot hold anyway. */
function globPattern(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su');
}

function unknownTarget(graph: Graph, target: string): Fault {
  const names = graph.stages.flatMap((stage) => [stage.name, stage.group, ...stage.outs.map((out) => out.path)]);
  const near = suggest(target, names);
  return {
    message: `there is no stage or out "${target}"`,
    hint: near === undefined ? '`dagrun dag` lists the stages' : `did you mean "${near}"?`,
  };
}
