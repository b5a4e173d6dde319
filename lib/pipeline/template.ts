// `${name.key[0]}` in text: what it consists of, and how values look when they are put into text.
// Follows DVC's rules. Knows nothing of where variables come from.

import { encodeValue, isList, isObject } from '../core/value.ts';
import type { Value, ValueObject } from '../core/value.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';

/** One `${…}`. `path` is null where what stands between the braces is not a name. */
export interface Expression {
  readonly raw: string;
  readonly path: readonly string[] | null;
}
export type Segment = string | Expression;

const name = /^[^.[\]]+(?:\.[^.[\]]+|\[[^.[\]]+\])*$/;

/** True where the text has to be looked at: it holds a template, or an escaped one. */
export function mayBeTemplate(text: string): boolean {
  return text.includes('${');
}

/**
 * Splits text into literal parts and expressions. `\${` is a literal `${`; braces that are not closed on the same line are literal.
 * Takes time linear in the length of the text.
 */
export function parseTemplate(text: string): readonly Segment[] {
  const segments: Segment[] = [];
  let done = 0;
  let close = -1;
  let newline = -1;
  for (let open = text.indexOf('${'); open >= 0; open = text.indexOf('${', open + 2)) {
    if (open < done || text[open - 1] === '\\') continue;
    if (close < open) close = text.indexOf('}', open);
    if (close < 0) break;
    if (newline < open) newline = indexOrEnd(text, '\n', open);
    if (newline < close) continue;
    if (open > done) segments.push(unescape(text.slice(done, open)));
    segments.push(parseExpression(text.slice(open, close + 1)));
    done = close + 1;
  }
  if (done < text.length) segments.push(unescape(text.slice(done)));
  return segments;
}

function indexOrEnd(text: string, part: string, from: number): number {
  const index = text.indexOf(part, from);
  return index < 0 ? text.length : index;
}

function unescape(literal: string): string {
  return literal.replaceAll('\\${', '${');
}

function parseExpression(raw: string): Expression {
  const inner = raw.slice(2, -1).trim();
  if (!name.test(inner) || inner.includes('${')) return { raw, path: null };
  return { raw, path: inner.replaceAll('[', '.').replaceAll(']', '').split('.') };
}

/**
 * How a scalar looks inside text: as DVC, a Python program, writes it, because stage names and commands are made of it.
 * Null is `None`, 0.00001 is `1e-05`. Undefined for a list or a map.
 */
export function scalarText(value: Value): string | undefined {
  if (value === null) return 'None';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return floatText(value);
  return typeof value === 'object' ? undefined : encodeValue(value);
}

/** The shortest text that gives the same float again, with an exponent below 1e-4 and from 1e16 on. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 16) return encodeValue(value);
  const sign = power < 0 ? '-' : '+';
  return `${digits}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
}

/**
 * A map or list as arguments of a command: `{lr: 0.1, nested: {a: b}, fast: true, sizes: [1, 2]}` is
 * `--lr 0.1 --nested.a b --fast --sizes 1 2`. False and empty lists give nothing; null, and booleans in a list, look as in Python
 * (`None`, `True`). Text is quoted for a POSIX shell where it needs it.
 */
export function argumentsText(value: readonly Value[] | ValueObject): Result<string, string> {
  const parts: string[] = [];
  const problem = isList(value) ? addItems(parts, value, 'the list') : addOptions(parts, value, '');
  return problem === undefined ? ok(parts.join(' ')) : err(problem);
}

function addOptions(parts: string[], options: ValueObject, prefix: string): string | undefined {
  for (const [key, value] of Object.entries(options)) {
    const dotted = prefix + key;
    const problem = isObject(value) ? addOptions(parts, value, `${dotted}.`) : addOption(parts, dotted, value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function addOption(parts: string[], dotted: string, value: Exclude<Value, ValueObject>): string | undefined {
  if (value === false || (isList(value) && value.length === 0)) return undefined;
  parts.push(shellQuote(`--${dotted}`));
  if (value === true) return undefined;
  return addItems(parts, isList(value) ? value : [value], `"${dotted}"`);
}

function addItems(parts: string[], items: readonly Value[], where: string): string | undefined {
  for (const item of items) {
    const text = typeof item === 'boolean' ? (item ? 'True' : 'False') : scalarText(item);
    if (text === undefined) return `${where} holds a list or a map, which cannot be written as arguments`;
    parts.push(typeof item === 'string' ? shellQuote(text) : text);
  }
  return undefined;
}

function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}
