// Who reads the output: whether to use colours, and which; whether a person is watching.

import picocolors from 'picocolors';
import type { Output } from './sink.ts';

export type Colours = ReturnType<typeof picocolors.createColors>;

export function makeColours(enabled: boolean): Colours {
  return picocolors.createColors(enabled);
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
