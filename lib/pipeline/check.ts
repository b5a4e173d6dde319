// Checks a pipeline file, as written, against the JSON Schema, and says in words what differs and where.

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { didYouMean } from './hint.ts';
import { pipelineSchema } from './schema.ts';
import { jsonOf } from './yaml.ts';
import type { Entry, Node, Problem, Span } from './yaml.ts';

let compiled: ValidateFunction | undefined;

function validator(): ValidateFunction {
  if (compiled !== undefined) return compiled;
  // Compiling is most of the time that a small file takes: no optimizer, and the schema itself is checked by a test.
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
    strictRequired: false,
    strictTypes: false,
    validateSchema: false,
    code: { optimize: false },
  });
  ajv.addKeyword('x-expected');
  return (compiled = ajv.compile(pipelineSchema));
}

/** Everything in the file that the schema does not allow, in no particular order. */
export function checkSchema(root: Node): Problem[] {
  const validate = validator();
  if (validate(jsonOf(root))) return [];
  return (validate.errors ?? []).flatMap((error) => explain(error, root) ?? []);
}

/** What the parts of the schema that speak of one value look like. */
interface Part {
  readonly type?: string | readonly string[];
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly 'x-expected'?: string;
}

/** Undefined for errors that only repeat others. */
function explain(error: ErrorObject, root: Node): Problem | undefined {
  const found = locate(root, error.instancePath);
  const where = describePath(found.path);
  const part = error.parentSchema as Part;
  switch (error.keyword) {
    case 'if':
    case 'propertyNames':
      return undefined;
    case 'additionalProperties':
      return unknownKey(
        found,
        (error.params as { additionalProperty: string }).additionalProperty,
        where,
        Object.keys(part.properties ?? {}),
      );
    case 'required': {
      const missing = (error.params as { missingProperty: string }).missingProperty;
      return { at: found.key ?? found.node, message: `${where}"${missing}" is missing` };
    }
    default:
      return error.propertyName === undefined
        ? wrongValue(found, where, part)
        : wrongName(found, error.propertyName, part);
  }
}

function wrongValue(found: Located, where: string, part: Part): Problem {
  return { at: found.node, message: `${where}expected ${expected(part)}, got ${describe(found.node)}` };
}

function wrongName(found: Located, name: string, part: Part): Problem {
  return { at: keySpan(found.node, name), message: `"${name}" cannot be used: expected ${expected(part)}` };
}

function unknownKey(found: Located, key: string, where: string, known: readonly string[]): Problem {
  const hint = didYouMean(key, known) ?? otherHint(found, key, known);
  return { at: keySpan(found.node, key), message: `${where}unknown key "${key}"`, hint };
}

function otherHint(found: Located, key: string, known: readonly string[]): string {
  if (known.includes('do')) return `with "foreach", everything else about the stage goes below "do"`;
  if (found.path.length === 0) return `known keys: ${known.join(', ')}; a key starting with "x-" may hold anything`;
  return `known keys: ${known.join(', ')}`;
}

function keySpan(node: Node, key: string): Span {
  return (node.kind === 'map' ? node.entries.get(key)?.at : undefined) ?? node;
}

interface Located {
  readonly node: Node;
  /** The key it stands behind, for the values of a map. */
  readonly key: Span | undefined;
  readonly path: readonly string[];
}

/** Follows a JSON pointer. */
function locate(root: Node, pointer: string): Located {
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  let node = root;
  let key: Span | undefined;
  for (const name of path) {
    const entry: Entry | undefined = node.kind === 'map' ? node.entries.get(name) : undefined;
    const next = entry?.value ?? (node.kind === 'list' ? node.items[Number(name)] : undefined);
    if (next === undefined) break;
    key = entry?.at ?? key;
    node = next;
  }
  return { node, key, path };
}

/** `stage "train": deps[0]: `; empty for the file itself. */
function describePath(path: readonly string[]): string {
  const [first, stage, ...inner] = path;
  if (first !== 'stages' || stage === undefined) return path.length === 0 ? '' : `${joinPath(path)}: `;
  const rest = inner[0] === 'do' ? inner.slice(1) : inner;
  return rest.length === 0 ? `stage "${stage}": ` : `stage "${stage}": ${joinPath(rest)}: `;
}

function joinPath(path: readonly string[]): string {
  return path.map((name, index) => (/^\d+$/.test(name) ? `[${name}]` : index === 0 ? name : `.${name}`)).join('');
}

const typeNames: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'nothing',
};

function expected(part: Part): string {
  if (part['x-expected'] !== undefined) return part['x-expected'];
  if (part.enum !== undefined) return part.enum.join(', ');
  const types = [part.type ?? []]
    .flat()
    .filter((type) => type !== 'null' && !(type === 'string' && part.pattern !== undefined));
  return types.map((type) => typeNames[type] ?? type).join(' or ');
}

/** A value in a few words. */
export function describe(node: Node): string {
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : 'a list';
  if (node.kind === 'map') return node.entries.size === 0 ? 'an empty map' : 'a map';
  if (node.value === null) return 'nothing';
  if (node.value === '') return 'empty text';
  return typeof node.value === 'string' ? `text ${clip(JSON.stringify(node.value))}` : clip(String(node.value));
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
