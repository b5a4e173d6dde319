// What is wrong with a file that a user wrote: collected, so that all of it is told at once. Knows nothing of what the faults are about.

import { StageFailure } from '../context/fail.ts';

/** Keys and positions that lead to a value: `['model', 'a', 'model', 'custom', 0]`. */
export type Path = readonly (string | number)[];

/** Where in the file a value stands: "line:column", both from 1; undefined where the text has no such place. */
export type Locate = (path: Path) => string | undefined;

export interface Fault {
  readonly path: Path;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
}

const mostLines = 100;

/**
 * Throws where there are faults: one StageFailure with a line for each, in the order of the list.
 * @param openText - gives what tells the places in the file; without it, faults are told by their keys alone
 */
export function throwFaults(file: string, faults: readonly Fault[], openText?: () => Locate): void {
  if (faults.length === 0) return;
  const locate = openText?.();
  const lines = [...new Set(faults.map((fault) => formatFault(`${file}${placeOf(fault, locate)}`, fault)))];
  const rest = lines.length - mostLines;
  if (rest > 0) lines.splice(mostLines, rest, `${file}: and ${rest} more; they show once some of these are mended`);
  throw new StageFailure(lines.join('\n'));
}

function placeOf({ path }: Fault, locate: Locate | undefined): string {
  const place = locate?.(path);
  return place === undefined ? '' : `:${place}`;
}

function formatFault(file: string, { path, message, hint }: Fault): string {
  const where = path.length === 0 ? file : `${file}: ${formatPath(path)}`;
  return `${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}

/** `model.a.model.custom[0]` */
export function formatPath(path: Path): string {
  const parts = path.map((part, index) => {
    if (typeof part === 'number') return `[${part}]`;
    const name = /^[\p{L}\p{N}_+-]+$/u.test(part) ? part : JSON.stringify(clip(part));
    return index === 0 ? name : `.${name}`;
  });
  return parts.join('');
}

/** A value in a few words, for "got …". */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (value === null || value === undefined) return 'nothing';
  if (value === '') return 'empty text';
  if (typeof value === 'string') return `text ${clip(JSON.stringify(value))}`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  const keys = Object.keys(value);
  return keys.length === 0 ? 'an empty map' : `a map with ${clip(keys.join(', '))}`;
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
