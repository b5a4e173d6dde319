// From the `stages:` map to one draft for every stage: foreach and matrix are unrolled here, and the names are made.

import { isList, isObject } from '../core/value.ts';
import type { Value, ValueObject } from '../core/value.ts';
import { Reader, describeValue } from './reader.ts';
import type { ReaderShared } from './reader.ts';
import type { Scope } from './scope.ts';
import { scalarText } from './template.ts';
import type { Entry, MapNode, Node, Span } from './yaml.ts';

/** A stage that has a name but is not read yet. */
export interface Draft {
  readonly name: string;
  readonly group: string;
  /** Where its name stands. */
  readonly at: Span;
  readonly body: MapNode;
  readonly scope: Scope;
}

/** One item of a foreach or matrix: what its name is made of, and what templates see. */
interface Item {
  readonly label: string;
  readonly values: ValueObject;
}

const maxStages = 100_000;
/** A stage has a folder for its logs, and file systems allow no more in a name. */
const maxNameBytes = 240;

export class Expansion {
  readonly #shared: ReaderShared;
  readonly #scope: Scope;
  #count = 0;

  constructor(shared: ReaderShared, scope: Scope) {
    this.#shared = shared;
    this.#scope = scope;
  }

  /** Every stage, in the order of the file. What cannot be expanded is reported and left out. */
  expand(stages: MapNode): readonly Draft[] {
    return [...stages.entries.values()].flatMap((entry) => this.#expandEntry(entry));
  }

  #expandEntry({ key, at, value }: Entry): readonly Draft[] {
    if (value.kind !== 'map') return [];
    const foreach = value.entries.get('foreach');
    const body = foreach === undefined ? value : value.entries.get('do')?.value;
    if (body?.kind !== 'map') return [];
    const matrix = body.entries.get('matrix');
    if (foreach === undefined && matrix === undefined) {
      return this.#afford(1, at) ? [{ name: key, group: key, at, body, scope: this.#scope }] : [];
    }
    const reader = new Reader(this.#shared, this.#scope, key);
    const data = foreach ?? matrix!;
    const items =
      foreach === undefined ? this.#matrixItems(reader, data.value) : this.#foreachItems(reader, data.value);
    return this.#named(reader, { key, at, body, data: data.value }, items);
  }

  #afford(stages: number, at: Span): boolean {
    this.#count += stages;
    if (this.#count <= maxStages) return true;
    this.#shared.faults.add(at, `more than ${maxStages} stages`, { hint: 'split the pipeline into several files' });
    return false;
  }

  #foreachItems(reader: Reader, data: Node): readonly Item[] {
    const values = reader.value(data, 'foreach');
    if (values === undefined) return [];
    if (!isList(values) && !isObject(values)) {
      reader.fault(data, `foreach: expected a list or a map, got ${describeValue(values)}`, {
        derived: true,
      });
      return [];
    }
    if (!this.#afford(isList(values) ? values.length : Object.keys(values).length, data)) return [];
    if (!isList(values)) return Object.entries(values).map(([key, item]) => ({ label: key, values: { item, key } }));
    const numbered = values.some((item) => scalarText(item) === undefined);
    return values.map((item, index) => ({ label: numbered ? String(index) : nameText(item), values: { item } }));
  }

  #matrixItems(reader: Reader, data: Node): readonly Item[] {
    const dimensions: [string, readonly Value[]][] = [];
    for (const entry of reader.map(data, 'matrix')) {
      const values = reader.value(entry.value, `matrix.${entry.key}`);
      if (values === undefined) return [];
      if (!isList(values)) {
        reader.fault(entry.value, `matrix.${entry.key}: expected a list, got ${describeValue(values)}`, {
          derived: true,
        });
        return [];
      }
      dimensions.push([entry.key, values]);
    }
    if (dimensions.length === 0) return [];
    const count = dimensions.reduce((product, [, values]) => product * values.length, 1);
    return this.#afford(count, data) ? combine(dimensions) : [];
  }

  #named(
    reader: Reader,
    stage: { key: string; at: Span; body: MapNode; data: Node },
    items: readonly Item[],
  ): readonly Draft[] {
    const drafts = new Map<string, Draft>();
    for (const [index, item] of items.entries()) {
      const name = `${stage.key}@${safeName(item.label)}`;
      const at = stage.data.kind === 'list' ? (stage.data.items[index] ?? stage.data) : stage.data;
      const refused =
        item.label === ''
          ? 'an item without a name'
          : drafts.has(name)
            ? `two items give the stage name "${name}"`
            : tooLong(name);
      if (refused === undefined)
        drafts.set(name, {
          name,
          group: stage.key,
          at: stage.at,
          body: stage.body,
          scope: this.#scope.withItem(item.values),
        });
      else reader.fault(at, refused, { hint: 'name the items yourself: write foreach as a map of name to item' });
    }
    return [...drafts.values()];
  }
}

function tooLong(name: string): string | undefined {
  if (name.length * 3 <= maxNameBytes || new TextEncoder().encode(name).length <= maxNameBytes) return undefined;
  return `the stage name "${name.slice(0, 60)}…" is too long`;
}

/** Every combination, the last dimension changing fastest. */
function combine(dimensions: readonly (readonly [string, readonly Value[]])[]): readonly Item[] {
  let rows: { labels: readonly string[]; item: ValueObject }[] = [{ labels: [], item: {} }];
  for (const [name, values] of dimensions) {
    const choices = values.map((value, index) => ({
      value,
      label: scalarText(value) === undefined ? `${name}${index}` : nameText(value),
    }));
    rows = rows.flatMap((row) =>
      choices.map(({ value, label }) => ({ labels: [...row.labels, label], item: { ...row.item, [name]: value } })),
    );
  }
  return rows.map(({ labels, item }) => {
    const label = labels.join('-');
    return { label, values: { item, key: label } };
  });
}

function nameText(value: Value): string {
  return scalarText(value) ?? '';
}

/** Letters, digits and `_-.@=+,:` stay; the UTF-8 bytes of anything else are written as %XX, so that different names stay different. */
function safeName(label: string): string {
  if (/^[\w.@=+,:-]*$/.test(label)) return label;
  return label.replace(/[^\p{L}\p{M}\p{N}_.@=+,:-]+/gu, (odd) =>
    Array.from(new TextEncoder().encode(odd), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(
      '',
    ),
  );
}
