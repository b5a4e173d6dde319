// Why a stage is not fresh, as data. Text for people is made from it in one place (describeReason), JSON is it as it stands.

import { innermostDifference } from './value-difference.ts';

export type Reason =
  /** A part of the fingerprint differs from the recorded one; null: absent on that side. */
  | { readonly kind: ChangedPart; readonly key: string; readonly from: string | null; readonly to: string | null }
  | { readonly kind: 'out-missing'; readonly path: string }
  | { readonly kind: 'out-edited'; readonly path: string }
  /** This very run is recorded, but objects of its outs are not in the cache: it has to be executed again. */
  | { readonly kind: 'objects-missing' }
  | { readonly kind: 'never-run' }
  | { readonly kind: 'forced' }
  | { readonly kind: 'always-changed' }
  | { readonly kind: 'frozen' }
  /** A stage above will run or be restored first, so that this one's inputs are not known. */
  | { readonly kind: 'upstream'; readonly stage: string }
  | { readonly kind: 'dep-missing'; readonly path: string; readonly hint?: string | undefined }
  | { readonly kind: 'dep-unreadable'; readonly path: string; readonly message: string }
  | { readonly kind: 'param-missing'; readonly key: string; readonly message: string }
  | { readonly kind: 'code-error'; readonly path: string; readonly message: string };

export type ChangedPart =
  'stage' | 'cmd' | 'wdir' | 'dep' | 'param' | 'code' | 'package' | 'env' | 'host' | 'history' | 'out';

/**
 * One short sentence on one line, without a full stop. Long values of commands and parameters are shortened around their
 * difference.
 */
export function describeReason(reason: Reason): string {
  return describe(reason, valueLimit);
}

/** As describeReason, with values at full length. */
export function describeReasonFully(reason: Reason): string {
  return describe(reason, Infinity);
}

function describe(reason: Reason, limit: number): string {
  switch (reason.kind) {
    case 'out-missing':
      return `out missing: ${reason.path}`;
    case 'out-edited':
      return `out edited: ${reason.path}`;
    case 'objects-missing':
      return 'recorded, but its contents are not in the cache';
    case 'never-run':
      return 'never run here';
    case 'forced':
      return 'forced';
    case 'always-changed':
      return 'always changed';
    case 'frozen':
      return 'frozen';
    case 'upstream':
      return `unknown until ${reason.stage} runs`;
    case 'dep-missing':
      return `dep missing: ${reason.path}`;
    case 'dep-unreadable':
      return `dep unreadable: ${reason.path} (${reason.message})`;
    case 'param-missing':
      return `param missing: ${reason.key} (${reason.message})`;
    case 'code-error':
      // The message begins with the file that is at fault, which may be another one than the entry.
      return reason.message.startsWith(`${reason.path}:`)
        ? `code: ${reason.message}`
        : `code: ${reason.path}: ${reason.message}`;
    case 'stage':
    case 'cmd':
    case 'wdir':
    case 'dep':
    case 'param':
    case 'code':
    case 'package':
    case 'env':
    case 'host':
    case 'history':
    case 'out':
      return describeChange(reason, limit);
  }
}

const nouns: Readonly<Record<ChangedPart, string>> = {
  stage: 'stage name',
  cmd: 'command',
  wdir: 'working folder',
  dep: 'dep',
  param: 'param',
  code: 'code',
  package: 'package',
  env: 'env',
  host: 'host',
  history: 'history',
  out: 'out',
};

/** Parts whose values mean something to a person; of the others only the key is told. */
const told: ReadonlySet<ChangedPart> = new Set(['cmd', 'param', 'package', 'host', 'stage', 'wdir']);

function describeChange(reason: Change, limit: number): string {
  const noun = nouns[reason.kind];
  const { kind, key, from, to } = reason;
  if (kind === 'cmd' || kind === 'stage' || kind === 'wdir')
    return `changed ${noun}: ${describeValues(from, to, limit)}`;
  if (!told.has(kind)) return `${from === null ? 'added' : to === null ? 'removed' : 'changed'} ${noun}: ${key}`;
  if (from === null) return `added ${noun}: ${key} = ${clip(to ?? '', 0, limit)}`;
  if (to === null) return `removed ${noun}: ${key} (was ${clip(from, 0, limit)})`;
  const inner = kind === 'param' ? innermostDifference(from, to) : undefined;
  if (inner !== undefined) {
    const place = `${key}${key.endsWith(':') ? '' : '.'}${inner.path.join('.')}`;
    return describeChange({ kind, key: place, from: inner.from, to: inner.to }, limit);
  }
  return `changed ${noun}: ${key} ${describeValues(from, to, limit)}`;
}

interface Change {
  readonly kind: ChangedPart;
  readonly key: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** Longer values are shortened: columns of text that a person takes in at a glance. */
const valueLimit = 80;
/** Characters kept before and after a difference. */
const context = 20;

function describeValues(from: string | null, to: string | null, limit: number): string {
  if (from === null || to === null) return `${clip(to ?? from ?? '', 0, limit)} ${from === null ? 'added' : 'removed'}`;
  if (from.length <= limit && to.length <= limit) return `${oneLine(from)} → ${oneLine(to)}`;
  const start = sharedStart(from, to);
  const end = sharedEnd(from.slice(start), to.slice(start));
  return [from, to].map((value) => clip(value, start - context, limit, value.length - end + context)).join(' → ');
}

/** The characters from `start` to `end`, `limit` at most; `…` stands for what is left out. */
function clip(value: string, start: number, limit: number, end = value.length): string {
  const first = atCharacter(value, Math.max(0, start));
  const last = atCharacter(value, Math.min(value.length, end, first + limit));
  return `${first > 0 ? '…' : ''}${oneLine(value.slice(first, last))}${last < value.length ? '…' : ''}`;
}

/** The index, or the one before it where a surrogate pair would be cut in two. */
function atCharacter(value: string, index: number): number {
  const code = value.charCodeAt(index);
  return index > 0 && code >= 0xdc00 && code <= 0xdfff ? index - 1 : index;
}

function sharedStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function sharedEnd(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[a.length - 1 - length] === b[b.length - 1 - length]) length++;
  return length;
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ⏎ ');
}
