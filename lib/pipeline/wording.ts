// Words for values, and for what a JSON Schema wants of them. Knows neither places nor the validator.

import { isList } from '../core/value.ts';
import type { Node } from './yaml.ts';

export type Schema = Readonly<Record<string, unknown>>;

/** What a `$ref` of the schema leads to; undefined where it cannot be followed. */
export type Resolve = (ref: string) => unknown;

/** A value in a few words. */
export function describe(node: Node): string {
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : 'a list';
  if (node.kind === 'map') return node.entries.size === 0 ? 'an empty map' : 'a map';
  if (node.value === null) return 'nothing';
  if (node.value === '') return 'empty text';
  return typeof node.value === 'string' ? `text ${clip(JSON.stringify(node.value))}` : clip(String(node.value));
}

/** The same where it matters how much is in it. */
export function describeSize(node: Node): string {
  if (node.kind === 'list' && node.items.length > 0) return `a list of ${count(node.items.length, 'item')}`;
  if (node.kind === 'map' && node.entries.size > 0) return `a map of ${count(node.entries.size, 'key')}`;
  return describe(node);
}

/** A value of the schema as one would write it. */
export function literal(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

export function joinOr(phrases: readonly string[]): string {
  const all = [...new Set(phrases)];
  const last = all.at(-1) ?? '';
  if (all.length < 2) return last;
  const comma = all.length > 2 || all.some((phrase) => phrase.includes(','));
  return `${all.slice(0, -1).join(', ')}${comma ? ',' : ''} or ${last}`;
}

/** What the schema of one value wants, in words: the author's own where they are given (`x-expected`). */
export function expectedOf(schema: unknown, resolve: Resolve, depth = 0): string {
  if (schema === false) return 'nothing at all';
  if (!isSchema(schema) || depth > 8) return 'anything';
  const inner = (part: unknown): string => expectedOf(part, resolve, depth + 1);
  if (typeof schema['x-expected'] === 'string') return schema['x-expected'];
  if ('const' in schema) return literal(schema['const']);
  if (isList(schema['enum'])) return schema['enum'].map(literal).join(', ');
  const kinds = kindsOf(schema);
  if (kinds.length > 0) return joinOr(kinds.map((kind) => phraseOf(kind, schema)));
  if (typeof schema['$ref'] === 'string') return inner(resolve(schema['$ref']));
  const union = schema['anyOf'] ?? schema['oneOf'];
  if (isList(union)) return joinOr(union.map(inner));
  return isList(schema['allOf']) ? schema['allOf'].map(inner).join(' and ') : 'anything';
}

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What keywords say of the kind of a value where `type` does not. */
const speakOf: Readonly<Record<string, readonly string[]>> = {
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  string: ['pattern', 'minLength', 'maxLength'],
  array: ['minItems', 'maxItems', 'items', 'prefixItems', 'contains', 'uniqueItems'],
  object: ['minProperties', 'maxProperties', 'required', 'properties', 'additionalProperties', 'patternProperties'],
};

function kindsOf(schema: Schema): readonly string[] {
  const { type } = schema;
  if (typeof type === 'string') return [type];
  if (isList(type)) return type as readonly string[];
  return Object.keys(speakOf).filter((kind) => speakOf[kind]!.some((keyword) => keyword in schema));
}

const kindNames: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'nothing',
};

function phraseOf(kind: string, schema: Schema): string {
  const name = kindNames[kind] ?? kind;
  switch (kind) {
    case 'integer':
    case 'number':
      return name + rangeOf(schema);
    case 'string':
      return name + textOf(schema);
    case 'array':
      return name + amountOf(schema['minItems'], schema['maxItems'], 'item');
    case 'object':
      return name + amountOf(schema['minProperties'], schema['maxProperties'], 'key') + keysOf(schema['required']);
    default:
      return name;
  }
}

/** ` from 0 to 1`, ` over 0, below 1`, ` up to 5`; empty where there are no bounds. */
function rangeOf(schema: Schema): string {
  const [from, over, to, below] = [
    schema['minimum'],
    schema['exclusiveMinimum'],
    schema['maximum'],
    schema['exclusiveMaximum'],
  ].map((bound) => (typeof bound === 'number' ? String(bound) : undefined));
  const low = over === undefined ? (from === undefined ? '' : ` from ${from}`) : ` over ${over}`;
  const high = below === undefined ? (to === undefined ? '' : ` up to ${to}`) : ` below ${below}`;
  const plain = over === undefined && below === undefined && from !== undefined && to !== undefined;
  const range = plain ? ` from ${from} to ${to}` : low + (low !== '' && high !== '' ? ',' : '') + high;
  return typeof schema['multipleOf'] === 'number' ? `${range} that is a multiple of ${schema['multipleOf']}` : range;
}

function textOf(schema: Schema): string {
  const length = amountOf(schema['minLength'], schema['maxLength'], 'character');
  return typeof schema['pattern'] === 'string' ? `${length} that matches /${schema['pattern']}/` : length;
}

function keysOf(required: unknown): string {
  if (!isList(required) || required.length === 0 || required.length > 3) return '';
  return ` with ${required.map((key) => JSON.stringify(key)).join(' and ')}`;
}

function amountOf(least: unknown, most: unknown, what: string): string {
  if (typeof least === 'number' && typeof most === 'number')
    return least === most ? ` of ${count(most, what)}` : ` of ${least} to ${count(most, what)}`;
  if (typeof least === 'number') return ` of at least ${count(least, what)}`;
  return typeof most === 'number' ? ` of at most ${count(most, what)}` : '';
}

export function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? '' : 's'}`;
}

export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
