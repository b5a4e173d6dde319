// Cycles in a graph given as adjacency lists: one for every group of stages that need each other.

/** Each cycle is a list of nodes in which every node has an edge to the next, and the last one to the first. No recursion. */
export function findCycles(edges: readonly (readonly number[])[]): number[][] {
  return stronglyConnected(edges)
    .filter((members) => members.length > 1 || edges[members[0]!]!.includes(members[0]!))
    .map((members) => shortestCycle(edges, members));
}

/** Tarjan's algorithm (SIAM J. Comput. 1, 1972) with an explicit stack. */
function stronglyConnected(edges: readonly (readonly number[])[]): number[][] {
  const count = edges.length;
  const seen = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const onStack = new Uint8Array(count);
  const next = new Int32Array(count);
  const stack: number[] = [];
  const components: number[][] = [];
  let clock = 0;
  const enter = (node: number): void => {
    seen[node] = low[node] = clock++;
    stack.push(node);
    onStack[node] = 1;
  };
  for (let root = 0; root < count; root++) {
    if (seen[root] !== -1) continue;
    const path = [root];
    enter(root);
    while (path.length > 0) {
      const node = path[path.length - 1]!;
      const target = edges[node]![next[node]!++];
      if (target !== undefined) {
        if (seen[target] === -1) {
          path.push(target);
          enter(target);
        } else if (onStack[target] === 1) low[node] = Math.min(low[node]!, seen[target]!);
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
      if (low[node] === seen[node]) components.push(popComponent(stack, onStack, node));
    }
  }
  return components;
}

function popComponent(stack: number[], onStack: Uint8Array, root: number): number[] {
  const members: number[] = [];
  for (;;) {
    const member = stack.pop()!;
    onStack[member] = 0;
    members.push(member);
    if (member === root) return members;
  }
}

/** Breadth first from the smallest member back to itself, inside the component. */
function shortestCycle(edges: readonly (readonly number[])[], members: readonly number[]): number[] {
  const inside = new Set(members);
  const start = Math.min(...members);
  const cameFrom = new Map<number, number>();
  const queue = [start];
  for (const node of queue) {
    for (const target of edges[node]!) {
      if (target === start) return trace(cameFrom, start, node);
      if (!inside.has(target) || cameFrom.has(target)) continue;
      cameFrom.set(target, node);
      queue.push(target);
    }
  }
  throw new Error('a strongly connected component without a cycle');
}

function trace(cameFrom: ReadonlyMap<number, number>, start: number, end: number): number[] {
  const cycle = [end];
  for (let node = end; node !== start;) {
    node = cameFrom.get(node)!;
    cycle.unshift(node);
  }
  return cycle;
}
