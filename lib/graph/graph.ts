// The dependency graph: which stage makes what another one needs. Built once from a whole pipeline, never changed.
// Knows paths as text only; whether a file exists is not its business.

import type { Fault, Position } from '../core/failure.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Pipeline, Place, Stage, StageName } from '../pipeline/pipeline.ts';
import { findCycles } from './cycle.ts';
import { OutTrie } from './out-trie.ts';
import { mayMatch } from './glob.ts';

/** Stages are named by their index in `stages` (declared order); all lists of indices are sorted and without duplicates. */
export interface Graph {
  readonly stages: readonly Stage[];
  readonly index: ReadonlyMap<StageName, number>;
  /** For each stage: the stages whose outs (or history) it needs. */
  readonly up: readonly (readonly number[])[];
  /** For each stage: the stages that need it. */
  readonly down: readonly (readonly number[])[];
  /** Every stage after all that it needs; otherwise in declared order. */
  readonly order: readonly number[];
}

/** An edge, and the place in the pipeline file that makes it one. */
interface Need {
  readonly producer: number;
  readonly path: string;
  readonly at: Place;
}

/**
 * Links producers and consumers. Faults: one path made by two stages, an out inside another's out, a cycle (with every hop).
 */
export function buildGraph(pipeline: Pipeline): Result<Graph, readonly Fault[]> {
  const { stages } = pipeline;
  const position = (at: Place): Position => ({ file: pipeline.file, line: at[0], column: at[1] });
  const { trie, faults } = placeOuts(stages, position);
  if (faults.length > 0) return err(faults);

  const groups = groupIndices(stages);
  const needs = stages.map((stage) => needsOf(stage, stages, trie, groups));
  const cycles = findCycles(needs.map((list) => list.map((need) => need.producer)));
  if (cycles.length > 0) return err(cycles.map((cycle) => describeCycle(cycle, stages, needs, position)));

  const up = needs.map((list) => uniqueSorted(list.map((need) => need.producer)));
  return ok({
    stages,
    index: new Map(stages.map((stage, index) => [stage.name, index])),
    up,
    down: invert(up),
    order: sortTopologically(up),
  });
}

function placeOuts(stages: readonly Stage[], position: (at: Place) => Position): { trie: OutTrie; faults: Fault[] } {
  const trie = new OutTrie();
  const faults: Fault[] = [];
  for (const [index, stage] of stages.entries()) {
    for (const out of stage.outs) {
      const clash = trie.insert(out.path, index);
      if (clash === undefined) continue;
      const other = stages[clash.stage]!;
      const same = clash.path === out.path;
      faults.push({
        at: position(out.at),
        message: same
          ? `stages "${other.name}" and "${stage.name}" both make "${out.path}"`
          : `out "${out.path}" of stage "${stage.name}" overlaps out "${clash.path}" of stage "${other.name}"`,
        hint: same ? 'give each stage an out of its own' : 'move one of the two out of the other',
      });
    }
  }
  return { trie, faults };
}

function groupIndices(stages: readonly Stage[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [index, stage] of stages.entries()) {
    const members = groups.get(stage.group);
    if (members === undefined) groups.set(stage.group, [index]);
    else members.push(index);
  }
  return groups;
}

function needsOf(
  stage: Stage,
  stages: readonly Stage[],
  trie: OutTrie,
  groups: ReadonlyMap<string, readonly number[]>,
): Need[] {
  const needs: Need[] = [];
  const add = (path: string, at: Place, producers: Iterable<number>): void => {
    for (const producer of producers) needs.push({ producer, path, at });
  };
  for (const dep of stage.deps) {
    if (dep.kind === 'path') add(dep.path, dep.at, trie.touching(dep.path));
    else
      add(
        dep.path,
        dep.at,
        trie.where((out) => mayMatch(dep.path, out)),
      );
  }
  for (const param of stage.params) add(param.file, param.at, trie.touching(param.file));
  for (const code of stage.code) add(code.path, code.at, trie.touching(code.path));
  for (const runs of stage.runs) add(runs.group, runs.at, groups.get(runs.group) ?? []);
  return needs;
}

function describeCycle(
  cycle: readonly number[],
  stages: readonly Stage[],
  needs: readonly (readonly Need[])[],
  position: (at: Place) => Position,
): Fault {
  const hops = cycle.map((consumer, step) => {
    const producer = cycle[(step + 1) % cycle.length]!;
    const need = needs[consumer]!.find((candidate) => candidate.producer === producer)!;
    return { consumer: stages[consumer]!.name, producer: stages[producer]!.name, need };
  });
  const first = hops[0]!;
  if (cycle.length === 1) {
    return {
      at: position(first.need.at),
      message: `stage "${first.consumer}" depends on its own out "${first.need.path}"`,
      hint: 'a path cannot be a dep and an out of one stage; let an earlier stage make it, or write to another path',
    };
  }
  const chain = hops.map((hop) => `"${hop.consumer}" needs "${hop.need.path}" of "${hop.producer}"`).join(', ');
  return {
    at: position(first.need.at),
    message: `the stages form a cycle: ${chain}`,
    hint: 'remove one of these deps',
  };
}

function uniqueSorted(indices: readonly number[]): number[] {
  return indices.length < 2 ? [...indices] : [...new Set(indices)].sort((a, b) => a - b);
}

function invert(up: readonly (readonly number[])[]): number[][] {
  const down: number[][] = up.map(() => []);
  for (const [consumer, producers] of up.entries()) for (const producer of producers) down[producer]!.push(consumer);
  return down;
}

/** Depth first from each stage in declared order, without recursion: chains may be very long. */
function sortTopologically(up: readonly (readonly number[])[]): number[] {
  const order: number[] = [];
  const next = new Int32Array(up.length).fill(-1);
  for (let root = 0; root < up.length; root++) {
    if (next[root] !== -1) continue;
    const path = [root];
    next[root] = 0;
    while (path.length > 0) {
      const stage = path[path.length - 1]!;
      const producer = up[stage]![next[stage]!++];
      if (producer === undefined) {
        order.push(stage);
        path.pop();
      } else if (next[producer] === -1) {
        next[producer] = 0;
        path.push(producer);
      }
    }
  }
  return order;
}

/** All stages above (`up`) or below (`down`) the given ones, themselves included. */
export function closure(edges: readonly (readonly number[])[], from: Iterable<number>): Set<number> {
  const reached = new Set(from);
  const pending = [...reached];
  for (let stage = pending.pop(); stage !== undefined; stage = pending.pop()) {
    for (const other of edges[stage]!) {
      if (reached.has(other)) continue;
      reached.add(other);
      pending.push(other);
    }
  }
  return reached;
}
