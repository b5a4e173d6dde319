// The variables that templates can use, and where they come from.
//
// A scope is a pile of layers whose maps are merged key by key. Layers never disagree: setting the same variable twice is a
// fault when they are loaded. The values of a foreach or matrix item lie over all layers.

import { isList, isObject } from '../core/value.ts';
import type { Value, ValueObject } from '../core/value.ts';
import { nearestName } from './hint.ts';

export interface Layer {
  /** What a message calls it: `params.yaml`, `vars[1]`. */
  readonly origin: string;
  readonly values: ValueObject;
}

export class Scope {
  readonly #load: () => readonly Layer[];
  readonly #item: ValueObject | undefined;
  #layers: readonly Layer[] | undefined;
  /** Merged maps by path: merging is the one look-up that is not cheap. */
  readonly #merged: Map<string, Value>;

  /** `load` is called at the first look-up: what it gives need not be read where no variable is used. */
  constructor(load: () => readonly Layer[], item?: ValueObject, merged?: Map<string, Value>) {
    this.#load = load;
    this.#item = item;
    this.#merged = merged ?? new Map<string, Value>();
  }

  get layers(): readonly Layer[] {
    return (this.#layers ??= this.#load());
  }

  /** The same variables, with `item` and perhaps `key` over them. */
  withItem(item: ValueObject): Scope {
    return new Scope(() => this.layers, item, this.#merged);
  }

  /** The same variables and more layers. */
  withLayers(added: readonly Layer[]): Scope {
    return new Scope(() => [...this.layers, ...added], this.#item);
  }

  /** Undefined where there is no such variable. */
  find(path: readonly string[]): Value | undefined {
    if (this.#item !== undefined && Object.hasOwn(this.#item, path[0]!)) return descend(this.#item, path);
    const found: Value[] = [];
    for (const layer of this.layers) {
      const value = descend(layer.values, path);
      if (value !== undefined) found.push(value);
    }
    return found.length < 2 ? found[0] : this.#merge(path, found);
  }

  #merge(path: readonly string[], found: readonly Value[]): Value {
    const id = JSON.stringify(path);
    const known = this.#merged.get(id);
    if (known !== undefined) return known;
    const merged = found.reduce(mergeValues);
    this.#merged.set(id, merged);
    return merged;
  }

  /** Says what of a path that find() did not find is missing, and what may have been meant. */
  explainMissing(path: readonly string[]): { readonly message: string; readonly hint: string | undefined } {
    let known = 0;
    while (known < path.length && this.find(path.slice(0, known + 1)) !== undefined) known++;
    const parent = path.slice(0, known);
    const name = path[known]!;
    const near = nearestName(name, this.#names(parent));
    const hint = near === undefined ? undefined : `did you mean "${[...parent, near].join('.')}"?`;
    if (known === 0) return { message: `there is no variable "${name}"`, hint };
    return { message: `"${parent.join('.')}" has no "${name}"`, hint };
  }

  #names(parent: readonly string[]): readonly string[] {
    if (parent.length === 0)
      return [...Object.keys(this.#item ?? {}), ...this.layers.flatMap((layer) => Object.keys(layer.values))];
    const value = this.find(parent);
    return isObject(value) ? Object.keys(value) : [];
  }
}

function descend(value: Value, path: readonly string[]): Value | undefined {
  let current: Value | undefined = value;
  for (const name of path) {
    if (isList(current)) current = /^\d{1,9}$/.test(name) ? current[Number(name)] : undefined;
    else current = isObject(current) && Object.hasOwn(current, name) ? current[name] : undefined;
    if (current === undefined) return undefined;
  }
  return current;
}

function mergeValues(a: Value, b: Value): Value {
  if (!isObject(a) || !isObject(b)) return a;
  const merged = Object.assign(Object.create(null), a) as Record<string, Value>;
  for (const [key, value] of Object.entries(b)) {
    merged[key] = Object.hasOwn(merged, key) ? mergeValues(merged[key]!, value) : value;
  }
  return merged;
}

/** Paths at which two sets of variables disagree about who sets a variable: both do, and they are not both maps. */
export function clashes(a: ValueObject, b: ValueObject, prefix: readonly string[] = []): string[][] {
  return Object.keys(b).flatMap((key) => {
    if (!Object.hasOwn(a, key)) return [];
    const [left, right] = [a[key], b[key]];
    const path = [...prefix, key];
    return isObject(left) && isObject(right) ? clashes(left, right, path) : [path];
  });
}
