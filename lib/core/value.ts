// Parameter values with their types kept apart: 1, 1.0, true and "1" are four different values.
// A value travels as its canonical text, so that equality, hashing, storage and explanation all use the same form.

import { compareText } from './path.ts';

/** Integers are `bigint`, floats are `number`; keys of an object have no order. */
export type Value = null | boolean | bigint | number | string | readonly Value[] | ValueObject;
export interface ValueObject {
  readonly [key: string]: Value;
}

/** Canonical text: JSON with sorted keys and no spaces, where a float always shows a point or an exponent. */
export type ValueText = string;

export function encodeValue(value: Value): ValueText {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return encodeFloat(value);
  return typeof value === 'string' ? JSON.stringify(value) : encodeContainer(value);
}

function encodeContainer(value: readonly Value[] | ValueObject): ValueText {
  if (isList(value)) return `[${value.map(encodeValue).join(',')}]`;
  const fields = Object.keys(value)
    .sort(compareText)
    .map((key) => `${JSON.stringify(key)}:${encodeValue(value[key]!)}`);
  return `{${fields.join(',')}}`;
}

function encodeFloat(value: number): ValueText {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

export function isList(value: unknown): value is readonly Value[] {
  return Array.isArray(value);
}

export function isObject(value: Value | undefined): value is ValueObject {
  return typeof value === 'object' && value !== null && !isList(value);
}

/** A plain JavaScript value for programs that read JSON: integers become numbers (strings where they are too large to be exact). */
export function toPlain(value: Value): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : encodeFloat(value);
  if (isList(value)) return value.map(toPlain);
  if (isObject(value)) {
    const plain: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(value)) plain[key] = toPlain(value[key]!);
    return plain;
  }
  return value;
}

/**
 * Finds a dotted key: `train.lr`, `layers[0].units`, `layers.0.units`. A key that contains a dot itself is found too:
 * at each level the longest name that fits wins. Returns undefined where there is no such key.
 */
export function lookUp(value: Value, key: string): Value | undefined {
  const found = descend(value, key.replace(/\[(\d+)\]/g, '.$1').split('.'));
  if (found !== undefined) return found;
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function descend(value: Value, names: readonly string[]): Value | undefined {
  if (names.length === 0) return value;
  if (isList(value)) {
    const index = /^\d+$/.test(names[0]!) ? Number(names[0]) : -1;
    const item = value[index];
    return item === undefined ? undefined : descend(item, names.slice(1));
  }
  if (!isObject(value)) return undefined;
  for (let length = names.length; length > 0; length--) {
    const name = names.slice(0, length).join('.');
    if (!Object.hasOwn(value, name)) continue;
    const found = descend(value[name]!, names.slice(length));
    if (found !== undefined) return found;
  }
  return undefined;
}
