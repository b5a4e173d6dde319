// Where in the text of a YAML file a value stands, for messages. Knows nothing of what the file means; needed only once there is a fault.

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, Pair } from 'yaml';
import type { Locate, Path } from './faults.ts';

/**
 * Finds places in a YAML text. A path leads through aliases and merge keys (`<<`), as parsing does. The place is that of a plain value, of the key
 * of a map or a list, and of what is around it where the path goes on beyond the text (a default, say).
 */
export function locateIn(text: string): Locate {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'silent' });
  return (path) => {
    const offset = offsetOf(document, path);
    if (offset === undefined) return undefined;
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  };
}

function offsetOf(document: Document, path: Path): number | undefined {
  let node = resolve(document, document.contents);
  let offset = startOf(node);
  for (const step of path) {
    const found = stepInto(document, node, step);
    if (found === undefined) return offset;
    node = resolve(document, found.value);
    offset = (isScalar(node) ? startOf(found.value) : startOf(found.key)) ?? startOf(node) ?? offset;
  }
  return offset;
}

interface Step {
  readonly key: unknown;
  readonly value: unknown;
}

function stepInto(document: Document, node: unknown, step: string | number): Step | undefined {
  if (isSeq(node) && typeof step === 'number') {
    const value = node.items[step];
    return value === undefined ? undefined : { key: undefined, value };
  }
  if (!isMap(node)) return undefined;
  const own = node.items.find((pair) => keyOf(pair) === String(step));
  if (own !== undefined) return own;
  for (const pair of node.items.filter((item) => keyOf(item) === '<<')) {
    const merged = resolve(document, pair.value);
    for (const source of isSeq(merged) ? merged.items : [merged]) {
      const found = stepInto(document, resolve(document, source), step);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function keyOf({ key }: Pair): string {
  return String(isScalar(key) ? key.value : key);
}

function resolve(document: Document, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function startOf(node: unknown): number | undefined {
  return (node as Partial<Node> | null | undefined)?.range?.[0];
}
