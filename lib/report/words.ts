// Words that the plain and the terminal reporter have in common: reasons, ends of commands, the block about a failure.

import type { RunEvent } from '../core/event.ts';
import { describeReason, describeReasonFully } from '../core/reason.ts';
import type { Reason } from '../core/reason.ts';
import type { JobEnd } from '../plan/ports.ts';
import { cleanLine, cleanLines } from './display.ts';
import { formatBytes, formatCount, formatLimit, formatSeconds } from './format.ts';

export type EventOf<Kind extends RunEvent['kind']> = Extract<RunEvent, { readonly kind: Kind }>;

const reasonsShown = 3;

/** The reasons on one line: the first few, or all of them in full. Empty where there are none. */
export function listReasons(reasons: readonly Reason[], options: { readonly all: boolean }): string {
  const shown = options.all ? reasons : reasons.slice(0, reasonsShown);
  const text = shown
    .map((reason) => cleanLine(options.all ? describeReasonFully(reason) : describeReason(reason)))
    .join('; ');
  const left = reasons.length - shown.length;
  return left > 0 ? `${text}; … and ${left} more` : text;
}

/** Reasons that everybody expects (a first run) tell nothing in a line that should be short. */
export function tellingReasons(reasons: readonly Reason[]): readonly Reason[] {
  return reasons.filter(({ kind }) => kind !== 'never-run' && kind !== 'forced' && kind !== 'upstream');
}

/** `peak 1.2 GiB`, or nothing where it is unknown. */
export function peakText(bytes: number | null): string {
  return bytes === null ? '' : `peak ${formatBytes(bytes)}`;
}

export const skipWords = {
  unchanged: 'unchanged',
  frozen: 'frozen',
  'data-missing': 'its data is not here',
} as const satisfies Record<EventOf<'stage-skipped'>['reason'], string>;

/** What a dry run says of a stage. */
export const planWords = {
  execute: 'would execute',
  restore: 'would be restored',
  skip: 'would be skipped',
  unknown: 'not known yet',
  fail: 'would fail',
} as const satisfies Record<EventOf<'stage-planned'>['action'], string>;

const exitMeanings: Readonly<Record<number, string>> = {
  126: 'not executable',
  127: 'command not found',
  137: 'killed: out of memory?',
  139: 'segmentation fault',
  143: 'terminated',
};
const signalMeanings: Readonly<Record<string, string>> = {
  SIGKILL: 'out of memory?',
  SIGSEGV: 'segmentation fault',
  SIGBUS: 'bus error',
  SIGABRT: 'aborted',
  SIGILL: 'illegal instruction',
  SIGFPE: 'arithmetic error',
};

/** How a command that did not succeed ended: `exit code 1`, `killed by SIGKILL (out of memory?)`, `timed out after 30m`. */
export function describeEnd(end: JobEnd): string {
  switch (end.kind) {
    case 'exited':
      return withMeaning(`exit code ${end.code}`, exitMeanings[end.code]);
    case 'signalled':
      return withMeaning(`killed by ${end.signal}`, signalMeanings[end.signal]);
    case 'timed-out':
      return `timed out after ${formatLimit(end.seconds)}`;
    case 'out-of-memory':
      return `out of memory: ${end.message}`;
    case 'node-failed':
      return `lost with its node: ${end.message}`;
    case 'cancelled':
      return `cancelled from outside: ${end.message}`;
    case 'interrupted':
      return 'interrupted';
    case 'not-started':
      return `could not be started: ${end.message}`;
  }
}

function withMeaning(text: string, meaning: string | undefined): string {
  return meaning === undefined ? text : `${text} (${meaning})`;
}

/** The lines below the headline of a failure, without indentation. */
export interface FailureBlock {
  /** `train: failed after 3.2s: exit code 1`, without the name. */
  readonly headline: string;
  /** Further lines of the message. */
  readonly message: readonly string[];
  readonly tail: readonly string[];
  readonly pointers: readonly string[];
}

export function failureBlock(event: EventOf<'stage-failed'>): FailureBlock {
  const [first = '', ...message] = cleanLines(event.message);
  const after = event.seconds >= 0.1 ? ` after ${formatSeconds(event.seconds)}` : '';
  const pointers: string[] = [];
  if (event.log !== null) {
    pointers.push(`full log: dagrun logs ${shellWord(cleanLine(event.stage))}  (${cleanLine(event.log)})`);
  }
  if (event.hint !== undefined) pointers.push(...hintLines(event.hint));
  return { headline: `failed${after}: ${first}`, message, tail: event.tail.map(cleanLine), pointers };
}

export function hintLines(hint: string): string[] {
  return cleanLines(hint).map((line, index) => (index === 0 ? `hint: ${line}` : `      ${line}`));
}

/** A stage name as it can be pasted into a shell. */
function shellWord(name: string): string {
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}

/** What a run moved from or to a remote. */
export function transferLine(event: Extract<RunEvent, { kind: 'transfer' }>): string {
  const { remote, direction, runs, objects, bytes } = event;
  const way = direction === 'pushed' ? 'to' : 'from';
  if (runs === 0) return `nothing ${direction} ${way} ${remote}`;
  return `${direction} ${formatCount(runs, 'run')}, ${formatCount(objects, 'object')} (${formatBytes(bytes)}) ${way} ${remote}`;
}
