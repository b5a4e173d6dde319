// Parameter files: YAML, JSON or TOML text to a Value in which 1, 1.0, true and "1" stay four different things.

import { TomlDate, TomlError, parse as parseToml } from 'smol-toml';
import type { TomlTable } from 'smol-toml';
import type { Fault } from '../core/failure.ts';
import { err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Value } from '../core/value.ts';
import { lineTable } from './faults.ts';
import { readYaml, valueOf } from './yaml.ts';

type Format = 'yaml' | 'json' | 'toml';
const formats: ReadonlyMap<string, Format> = new Map([
  ['yaml', 'yaml'],
  ['yml', 'yaml'],
  ['json', 'json'],
  ['toml', 'toml'],
]);
const maxDepth = 100;

/** What is wrong with this name for a parameter file, or undefined where its format is known. */
export function refuseParamFile(file: string): { readonly message: string; readonly hint: string } | undefined {
  const extension = extensionOf(file);
  if (formats.has(extension)) return undefined;
  if (extension === 'py') {
    const hint = 'move the values to a .yaml, .json or .toml file, which the Python code can read too';
    return { message: `"${file}" is a Python file; parameters are not read from code`, hint };
  }
  return { message: `"${file}" is not a parameter file`, hint: 'its name must end in .yaml, .yml, .json or .toml' };
}

/** Parses a parameter file by its extension. An empty file is an empty map. Of several faults, the first is given. */
export function parseValues(file: string, text: string): Result<Value, Fault> {
  const refused = refuseParamFile(file);
  if (refused !== undefined) return err({ at: { file, line: 1, column: 1 }, ...refused });
  const format = formats.get(extensionOf(file))!;
  return format === 'toml' ? fromToml(file, text) : fromYaml(file, text, format);
}

function extensionOf(file: string): string {
  return /\.([^./\\]+)$/.exec(file)?.[1]?.toLowerCase() ?? '';
}

function fromYaml(file: string, text: string, format: 'yaml' | 'json'): Result<Value, Fault> {
  const { root, problems } = readYaml(text, format === 'json' ? 'json' : 'core');
  const first = problems.toSorted((a, b) => a.at.start - b.at.start)[0];
  if (first === undefined) return ok(root === undefined ? {} : (valueOf(root) ?? {}));
  const [line, column] = lineTable(text)(first.at.start);
  const { message, hint } = first;
  return err({ at: { file, line, column }, message, ...(hint === undefined ? {} : { hint }) });
}

function fromToml(file: string, text: string): Result<Value, Fault> {
  let table: TomlTable;
  try {
    table = parseToml(text, { integersAsBigInt: true, maxDepth });
  } catch (error) {
    const { line, column } = error instanceof TomlError ? error : { line: 1, column: 1 };
    return err({ at: { file, line, column }, message: messageOf(error).split('\n', 1)[0]! });
  }
  const value = tomlValue(table, 0);
  if (value !== undefined) return ok(value);
  return err({ at: { file, line: 1, column: 1 }, message: `nested more than ${maxDepth} levels deep` });
}

/** Undefined where it is nested too deeply. A date becomes its text. */
function tomlValue(source: unknown, depth: number): Value | undefined {
  if (depth > maxDepth) return undefined;
  if (source instanceof TomlDate) return source.toISOString();
  if (Array.isArray(source)) {
    const items = source.map((item) => tomlValue(item, depth + 1));
    return items.includes(undefined) ? undefined : (items as Value[]);
  }
  if (typeof source !== 'object' || source === null) return source as Value;
  const fields = Object.create(null) as Record<string, Value>;
  for (const [key, item] of Object.entries(source)) {
    const value = tomlValue(item, depth + 1);
    if (value === undefined) return undefined;
    fields[key] = value;
  }
  return fields;
}
