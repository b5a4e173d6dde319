// Loads the variables of a pipeline: params.yaml by itself, then what `vars:` names, for the whole file or for one stage.
// Follows DVC: later variables may extend maps of earlier ones but never change a value, and `vars:` itself takes no templates.

import { placePath } from '../core/path.ts';
import type { RepoPath } from '../core/path.ts';
import { isObject } from '../core/value.ts';
import type { ValueObject } from '../core/value.ts';
import type { FaultList } from './faults.ts';
import { didYouMean } from './hint.ts';
import { clashes, Scope } from './scope.ts';
import type { Layer } from './scope.ts';
import { parseTemplate } from './template.ts';
import { parseValues, refuseParamFile } from './values.ts';
import { describe } from './wording.ts';
import { valueOf } from './yaml.ts';
import type { MapNode, Node, ScalarNode, Span } from './yaml.ts';

export interface VariablesOptions {
  readonly faults: FaultList;
  /** The folder of the pipeline file. */
  readonly base: RepoPath;
  readonly readSource: (path: string) => string | undefined;
}

/** Keys taken of a file so far; null: all of it. */
type Imports = Map<string, readonly string[] | null>;

export class Variables {
  /** Files whose content shaped the pipeline, or would if they were there. */
  readonly used = new Set<string>();
  readonly #options: VariablesOptions;
  readonly #files = new Map<string, ValueObject | undefined>();
  #imports: Imports = new Map();
  #defaults: readonly Layer[] | undefined;

  constructor(options: VariablesOptions) {
    this.#options = options;
  }

  /** The scope of the whole file. `vars` is undefined where there is none. */
  forPipeline(vars: Node | undefined): Scope {
    const defaults = new Scope(() => this.#loadDefaults());
    if (vars?.kind !== 'list' || vars.items.length === 0) return defaults;
    const loading = new Loading(this, defaults, {
      wdir: this.#options.base,
      origin: 'vars',
      imports: this.importsOf(defaults),
    });
    for (const [index, item] of vars.items.entries()) loading.add(item, index);
    this.#imports = loading.imports;
    return loading.scope;
  }

  /** `scope` and the variables that one stage adds. */
  forStage(scope: Scope, vars: Node | undefined, stage: { readonly name: string; readonly wdir: RepoPath }): Scope {
    if (vars?.kind !== 'list' || vars.items.length === 0) return scope;
    const imports = new Map(this.importsOf(scope));
    const loading = new Loading(this, scope, { wdir: stage.wdir, origin: `${stage.name}.vars`, imports });
    for (const [index, item] of vars.items.entries()) loading.add(item, index);
    return loading.scope;
  }

  get faults(): FaultList {
    return this.#options.faults;
  }

  importsOf(scope: Scope): Imports {
    // Looking at the layers loads params.yaml, which then counts as imported.
    return scope.layers.length === 0 ? this.#imports : new Map(this.#imports);
  }

  #loadDefaults(): readonly Layer[] {
    if (this.#defaults !== undefined) return this.#defaults;
    const path = this.#options.base === '' ? 'params.yaml' : `${this.#options.base}/params.yaml`;
    // Also where it gives none of the variables: maps of several files are merged, so it may have a say as soon as it changes.
    this.used.add(path);
    const text = this.#options.readSource(path);
    const values = text === undefined ? undefined : this.#parse(path, text);
    if (text !== undefined) this.#imports.set(path, null);
    return (this.#defaults = values === undefined ? [] : [{ origin: path, values }]);
  }

  /** The variables of a file; undefined where they cannot be had, which has been reported then. */
  load(path: string, at: Span): ValueObject | undefined {
    if (this.#files.has(path)) return this.#files.get(path);
    const refused = refuseParamFile(path);
    const text = refused === undefined ? this.#options.readSource(path) : undefined;
    if (refused !== undefined) this.faults.add(at, refused.message, { hint: refused.hint });
    else if (text === undefined)
      this.faults.add(at, `the variables file "${path}" does not exist`, {
        hint: 'a path in "vars" is relative to the folder of the pipeline file, or to the wdir of the stage',
      });
    const values = text === undefined ? undefined : this.#parse(path, text);
    this.#files.set(path, values);
    return values;
  }

  #parse(path: string, text: string): ValueObject | undefined {
    const parsed = parseValues(path, text);
    if (parsed.ok && isObject(parsed.value)) return parsed.value;
    const fault = parsed.ok
      ? { at: { file: path, line: 1, column: 1 }, message: 'a file of variables must hold a map' }
      : parsed.error;
    this.faults.addForeign(fault);
    return undefined;
  }
}

interface LoadingOptions {
  readonly wdir: RepoPath;
  readonly origin: string;
  readonly imports: Imports;
}

/** Goes through one `vars:` list. */
class Loading {
  scope: Scope;
  readonly imports: Imports;
  readonly #variables: Variables;
  readonly #options: LoadingOptions;

  constructor(variables: Variables, scope: Scope, options: LoadingOptions) {
    this.#variables = variables;
    this.scope = scope;
    this.imports = options.imports;
    this.#options = options;
  }

  add(item: Node, index: number): void {
    const origin = `${this.#options.origin}[${index}]`;
    if (item.kind === 'map') this.#addMap(item, origin);
    else if (item.kind === 'scalar' && typeof item.value === 'string') this.#addFile(item, item.value);
    else
      this.#variables.faults.add(
        item,
        `${origin}: expected a map of variables, or the name of a file, got ${describe(item)}`,
        { derived: true },
      );
  }

  #addMap(item: MapNode, origin: string): void {
    this.#refuseTemplates(item, origin);
    const values = valueOf(item);
    if (isObject(values)) this.#push({ origin, values }, item);
  }

  #refuseTemplates(node: Node, origin: string): void {
    if (node.kind === 'list') for (const item of node.items) this.#refuseTemplates(item, origin);
    if (node.kind === 'map') for (const entry of node.entries.values()) this.#refuseTemplates(entry.value, origin);
    if (node.kind !== 'scalar' || typeof node.value !== 'string') return;
    const templated = parseTemplate(node.value).some((segment) => typeof segment !== 'string');
    if (templated)
      this.#variables.faults.add(node, `${origin}: variables cannot be made of other variables`, {
        hint: 'write the value itself',
      });
  }

  #addFile(item: ScalarNode, text: string): void {
    this.#refuseTemplates(item, this.#options.origin);
    const colon = text.indexOf(':');
    const file = colon < 0 ? text : text.slice(0, colon);
    const keys =
      colon < 0
        ? null
        : text
            .slice(colon + 1)
            .split(',')
            .map((key) => key.trim())
            .filter((key) => key !== '');
    const placed = placePath(file, this.#options.wdir);
    if (!placed.ok) {
      this.#variables.faults.add(item, `vars: ${placed.error}`);
      return;
    }
    const { path } = placed.value;
    if (this.imports.get(path) === null && keys === null) return;
    if (this.#alreadyLoaded(item, path, keys)) return;
    const values = this.#variables.load(path, item);
    if (values === undefined) return;
    this.#variables.used.add(path);
    this.imports.set(path, keys === null ? null : [...(this.imports.get(path) ?? []), ...keys]);
    this.#push({ origin: text, values: keys === null ? values : this.#pick(values, keys, item, path) }, item);
  }

  #alreadyLoaded(item: ScalarNode, path: string, keys: readonly string[] | null): boolean {
    const loaded = this.imports.get(path);
    if (loaded === undefined) return false;
    const again = loaded === null || keys === null ? undefined : keys.find((key) => loaded.includes(key));
    if (loaded !== null && keys !== null && again === undefined) return false;
    const message = loaded === null ? `"${path}" is loaded already, all of it` : `"${path}" is loaded already, in part`;
    this.#variables.faults.add(item, message, { hint: 'remove this entry, or join the two' });
    return true;
  }

  #pick(values: ValueObject, keys: readonly string[], at: Span, path: string): ValueObject {
    const picked = Object.create(null) as Record<string, ValueObject[string]>;
    for (const key of keys) {
      const value = Object.hasOwn(values, key) ? values[key] : undefined;
      if (value !== undefined) picked[key] = value;
      else
        this.#variables.faults.add(at, `"${path}" has no key "${key}"`, {
          hint: () => didYouMean(key, Object.keys(values)),
        });
    }
    return picked;
  }

  #push(layer: Layer, at: Node): void {
    for (const earlier of this.scope.layers) {
      for (const path of clashes(earlier.values, layer.values)) {
        const message = `"${path.join('.')}" is set in ${layer.origin}, but ${earlier.origin} sets it already`;
        this.#variables.faults.add(spanAt(at, path), message, {
          hint: 'a variable can be set once; rename one of the two',
        });
      }
    }
    this.scope = this.scope.withLayers([layer]);
  }
}

/** The key at the end of a path, where the node is written out here; otherwise the node. */
function spanAt(node: Node, path: readonly string[]): Span {
  let at: Span = node;
  let current: Node = node;
  for (const name of path) {
    const entry = current.kind === 'map' ? current.entries.get(name) : undefined;
    if (entry === undefined) return at;
    at = entry.at;
    current = entry.value;
  }
  return at;
}
