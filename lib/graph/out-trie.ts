// All outs of a pipeline, by path segment: finds what lies at, above or below a path without comparing every pair.

interface TrieNode {
  readonly children: Map<string, TrieNode>;
  /** The stage whose out is exactly here. */
  stage: number | undefined;
}

export interface PlacedOut {
  readonly path: string;
  readonly stage: number;
}

function emptyNode(): TrieNode {
  return { children: new Map(), stage: undefined };
}

export class OutTrie {
  readonly #root = emptyNode();
  readonly #outs: PlacedOut[] = [];

  /** Adds an out; returns the out that is already at, above or below this path, and then adds nothing. */
  insert(path: string, stage: number): PlacedOut | undefined {
    let node = this.#root;
    const segments = path.split('/');
    for (const [depth, segment] of segments.entries()) {
      if (node.stage !== undefined) return { path: segments.slice(0, depth).join('/'), stage: node.stage };
      let child = node.children.get(segment);
      if (child === undefined) {
        child = emptyNode();
        node.children.set(segment, child);
      }
      node = child;
    }
    if (node.stage !== undefined) return { path, stage: node.stage };
    const below = firstBelow(node, path);
    if (below !== undefined) return below;
    node.stage = stage;
    this.#outs.push({ path, stage });
    return undefined;
  }

  /** The stages whose outs are this path, contain it, or lie inside it. The empty path is the whole workspace. */
  *touching(path: string): Generator<number> {
    let node: TrieNode | undefined = this.#root;
    if (path !== '') {
      for (const segment of path.split('/')) {
        node = node.children.get(segment);
        if (node === undefined) return;
        if (node.stage !== undefined) {
          yield node.stage;
          return;
        }
      }
    }
    yield* below(node);
  }

  *where(matches: (path: string) => boolean): Generator<number> {
    for (const out of this.#outs) if (matches(out.path)) yield out.stage;
  }
}

function* below(node: TrieNode): Generator<number> {
  if (node.stage !== undefined) yield node.stage;
  for (const child of node.children.values()) yield* below(child);
}

function firstBelow(node: TrieNode, path: string): PlacedOut | undefined {
  for (const [segment, child] of node.children) {
    const childPath = `${path}/${segment}`;
    if (child.stage !== undefined) return { path: childPath, stage: child.stage };
    const deeper = firstBelow(child, childPath);
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}
