// Who reads the output: whether to use colours, and which; whether a person is watching. Without packages, and without looking at the streams of
// this process: making one takes longer than looking at a thousand files, and this is loaded before the program is.

import type { Output } from './sink.ts';

/** What a terminal is told to begin, and to end. */
const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Colours = Readonly<Record<keyof typeof codes, (text: string) => string>>;

export function makeColours(enabled: boolean): Colours {
  const entries = Object.entries(codes).map(([name, [begin, end]]) => [name, enabled ? paint(begin, end) : String]);
  return Object.fromEntries(entries) as Colours;
}

/** Where a text within has ended a colour of its own, this one goes on. */
function paint(begin: number, end: number): (text: string) => string {
  const [on, off] = [`\x1b[${begin}m`, `\x1b[${end}m`];
  return (text) => on + text.replaceAll(off, off + on) + off;
}

/** NO_COLOR wins, then FORCE_COLOR (`0` or `false` turn colours off), then whether a capable terminal is listening. */
export function wantsColour(env: Readonly<Record<string, string | undefined>>, out: Output): boolean {
  if (isSet(env['NO_COLOR'])) return false;
  const force = env['FORCE_COLOR'];
  if (isSet(force)) return force !== '0' && force !== 'false';
  return out.isTTY === true && env['TERM'] !== 'dumb';
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

/** True where a person watches a terminal that can redraw. */
export function isWatched(env: Readonly<Record<string, string | undefined>>, out: Output): boolean {
  return out.isTTY === true && env['TERM'] !== 'dumb' && !isCi(env);
}

export function isCi(env: Readonly<Record<string, string | undefined>>): boolean {
  const value = env['CI'];
  return isSet(value) && value !== '0' && value !== 'false';
}
