// From targets as a user names them to the stages that a command considers, in the order in which they are considered.

import type { Fault } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { closure } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { Stage, StageName } from '../pipeline/pipeline.ts';
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
  /** What each target is as a path, relative to the workspace root, where that is known. Paths from the root itself are understood too. */
  readonly paths?: readonly string[];
  /** `upstream`: the targets and all they need. `single`: only the targets. `downstream`: the targets and all that need them. */
  readonly reach: 'upstream' | 'single' | 'downstream';
}

export function selectPlan(graph: Graph, selection: Selection): Result<Plan, readonly Fault[]> {
  const faults: Fault[] = [];
  const requested = new Set<number>();
  for (const [position, target] of selection.targets.entries()) {
    const found = findTarget(graph, target, selection.paths?.[position]);
    if (found.length === 0) faults.push(unknownTarget(graph, target));
    for (const index of found) requested.add(index);
  }
  if (faults.length > 0) return err(faults);
  if (selection.targets.length === 0) return ok({ order: graph.order, requested: new Set(graph.order) });
  if (selection.reach === 'single') return ok({ order: [...requested], requested });
  const reached = closure(selection.reach === 'upstream' ? graph.up : graph.down, requested);
  return ok({ order: graph.order.filter((index) => reached.has(index)), requested });
}

/** Names before paths, and paths from where the user is before those from the root. */
function findTarget(graph: Graph, target: string, path: string | undefined): number[] {
  const exact = graph.index.get(target as StageName);
  if (exact !== undefined) return [exact];
  const where = (wanted: (stage: Stage) => boolean): number[] =>
    graph.order.filter((index) => wanted(graph.stages[index]!));
  const makes = (out: string) => (stage: Stage) => stage.outs.some((made) => made.path === out);
  if (isGlob(target)) {
    const pattern = globPattern(target);
    return where((stage) => pattern.test(stage.name));
  }
  const found = where((stage) => stage.group === target || (path !== undefined && makes(path)(stage)));
  const fromRoot = target.replaceAll('\\', '/').replace(/^\.\//, '').replace(/\/+$/, '');
  return found.length > 0 ? found : where(makes(fromRoot));
}

function isGlob(target: string): boolean {
  return target.includes('*') || target.includes('?');
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
  const groups = graph.stages.flatMap(({ name, group }) => (name === group ? [] : [`${group}@*`]));
  const globs = isGlob(target) ? groups : [];
  const near = suggest(target, [...names, ...globs]);
  return {
    message: `there is no stage or out "${target}"`,
    hint: near === undefined ? '`dagrun dag` lists the stages' : `did you mean "${near}"?`,
  };
}
