// A JSON Schema that a user wrote: from text to a validator, or what is wrong with it and where.

import type { Ajv2020 } from 'ajv/dist/2020.js';
import type { Fault } from '../core/failure.ts';
import { err, messageOf, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { explain } from './explain.ts';
import { FaultList } from './faults.ts';
import { didYouMean } from './hint.ts';
import { AjvValidator, newAjv } from './ajv-validator.ts';
import type { Validator } from './validator.ts';
import { describe, isSchema } from './wording.ts';
import type { Schema } from './wording.ts';
import { jsonOf, readYaml } from './yaml.ts';
import type { Entry, Node, Problem, Span } from './yaml.ts';

const draft = 'https://json-schema.org/draft/2020-12/schema';

/** Never throws. */
export function compileSchema(file: string, text: string): Result<Validator, readonly Fault[]> {
  const sound = compileSound(text);
  return sound === undefined ? compileWithPlaces(file, text) : ok(sound);
}

/** Places cost as much as all the rest, and a schema without faults needs none. */
function compileSound(text: string): Validator | undefined {
  try {
    const schema: unknown = JSON.parse(text);
    if (!isSchema(schema) || !isDraft(schema['$schema'] ?? draft)) return undefined;
    if (metaSchema().check(schema).length > 0) return undefined;
    const { validator, remarks } = compile(schema);
    return remarks.size === 0 ? validator : undefined;
  } catch {
    return undefined;
  }
}

function compileWithPlaces(file: string, text: string): Result<Validator, readonly Fault[]> {
  const faults = new FaultList(file, text);
  const add = (problems: readonly Problem[]): void => {
    for (const problem of problems) faults.addProblem(problem);
  };
  const { root, problems } = readYaml(text, 'json');
  add(problems);
  if (root === undefined || root.kind !== 'map') {
    const got = root === undefined ? 'nothing' : describe(root);
    if (!faults.any) faults.add(root ?? start, `a JSON Schema is a map; this is ${got}`);
    return err(faults.list());
  }
  if (!faults.any) add(checkDraft(root));
  if (!faults.any) add(checkMeta(root));
  if (faults.any) return err(faults.list());
  const schema = jsonOf(root) as Schema;
  const compiled = tryToCompile(schema, root);
  if (compiled.ok) return compiled;
  add(compiled.error);
  return err(faults.list());
}

const start: Span = { start: 0, end: 0 };

function checkDraft(root: Node): Problem[] {
  const named = entryOf(root, '$schema')?.value;
  if (named === undefined || (named.kind === 'scalar' && isDraft(named.value))) return [];
  return [{ at: named, message: '$schema: only JSON Schema draft 2020-12 can be used', hint: `write "${draft}"` }];
}

function isDraft(name: unknown): boolean {
  return typeof name === 'string' && name.replace(/#$/, '') === draft;
}

let meta: Validator | undefined;

function metaSchema(): Validator {
  if (meta !== undefined) return meta;
  const ajv = newAjv();
  return (meta = new AjvValidator(ajv.getSchema(draft)!.schema as Schema, ajv));
}

function checkMeta(root: Node): Problem[] {
  return explain(root, metaSchema());
}

/** The validator, and what ajv has against the schema. Throws what ajv throws. */
function compile(schema: Schema): { validator: Validator; ajv: Ajv2020; remarks: ReadonlySet<string> } {
  const remarks = new Set<string>();
  const note = (remark: unknown): void => void remarks.add(String(remark));
  const ajv = newAjv({ strictSchema: 'log', logger: { log: note, warn: note, error: note } });
  const id = schema['$id'];
  if (typeof id === 'string' && ajv.getSchema(id) !== undefined) throw new Error(`"$id" is that of JSON Schema itself`);
  return { validator: new AjvValidator(schema, ajv), ajv, remarks };
}

/** What only compiling finds: unknown keywords, references that lead nowhere, patterns that are none. */
function tryToCompile(schema: Schema, root: Node): Result<Validator, readonly Problem[]> {
  try {
    const { ajv, remarks, validator } = compile(schema);
    const problems = [...remarks].flatMap((remark) => explainRemark(remark, root, ajv));
    return problems.length === 0 ? ok(validator) : err(problems);
  } catch (error) {
    return err(explainError(messageOf(error), root));
  }
}

function explainRemark(remark: string, root: Node, ajv: Ajv2020): Problem[] {
  const keyword = /unknown keyword: "(.*)"$/s.exec(remark)?.[1];
  if (keyword === undefined) return [{ at: root, message: remark.replace(/^strict mode: /, '') }];
  const hint = didYouMean(keyword, Object.keys(ajv.RULES.keywords));
  const found = schemaEntries(root).filter((entry) => entry.key === keyword);
  return (found.length > 0 ? found : [{ at: root }]).map(({ at }) => ({
    at,
    message: `unknown keyword "${keyword}"`,
    hint,
  }));
}

function explainError(message: string, root: Node): Problem[] {
  const entries = schemaEntries(root);
  const target = /can't resolve reference (.*) from id/s.exec(message)?.[1];
  const lost = entries.filter(({ key, value }) => key === '$ref' && isText(value, target));
  if (target !== undefined && lost.length > 0) return lost.map(({ value }) => lostReference(value, target, root));
  const patterns = entries.filter(({ key, value }) => key === 'pattern' && !isPattern(value)).map(({ value }) => value);
  const named = entries.flatMap(({ key, value }) =>
    key === 'patternProperties' && value.kind === 'map' ? [...value.entries.values()] : [],
  );
  const keys = named.filter((entry) => !isRegularExpression(entry.key)).map(({ at }) => at);
  const places = [...patterns, ...keys];
  if (places.length > 0) return places.map((at) => ({ at, message: 'this is not a regular expression' }));
  return [{ at: root, message: `the schema cannot be used: ${message}` }];
}

function lostReference(at: Span, target: string, root: Node): Problem {
  const message = `$ref: "${target}" leads nowhere`;
  if (!target.startsWith('#'))
    return { at, message, hint: 'other files cannot be referred to; put what is needed below "$defs"' };
  const definitions = entryOf(root, '$defs')?.value;
  const known = definitions?.kind === 'map' ? [...definitions.entries.keys()].map((name) => `#/$defs/${name}`) : [];
  const hint = didYouMean(target, known) ?? (known.length > 0 ? `there are: ${known.join(', ')}` : undefined);
  return { at, message, hint };
}

function entryOf(node: Node, key: string): Entry | undefined {
  return node.kind === 'map' ? node.entries.get(key) : undefined;
}

function isText(node: Node, text: string | undefined): boolean {
  return node.kind === 'scalar' && node.value === text;
}

function isPattern(node: Node): boolean {
  return node.kind !== 'scalar' || typeof node.value !== 'string' || isRegularExpression(node.value);
}

function isRegularExpression(source: string): boolean {
  try {
    new RegExp(source, 'u');
    return true;
  } catch {
    return false;
  }
}

/** What stands in these are schemas by name, and what stands in those is data. */
const maps = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'];
const data = ['const', 'enum', 'default', 'examples', 'required', 'dependentRequired', 'type'];

/** The keywords of a schema and of all schemas in it. */
function schemaEntries(schema: Node): readonly Entry[] {
  if (schema.kind === 'list') return schema.items.flatMap(schemaEntries);
  if (schema.kind !== 'map') return [];
  return [...schema.entries.values()].flatMap((entry) => {
    const { key, value } = entry;
    if (data.includes(key)) return [entry];
    const inner =
      maps.includes(key) && value.kind === 'map' ? [...value.entries.values()].map((one) => one.value) : [value];
    return [entry, ...inner.flatMap(schemaEntries)];
  });
}
