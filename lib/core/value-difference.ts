// Where two parameter values differ: of two maps that differ in one key, that key. Works on canonical text (value.ts), since a
// reason has nothing else, and since JSON.parse would lose the difference of 1 and 1.0. Any other text is no map, and no error.

import type { ValueText } from './value.ts';

export interface InnerDifference {
  /** Keys, outermost first; at least one. */
  readonly path: readonly string[];
  /** Null: absent on that side. */
  readonly from: ValueText | null;
  readonly to: ValueText | null;
}

/** Undefined where the two are not both maps, or differ in more than one key. */
export function innermostDifference(from: ValueText, to: ValueText): InnerDifference | undefined {
  const path: string[] = [];
  let found: InnerDifference | undefined;
  for (let pair = oneDifference(from, to); pair !== undefined;) {
    path.push(pair.key);
    found = { path, from: pair.from, to: pair.to };
    pair = pair.from === null || pair.to === null ? undefined : oneDifference(pair.from, pair.to);
  }
  return found;
}

function oneDifference(
  from: ValueText,
  to: ValueText,
): { readonly key: string; readonly from: ValueText | null; readonly to: ValueText | null } | undefined {
  const [before, after] = [fieldsOf(from), fieldsOf(to)];
  if (before === undefined || after === undefined) return undefined;
  const keys = [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key));
  const [key] = keys;
  if (key === undefined || keys.length > 1) return undefined;
  return { key, from: before.get(key) ?? null, to: after.get(key) ?? null };
}

/** The fields of the canonical text of a map. */
function fieldsOf(text: ValueText): Map<string, ValueText> | undefined {
  if (!text.startsWith('{') || !text.endsWith('}')) return undefined;
  const fields = new Map<string, ValueText>();
  for (const field of splitTop(text.slice(1, -1))) {
    const quoted = /^"(?:[^"\\]|\\.)*"(?=:)/s.exec(field)?.[0];
    const key = quoted === undefined ? undefined : unquote(quoted);
    if (quoted === undefined || key === undefined) return undefined;
    fields.set(key, field.slice(quoted.length + 1));
  }
  return fields;
}

/** Splits at the commas that are in no string, list or map. */
function splitTop(text: string): string[] {
  const pieces: string[] = [];
  let [start, depth] = [0, 0];
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/gs)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (token === ',' && depth === 0) {
      pieces.push(text.slice(start, index));
      start = index + 1;
    }
  }
  if (start < text.length) pieces.push(text.slice(start));
  return pieces;
}

function unquote(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}
