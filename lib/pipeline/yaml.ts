// YAML text to a tree in which every value and every key knows where it stands. Knows nothing of pipelines or parameters.
//
// Hostile text must fail quickly. The parser proper is iterative, but composing its tokens recurses, and running out of stack
// there can abort the process (no exception): so the nesting of the tokens is measured first. Aliases share their target in
// the tree; how large and how deep the tree would be without sharing is counted, and limited, here.

import { Composer, Parser, isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { CST, Document, ParsedNode, YAMLMap } from 'yaml';
import { messageOf } from '../core/result.ts';
import { isList, isObject } from '../core/value.ts';
import type { Value } from '../core/value.ts';

/** Character offsets in the text; `end` is not included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Scalar = null | boolean | bigint | number | string;

interface Measured extends Span {
  /** Values in it, itself included, with every alias written out; long text counts for more. */
  readonly weight: number;
  readonly depth: number;
}
export interface ScalarNode extends Measured {
  readonly kind: 'scalar';
  readonly value: Scalar;
}
export interface ListNode extends Measured {
  readonly kind: 'list';
  readonly items: readonly Node[];
}
export interface MapNode extends Measured {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
}
/** One value of the tree. Where it is used through an alias, its place is that of the anchor. */
export type Node = ScalarNode | ListNode | MapNode;

export interface Entry {
  readonly key: string;
  /** Where the key stands. */
  readonly at: Span;
  readonly value: Node;
  /** `own`: written right here; `alias`: the value is an alias; `merge`: it came through `<<`. */
  readonly origin: 'own' | 'alias' | 'merge';
}

export interface Problem {
  readonly at: Span;
  readonly message: string;
  readonly hint?: string | undefined;
}

export interface Tree {
  /** Undefined where the text is empty (or only comments), or where it cannot be used at all. */
  readonly root: Node | undefined;
  readonly problems: readonly Problem[];
  /** False where what was read is not what was meant: looking further into it would only confuse. */
  readonly usable: boolean;
}

const maxDepth = 100;
/** Values that aliases may add to a document. */
const maxAliased = 1_000_000;

/** Reads one document: YAML 1.2 core schema, or JSON (every JSON text is YAML; plain words are then refused). */
export function readYaml(text: string, schema: 'core' | 'json' = 'core'): Tree {
  const tokens = [...new Parser().parse(text)];
  const deep = tokens.find((token) => depthOf(token) > maxDepth);
  if (deep !== undefined) return unusable(deep.offset, `nested more than ${maxDepth} levels deep`);
  let documents: Document.Parsed[];
  try {
    documents = compose(tokens, text.length, schema);
  } catch (error) {
    return unusable(0, `cannot be read as YAML: ${messageOf(error)}`);
  }
  const [document, second] = documents;
  if (document === undefined) return { root: undefined, problems: [], usable: true };
  const problems = syntaxProblems(document, text, schema);
  const conflict = problems.length > 0 ? findConflict(text) : undefined;
  if (conflict !== undefined) return { root: undefined, problems: [conflict], usable: false };
  if (second !== undefined) {
    problems.push({
      at: spanOf(second.range),
      message: 'a second YAML document starts here',
      hint: 'keep one document in a file; remove the line "---"',
    });
  }
  if (problems.length > 0) return { root: undefined, problems, usable: false };
  return new TreeBuilder(document).build();
}

function compose(tokens: CST.Token[], length: number, schema: 'core' | 'json'): Document.Parsed[] {
  // `uniqueKeys` compares every key with every other one; the tree builder finds duplicates in linear time.
  const composer = new Composer({
    schema,
    version: '1.2',
    intAsBigInt: true,
    uniqueKeys: false,
    prettyErrors: false,
    resolveKnownTags: false,
  });
  return [...composer.compose(tokens, true, length)];
}

function unusable(start: number, message: string): Tree {
  return { root: undefined, problems: [{ at: { start, end: start }, message }], usable: false };
}

function depthOf(token: CST.Token): number {
  let deepest = 0;
  const open: [CST.Token, number][] = [[token, 0]];
  for (let top = open.pop(); top !== undefined; top = open.pop()) {
    const [current, depth] = top;
    if (depth > deepest) deepest = depth;
    if (current.type === 'document' && current.value) open.push([current.value, depth + 1]);
    if (!('items' in current)) continue;
    for (const item of current.items) {
      if (item.key) open.push([item.key, depth + 1]);
      if (item.value) open.push([item.value, depth + 1]);
    }
  }
  return deepest;
}

function syntaxProblems(document: Document.Parsed, text: string, schema: 'core' | 'json'): Problem[] {
  const found = [...document.errors, ...document.warnings]
    // The limit on the length of a key is one of YAML, not of JSON.
    .filter((error) => schema === 'core' || error.code !== 'KEY_OVER_1024_CHARS');
  return found.map((error) => {
    const [start, end] = error.pos;
    return { at: { start, end }, message: wordsOf(error.message), hint: syntaxHint(error.code, text, start) };
  });
}

/** Where git left the two sides of a merge: what YAML has to say of such a text helps nobody. */
function findConflict(text: string): Problem | undefined {
  const marker = /^[<=>]{7}(?=[ \r\n]|$)/m.exec(text);
  if (marker === null) return undefined;
  return {
    at: { start: marker.index, end: marker.index + 7 },
    message: 'an unresolved git merge conflict',
    hint: 'edit the file to what both sides should become, and remove the lines <<<<<<<, ======= and >>>>>>>',
  };
}

function syntaxHint(code: string, text: string, offset: number): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'TAG_RESOLVE_FAILED') return 'only the tags of the YAML core schema can be used';
  const before = text.slice(Math.max(0, offset - 200), offset);
  const line = before.slice(before.lastIndexOf('\n') + 1) + text.slice(offset, offset + 200).split('\n', 1)[0]!;
  return /[[{,].*\$\{/.test(line) ? 'inside [ ] and { }, quote a template: "${name}"' : undefined;
}

/** The parser's message as a part of ours. It says `Missing closing "quote`. */
function wordsOf(message: string): string {
  const text = message.replace(/closing (["'])quote$/, 'closing $1');
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function spanOf(range: readonly number[] | null | undefined): Span {
  return { start: range?.[0] ?? 0, end: range?.[1] ?? range?.[0] ?? 0 };
}

/** Turns a composed document into the tree: resolves aliases and merge keys, checks that keys are unique text. */
class TreeBuilder {
  readonly #document: Document.Parsed;
  readonly #problems: Problem[] = [];
  /** The node of each anchor seen so far; null while it is still being built. */
  readonly #anchors = new Map<string, Node | null>();
  #aliased = 0;
  #usable = true;

  constructor(document: Document.Parsed) {
    this.#document = document;
  }

  build(): Tree {
    const contents = this.#document.contents;
    const empty =
      contents === null || (isScalar(contents) && contents.value === null && contents.range[0] === contents.range[1]);
    const root = empty ? undefined : this.#node(contents);
    return { root: this.#usable ? root : undefined, problems: this.#problems, usable: this.#usable };
  }

  #node(node: ParsedNode): Node {
    if (isAlias(node)) return this.#alias(node.source, spanOf(node.range));
    const anchor = node.anchor;
    if (anchor === undefined) return this.#plain(node);
    this.#anchors.set(anchor, null);
    const built = this.#plain(node);
    this.#anchors.set(anchor, built);
    return built;
  }

  #plain(node: Exclude<ParsedNode, { source: string; value?: undefined }>): Node {
    const span = spanOf(node.range);
    if (isMap(node)) return this.#map(node, span);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#node(item));
      return { kind: 'list', items, ...span, ...this.#measure(items, span) };
    }
    return scalarNode(node.value as Scalar, span);
  }

  #alias(name: string, at: Span): Node {
    const target = this.#anchors.get(name);
    if (target === undefined || target === null) {
      const message =
        target === null
          ? `the alias *${name} lies inside its own anchor`
          : `no anchor &${name} stands before the alias *${name}`;
      this.#problems.push({ at, message });
      return scalarNode(null, at);
    }
    this.#aliased += target.weight;
    if (this.#aliased <= maxAliased) return target;
    this.#giveUp(at, `the aliases of this document expand to more than ${maxAliased} values`);
    return scalarNode(null, at);
  }

  #giveUp(at: Span, message: string): void {
    if (this.#usable) this.#problems.push({ at, message });
    this.#usable = false;
  }

  #map(node: YAMLMap.Parsed, span: Span): MapNode {
    const entries = new Map<string, Entry>();
    const merged: Node[] = [];
    for (const pair of node.items) {
      const { key, value } = pair;
      if (isScalar(key) && key.value === '<<' && key.type === 'PLAIN') {
        if (value !== null) merged.push(...this.#mergeSources(value));
        continue;
      }
      const entry = this.#entry(key, value);
      if (entry === undefined) continue;
      if (entries.has(entry.key)) this.#duplicate(entry);
      else entries.set(entry.key, entry);
    }
    for (const source of merged) mergeInto(entries, source);
    const values = [...entries.values()].map((entry) => entry.value);
    return { kind: 'map', entries, ...span, ...this.#measure(values, span) };
  }

  #duplicate(entry: Entry): void {
    this.#problems.push({
      at: entry.at,
      message: `duplicate key ${JSON.stringify(entry.key)}`,
      hint: 'remove one of the two, or rename it',
    });
  }

  #entry(key: ParsedNode, value: ParsedNode | null): Entry | undefined {
    const at = spanOf(key.range);
    const name = this.#node(key);
    const built = value === null ? scalarNode(null, { start: at.end, end: at.end }) : this.#node(value);
    if (name.kind !== 'scalar') {
      this.#problems.push({
        at,
        message: 'a key must be text, not a list or a map',
        hint: 'quote it if it is meant as text',
      });
      return undefined;
    }
    return { key: keyText(name.value), at, value: built, origin: isAlias(value) ? 'alias' : 'own' };
  }

  #mergeSources(value: ParsedNode): readonly Node[] {
    const source = this.#node(value);
    const sources = source.kind === 'list' ? source.items : [source];
    if (sources.every((item) => item.kind === 'map')) return sources;
    this.#problems.push({
      at: spanOf(value.range),
      message: '"<<" merges maps: it needs an alias of a map, or a list of such aliases',
    });
    return [];
  }

  #measure(children: readonly Node[], at: Span): { weight: number; depth: number } {
    let weight = 1;
    let depth = 0;
    for (const child of children) {
      weight += child.weight;
      if (child.depth > depth) depth = child.depth;
    }
    if (depth >= maxDepth) this.#giveUp(at, `nested more than ${maxDepth} levels deep`);
    return { weight, depth: depth + 1 };
  }
}

function mergeInto(entries: Map<string, Entry>, source: Node): void {
  if (source.kind !== 'map') return;
  for (const [key, entry] of source.entries) {
    if (!entries.has(key)) entries.set(key, { ...entry, origin: 'merge' });
  }
}

function scalarNode(value: Scalar, span: Span): ScalarNode {
  const weight = typeof value === 'string' ? 1 + (value.length >> 6) : 1;
  return { kind: 'scalar', value, start: span.start, end: span.end, weight, depth: 0 };
}

function keyText(value: Scalar): string {
  if (typeof value === 'number' && Number.isInteger(value)) return value.toFixed(1);
  return String(value);
}

/** The tree without its places. Shared parts stay shared. */
export function valueOf(node: Node): Value {
  // Without a prototype, so that any key is safe.
  return strip(node, { integer: (value) => value, map: () => Object.create(null) as Fields, seen: new Map() });
}

/** The tree as plain JSON, integers as numbers: what the JSON Schema validator reads. It compares ordinary objects only. */
export function jsonOf(node: Node): unknown {
  return strip(node, { integer: Number, map: () => ({}), seen: new Map() });
}

/** The tree of a value that has no text, all of it at one place. */
export function nodeOf(value: Value): Node {
  const at = { start: 0, end: 0, weight: 1, depth: 0 };
  if (isList(value)) return { kind: 'list', items: value.map(nodeOf), ...at };
  if (!isObject(value)) return { kind: 'scalar', value, ...at };
  const entries = Object.entries(value).map(
    ([key, inner]) => [key, { key, at, value: nodeOf(inner), origin: 'own' }] as const,
  );
  return { kind: 'map', entries: new Map(entries), ...at };
}

type Fields = Record<string, Value>;

interface Stripping {
  readonly integer: (value: bigint) => Value;
  /** An empty one. */
  readonly map: () => Fields;
  readonly seen: Map<Node, Value>;
}

function strip(node: Node, how: Stripping): Value {
  if (node.kind === 'scalar') return typeof node.value === 'bigint' ? how.integer(node.value) : node.value;
  const known = how.seen.get(node);
  if (known !== undefined) return known;
  const stripped =
    node.kind === 'list' ? node.items.map((item) => strip(item, how)) : stripMap(node.entries, how.map(), how);
  how.seen.set(node, stripped);
  return stripped;
}

function stripMap(entries: MapNode['entries'], fields: Fields, how: Stripping): Value {
  for (const [key, { value }] of entries) {
    const stripped = strip(value, how);
    // Assigned, it would be the prototype of an ordinary object.
    if (key === '__proto__') Object.defineProperty(fields, key, { value: stripped, enumerable: true });
    else fields[key] = stripped;
  }
  return fields;
}
