// What goes to a node and comes back by a remote: texts and names, and their readers. A parcel is stored as a run entry is, packed, verified and
// signed like one, under a name that is no fingerprint: nobody who looks for a result finds it.

import { digestText } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { isRepoPath } from '../core/path.ts';
import type { RepoPath } from '../core/path.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import { isCount, isRecord } from '../plan/decode.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { Brought, JobEnd } from '../plan/ports.ts';
import type { OutRecord, RunEntry } from '../plan/record.ts';
import { resultDigest } from '../store/entry.ts';

/** What the command line of a node says: where the parcel lies. No secrets: those come by accessVariable. */
export interface Ticket {
  readonly token: string;
  readonly result: Digest;
  readonly remote: {
    readonly name: string;
    readonly url: string;
    readonly options: Readonly<Record<string, string>>;
  };
}

/** Secrets of the remote, and the key that parcels are signed with, as JSON. */
export const accessVariable = 'DAGRUN_STAGE_ACCESS';

/** Where the output of the commands lies in a parcel that comes back. */
export const outputPath = '.dagrun/output' as RepoPath;

/** What is to be done. */
export interface Order {
  readonly stage: StageName;
  readonly cmd: readonly string[];
  readonly wdir: string;
  /** The stage context, but for `root`. */
  readonly context: string;
  readonly resources: Readonly<Record<string, number>>;
  readonly timeout: number | null;
  readonly outs: readonly RepoPath[];
}

export type Direction = 'to' | 'from';

/** What the parcel of a job is called; no fingerprint is made this way. */
export function parcelName(direction: Direction, token: string): Fingerprint {
  return digestText(`dagrun-parcel 1 ${direction} ${token}`) as Fingerprint;
}

/** Parcels are in no stage's history. */
export const parcelGroup = '(on the way)';

export function makeParcel(
  name: Fingerprint,
  stage: StageName,
  files: readonly OutRecord[],
  text: Readonly<Record<string, unknown>>,
): RunEntry {
  return {
    fingerprint: name,
    result: resultDigest(files),
    stage,
    group: parcelGroup,
    parts: {},
    outs: files.map((file) => ({ ...file, label: 'out' })),
    params: {},
    metrics: text,
    deps: {},
    at: new Date().toISOString(),
    seconds: 0,
    peakMemory: null,
    host: '',
    runId: 'parcel',
  };
}

export function encodeTicket(ticket: Ticket): string {
  return Buffer.from(JSON.stringify(ticket)).toString('base64url');
}

export function decodeTicket(text: string): Ticket | undefined {
  const value = parse(Buffer.from(text, 'base64url').toString());
  const remote = isRecord(value) ? value['remote'] : undefined;
  if (!isRecord(value) || !isRecord(remote)) return undefined;
  const { token, result } = value;
  const { name, url, options } = remote;
  if (![token, result, name, url].every((one) => typeof one === 'string') || !isTexts(options)) return undefined;
  return value as unknown as Ticket;
}

export function decodeOrder(value: Readonly<Record<string, unknown>>): Order | undefined {
  const { stage, cmd, wdir, context, resources, timeout, outs } = value;
  const isGood =
    typeof stage === 'string' &&
    Array.isArray(cmd) &&
    cmd.every((text) => typeof text === 'string') &&
    (wdir === '' || isRepoPath(wdir)) &&
    typeof context === 'string' &&
    isRecord(parse(context)) &&
    isRecord(resources) &&
    Object.values(resources).every((amount) => typeof amount === 'number') &&
    (timeout === null || typeof timeout === 'number') &&
    Array.isArray(outs) &&
    outs.every(isRepoPath);
  return isGood ? (value as unknown as Order) : undefined;
}

export function decodeResult(value: Readonly<Record<string, unknown>>): Omit<Brought, 'output'> | undefined {
  const { seconds, peakMemory, host } = value;
  const end = isRecord(value['end']) ? decodeEnd(value['end']) : undefined;
  if (end === undefined || typeof seconds !== 'number' || typeof host !== 'string') return undefined;
  if (peakMemory !== null && !isCount(peakMemory)) return undefined;
  return { end, seconds, peakMemory, host };
}

function decodeEnd(end: Readonly<Record<string, unknown>>): JobEnd | undefined {
  const { kind, command, code, signal, seconds, message } = end;
  if (typeof command !== 'string') return undefined;
  if (kind === 'exited' && isCount(code)) return { kind, code, command };
  if (kind === 'signalled' && typeof signal === 'string') return { kind, signal, command };
  if (kind === 'timed-out' && typeof seconds === 'number') return { kind, seconds, command };
  if ((kind === 'out-of-memory' || kind === 'not-started') && typeof message === 'string')
    return { kind, message, command };
  return undefined;
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((text) => typeof text === 'string');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
