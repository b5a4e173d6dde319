// The graph as it is drawn: stages of one foreach or matrix group folded into a box. Pure; knows nothing of the drawing.

/** What `dag --json` prints as it stands (docs/json-output.md). Without cycles; an edge leads from the stage that makes something to the one that needs it. */
export interface DagGraph {
  readonly nodes: readonly { readonly name: string; readonly group: string }[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

export interface Box {
  readonly label: string;
  /** The stages in it. */
  readonly size: number;
  /** Indexes of boxes. */
  readonly parents: readonly number[];
  readonly children: readonly number[];
  /** Parents of which each stage has one of its own: member by member, not all with all. */
  readonly pairedWith: ReadonlySet<number>;
}

/**
 * Folds groups of two and more, unless `full` is set. A group whose box would be part of a cycle
 * (`train@a → report → train@b`) stays unfolded.
 */
export function foldGroups(graph: DagGraph, options: { readonly full: boolean }): Box[] {
  const sizes = new Map<string, number>();
  for (const { group } of graph.nodes) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const folded = new Set(options.full ? [] : [...sizes].flatMap(([group, size]) => (size > 1 ? [group] : [])));
  const boxes = makeBoxes(graph, folded);
  const tangled = boxesOnCycles(boxes);
  if (tangled.size === 0) return boxes;
  const members = membership(graph, folded);
  for (const { name, group } of graph.nodes) if (tangled.has(members.boxOf.get(name) ?? -1)) folded.delete(group);
  return makeBoxes(graph, folded);
}

interface Membership {
  readonly labels: string[];
  readonly sizes: number[];
  readonly boxOf: Map<string, number>;
}

function membership({ nodes }: DagGraph, folded: ReadonlySet<string>): Membership {
  const labels: string[] = [];
  const sizes: number[] = [];
  const boxOf = new Map<string, number>();
  const boxOfGroup = new Map<string, number>();
  for (const { name, group } of nodes) {
    const known = folded.has(group) ? boxOfGroup.get(group) : undefined;
    const index = known ?? labels.push(folded.has(group) ? group : name) - 1;
    if (folded.has(group)) boxOfGroup.set(group, index);
    sizes[index] = (sizes[index] ?? 0) + 1;
    boxOf.set(name, index);
  }
  for (const index of boxOfGroup.values()) labels[index] = `${labels[index] ?? ''}@… ×${sizes[index] ?? 0}`;
  return { labels, sizes, boxOf };
}

interface Link {
  count: number;
  readonly from: Set<string>;
  readonly to: Set<string>;
}

function makeBoxes(graph: DagGraph, folded: ReadonlySet<string>): Box[] {
  const { labels, sizes, boxOf } = membership(graph, folded);
  const children = labels.map(() => new Set<number>());
  const links = labels.map(() => new Map<number, Link>());
  for (const { from, to } of graph.edges) {
    const above = boxOf.get(from);
    const below = boxOf.get(to);
    if (above === undefined || below === undefined || above === below) continue;
    children[above]?.add(below);
    noteLink(links[below], above, from, to);
  }
  return labels.map((label, index) => ({
    label,
    size: sizes[index] ?? 0,
    parents: [...(links[index]?.keys() ?? [])],
    children: [...(children[index] ?? [])],
    pairedWith: pairs(links[index], sizes, sizes[index] ?? 0),
  }));
}

function noteLink(links: Map<number, Link> | undefined, above: number, from: string, to: string): void {
  const link = links?.get(above) ?? { count: 0, from: new Set<string>(), to: new Set<string>() };
  link.count++;
  link.from.add(from);
  link.to.add(to);
  links?.set(above, link);
}

function pairs(links: ReadonlyMap<number, Link> | undefined, sizes: readonly number[], size: number): Set<number> {
  const paired = [...(links ?? [])].filter(
    ([above, link]) =>
      size > 1 && [sizes[above], link.count, link.from.size, link.to.size].every((count) => count === size),
  );
  return new Set(paired.map(([above]) => above));
}

/** Boxes that lie on cycles, or between two of them. */
function boxesOnCycles(boxes: readonly Box[]): Set<number> {
  const left = new Set(boxes.keys());
  for (const [inward, outward] of [
    ['parents', 'children'],
    ['children', 'parents'],
  ] as const) {
    const open = boxes.map((box) => box[inward].filter((other) => left.has(other)).length);
    const ready = [...left].filter((index) => open[index] === 0);
    for (let index = ready.pop(); index !== undefined; index = ready.pop()) {
      left.delete(index);
      for (const next of boxes[index]?.[outward] ?? []) {
        open[next] = (open[next] ?? 0) - 1;
        if (open[next] === 0 && left.has(next)) ready.push(next);
      }
    }
  }
  return left;
}
