// Reads values out of the tree: puts variables into templates, and insists on the kind of value that is wanted.
// What is wrong is added to the faults; the caller goes on with undefined. Knows nothing of stages.

import { isList, isObject } from '../core/value.ts';
import type { Value } from '../core/value.ts';
import type { FaultList, FaultOptions } from './faults.ts';
import type { Scope } from './scope.ts';
import { argumentsText, mayBeTemplate, parseTemplate, scalarText } from './template.ts';
import type { Expression, Segment } from './template.ts';
import { clip, describe } from './wording.ts';
import type { Entry, Node, Span } from './yaml.ts';

/** What all readers of one pipeline share. */
export interface ReaderShared {
  readonly faults: FaultList;
  /** The text that the tree was made of: to find where in it a template stands. */
  readonly source: string;
  readonly templates: Map<string, readonly Segment[]>;
  /** Characters that templates may still give: hostile files could make endless text of little. */
  budget: number;
}

export function newReaderShared(faults: FaultList, source: string): ReaderShared {
  return { faults, source, templates: new Map(), budget: 256 * 2 ** 20 };
}

/** `scalar`: lists and maps are refused; `command`: they become arguments; `any`: they pass. */
type Use = 'scalar' | 'command' | 'any';

/** Where a template stands, and what it is for. */
interface Usage {
  readonly at: Span;
  readonly field: string;
  readonly use: Use;
}

export class Reader {
  readonly scope: Scope;
  readonly shared: ReaderShared;
  /** The expanded stage, for messages. */
  readonly stage: string | undefined;

  constructor(shared: ReaderShared, scope: Scope, stage?: string) {
    this.shared = shared;
    this.scope = scope;
    this.stage = stage;
  }

  withScope(scope: Scope): Reader {
    return new Reader(this.shared, scope, this.stage);
  }

  fault(at: Span, message: string, options: FaultOptions = {}): void {
    this.shared.faults.add(at, message, { stage: this.stage, ...options });
  }

  text(node: Node, field: string, use: Use = 'scalar'): string | undefined {
    if (node.kind !== 'scalar' || typeof node.value !== 'string') {
      this.#wrong(node, field, 'text', node);
      return undefined;
    }
    return this.#asText(this.#resolve(node.value, node, field, use), node, field);
  }

  /** Text, or a number as text. */
  name(node: Node, field: string): string | undefined {
    if (node.kind !== 'scalar' || typeof node.value === 'string' || node.value === null) return this.text(node, field);
    return scalarText(node.value);
  }

  /** The key of an entry, which may be a template as well. */
  key(entry: Entry, field: string): string | undefined {
    return this.#asText(this.#resolve(entry.key, entry.at, field, 'scalar'), entry.at, field);
  }

  /** Null inside other text has a text; where it is all there is, something is missing. */
  #asText(value: Value | undefined, at: Span, field: string): string | undefined {
    if (value !== null) return value === undefined ? undefined : scalarText(value);
    this.fault(at, `${field}: expected text, got ${describeValue(value)}`);
    return undefined;
  }

  flag(node: Node, field: string): boolean | undefined {
    const value = this.scalar(node, field);
    if (typeof value === 'boolean' || value === undefined) return value;
    this.#wrong(node, field, 'true or false', value);
    return undefined;
  }

  /** A scalar, its template filled in. */
  scalar(node: Node, field: string): Value | undefined {
    if (node.kind !== 'scalar') {
      this.#wrong(node, field, 'a single value', node);
      return undefined;
    }
    return typeof node.value === 'string' ? this.#resolve(node.value, node, field, 'scalar') : node.value;
  }

  list(node: Node, field: string): readonly Node[] {
    if (node.kind === 'list') return node.items;
    this.#wrong(node, field, 'a list', node);
    return [];
  }

  map(node: Node, field: string): readonly Entry[] {
    if (node.kind === 'map') return [...node.entries.values()];
    this.#wrong(node, field, 'a map', node);
    return [];
  }

  /** A whole value with the templates in it filled in, also by lists and maps. */
  value(node: Node, field: string): Value | undefined {
    if (node.kind === 'scalar')
      return typeof node.value === 'string' ? this.#resolve(node.value, node, field, 'any') : node.value;
    if (node.kind === 'list') {
      const items = node.items.map((item) => this.value(item, field));
      return items.includes(undefined) ? undefined : (items as Value[]);
    }
    const fields = Object.create(null) as Record<string, Value>;
    for (const entry of node.entries.values()) {
      const key = this.key(entry, field);
      const value = this.value(entry.value, field);
      if (key !== undefined && value !== undefined) fields[key] = value;
    }
    return fields;
  }

  #wrong(at: Node, field: string, wanted: string, got: Node | Value): void {
    // What stands there without a template has been refused by the schema already.
    const words = got === at ? describe(at) : describeValue(got as Value);
    this.fault(at, `${field}: expected ${wanted}, got ${words}`, { derived: true });
  }

  #resolve(text: string, at: Span, field: string, use: Use): Value | undefined {
    if (!mayBeTemplate(text)) return text;
    const segments = this.#segments(text);
    if (segments.length === 1 && typeof segments[0] !== 'string') return this.#fill(segments, 0, { at, field, use });
    const inner = { at, field, use: use === 'any' ? 'scalar' : use } as const;
    let whole = '';
    let complete = true;
    for (const [index, segment] of segments.entries()) {
      const part = typeof segment === 'string' ? segment : this.#fill(segments, index, inner);
      const partText = part === undefined ? undefined : scalarText(part);
      if (partText === undefined) complete = false;
      else if (!this.#afford(partText.length, inner)) return undefined;
      else whole += partText;
    }
    return complete ? whole : undefined;
  }

  #segments(text: string): readonly Segment[] {
    const known = this.shared.templates.get(text);
    if (known !== undefined) return known;
    const segments = parseTemplate(text);
    this.shared.templates.set(text, segments);
    return segments;
  }

  #afford(length: number, { at, field }: Usage): boolean {
    this.shared.budget -= length;
    if (this.shared.budget >= 0) return true;
    this.shared.faults.add(at, `${field}: the templates of this file give too much text`);
    return false;
  }

  /** The value of the expression at `index`. */
  #fill(segments: readonly Segment[], index: number, usage: Usage): Value | undefined {
    const { raw, path } = segments[index] as Expression;
    const refuse = (message: string, hint?: string): Value | undefined => {
      this.fault(this.#spanOf(segments, index, usage.at), `${usage.field}: ${message}`, { hint });
      return undefined;
    };
    if (path === null) {
      refuse(`"${clip(raw)}" is not a variable`, syntaxHint);
      return;
    }
    const value = this.scope.find(path);
    if (value === undefined) {
      const missing = this.scope.explainMissing(path);
      refuse(`${missing.message} (in "${clip(raw)}")`, missing.hint ?? missingHint(path));
      return;
    }
    if (usage.use === 'any' || !(isList(value) || isObject(value))) return value;
    if (usage.use === 'scalar') {
      refuse(`"${clip(raw)}" is ${describeValue(value)}`, scalarHint);
      return;
    }
    const text = argumentsText(value);
    return text.ok ? text.value : refuse(`"${clip(raw)}": ${text.error}`);
  }

  /** Where an expression stands in the source. */
  #spanOf(segments: readonly Segment[], index: number, at: Span): Span {
    const written = this.shared.source.slice(at.start, at.end);
    let from = 0;
    for (const segment of segments.slice(0, index + 1)) {
      if (typeof segment === 'string') continue;
      const start = written.indexOf(segment.raw, from);
      if (start < 0) return at;
      from = segment === segments[index] ? start : start + segment.raw.length;
    }
    return { start: at.start + from, end: at.end };
  }
}

const syntaxHint = 'a variable is written ${name}, ${name.key} or ${name[0]}; for a literal "${" write \\${';
const scalarHint = 'lists and maps can be put into "cmd", "foreach" and "matrix" only; name one value in it';

function missingHint(path: readonly string[]): string | undefined {
  const first = path[0]!;
  if (path.length === 1 && /^[A-Z_][A-Z0-9_]*$/.test(first))
    return `for the shell variable write \\\${${first}} or $${first}`;
  if (first === 'item') return '"item" exists in the stages of a foreach or matrix only';
  if (first === 'key') return '"key" exists where foreach goes over a map, and in a matrix, only';
  return path.length > 1 ? undefined : 'set it in params.yaml, or below "vars"';
}

export function describeValue(value: Value): string {
  if (value === null) return 'nothing';
  if (typeof value === 'string') return value === '' ? 'empty text' : `text ${clip(JSON.stringify(value))}`;
  if (isList(value)) return 'a list';
  return isObject(value) ? 'a map' : (scalarText(value) ?? '');
}
