// Fetches one file by HTTP(S) and does not give up easily: what has arrived is kept in `<target>.part` and continued after a broken connection, in
// the same run or in the next one, as long as the server says that the file is still the same (If-Range). Knows nothing of what is in the file.

import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { StageFailure } from '../context/fail.ts';
import { Refused, request } from './transfer-request.ts';

export interface Transfer {
  readonly url: string;
  /** Where the whole file goes; its folder exists. */
  readonly target: string;
  /** Attempts in a row that bring nothing new before it is given up. Default: 5. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, doubled for each further one, at most 30 s. Default: 1000. */
  readonly backoff?: number;
  /** Milliseconds without a byte after which a connection counts as dead. Default: 30,000. */
  readonly stall?: number;
  /** Called for each piece that arrives. `total` is undefined where the server does not say. */
  readonly onProgress?: (received: number, total: number | undefined) => void;
  /** Called when an attempt failed and another one follows. */
  readonly onRetry?: (reason: string, milliseconds: number) => void;
}

/** What a partial file belongs to, kept beside it. */
interface PartState {
  readonly url: string;
  /** ETag or Last-Modified: what If-Range is asked with. */
  readonly validator: string;
}

const longestPause = 30_000;

/**
 * Fetches `url` into `target`. The partial file of an earlier call is continued where the server allows it.
 * @throws StageFailure where the server refuses, or nothing new arrives in several attempts; what has arrived is kept for the next call
 */
export async function transferFile(transfer: Transfer): Promise<void> {
  const { url, target, attempts = 5, backoff = 1000 } = transfer;
  let failures = 0;
  let furthest = sizeOf(partOf(target));
  for (;;) {
    try {
      await attempt(transfer);
      renameSync(partOf(target), target);
      rmSync(stateOf(target), { force: true });
      return;
    } catch (error) {
      if (!(error instanceof Interrupted) && !(error instanceof Refused)) throw error;
      if (error instanceof Refused && !error.temporary) throw new StageFailure(`cannot download ${url}: ${error.message}`);
      const received = sizeOf(partOf(target));
      failures = received > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, received);
      if (failures >= attempts) throw new StageFailure(giveUp(url, error.message, received));
      const wait = Math.min(longestPause, Math.max(error.retryAfter ?? 0, backoff * 2 ** (failures - 1)));
      transfer.onRetry?.(error.message, wait);
      await pause(wait);
    }
  }
}

function giveUp(url: string, reason: string, received: number): string {
  const kept = received > 0 ? `\n${received} bytes have arrived and are kept: the next run goes on from there` : '';
  return `cannot download ${url}: ${reason}${kept}`;
}

/** The connection broke, or brought less than it promised: worth another attempt. */
class Interrupted extends Error {
  readonly retryAfter: number | undefined = undefined;
}

const partOf = (target: string): string => `${target}.part`;
const stateOf = (target: string): string => `${target}.part.json`;
const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

async function attempt(transfer: Transfer): Promise<void> {
  const { url, target, stall = 30_000 } = transfer;
  const state = readState(transfer);
  const offset = state === undefined ? 0 : sizeOf(partOf(target));
  const range = state !== undefined && offset > 0 ? { offset, validator: state.validator } : undefined;
  const response = await request(url, { stall, range }).catch((error: unknown) => {
    throw error instanceof Refused ? error : new Interrupted(reasonOf(error));
  });
  try {
    const start = startOf(response, range, target);
    if (start === 'complete') return;
    await receive(response, start, transfer);
  } finally {
    response.destroy();
  }
}

/** Where in the file the body of the response belongs; `complete` where all of it is here already. */
function startOf(
  response: IncomingMessage,
  range: { readonly offset: number; readonly validator: string } | undefined,
  target: string,
): number | 'complete' {
  if (range === undefined || response.statusCode === 200) return 0;
  const { start, total } = readContentRange(response.headers['content-range']);
  if (response.statusCode === 416 && total === range.offset) return 'complete';
  const validator = validatorOf(response);
  const same = validator === undefined || validator === range.validator;
  if (response.statusCode === 206 && start === range.offset && same) return start;
  forget(target);
  throw new Interrupted('the file on the server is another one than before; starting afresh');
}

async function receive(response: IncomingMessage, start: number, transfer: Transfer): Promise<void> {
  const { url, target } = transfer;
  const total = totalOf(response, start);
  if (start === 0) keepState(response, url, target);
  const file = openSync(partOf(target), start === 0 ? 'w' : 'r+');
  let received = start;
  try {
    for await (const chunk of bodyOf(response)) {
      writeAt(file, chunk, received, partOf(target));
      received += chunk.length;
      transfer.onProgress?.(received, total);
    }
  } finally {
    closeSync(file);
  }
  if (total !== undefined && received !== total) throw new Interrupted(`the connection ended after ${received} of ${total} bytes`);
}

function writeAt(file: number, chunk: Buffer, position: number, path: string): void {
  try {
    let written = 0;
    while (written < chunk.length) {
      written += writeSync(file, chunk, written, chunk.length - written, position + written);
    }
  } catch (error) {
    throw new StageFailure(`cannot write ${path}: ${(error as Error).message}`);
  }
}

/** The pieces of the body. Errors of the connection become `Interrupted`; those of who takes the pieces do not pass through here. */
async function* bodyOf(response: IncomingMessage): AsyncGenerator<Buffer> {
  const pieces = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const next = await pieces.next().catch((error: unknown) => {
      throw new Interrupted(reasonOf(error));
    });
    if (next.done === true) return;
    yield next.value;
  }
}

/** The state of a partial file that can be continued; without one the partial file is removed. */
function readState({ url, target }: Transfer): PartState | undefined {
  try {
    const state = JSON.parse(readFileSync(stateOf(target), 'utf8')) as PartState;
    if (state.url === url && existsSync(partOf(target))) return state;
  } catch {
    // No state, or a damaged one: nothing to go on from.
  }
  forget(target);
  return undefined;
}

function keepState(response: IncomingMessage, url: string, target: string): void {
  const validator = validatorOf(response);
  rmSync(partOf(target), { force: true });
  if (validator === undefined) rmSync(stateOf(target), { force: true });
  else writeFileSync(stateOf(target), JSON.stringify({ url, validator } satisfies PartState));
}

function forget(target: string): void {
  rmSync(partOf(target), { force: true });
  rmSync(stateOf(target), { force: true });
}

/** A strong ETag, else the date of the last change: what RFC 9110 allows in If-Range. */
function validatorOf({ headers }: IncomingMessage): string | undefined {
  const tag = headers.etag;
  return tag !== undefined && !tag.startsWith('W/') ? tag : headers['last-modified'];
}

/** Bytes of the whole file, where the response says. */
function totalOf(response: IncomingMessage, start: number): number | undefined {
  const length = response.headers['content-length'];
  return length === undefined ? readContentRange(response.headers['content-range']).total : start + Number(length);
}

function readContentRange(header: string | undefined): { readonly start?: number; readonly total?: number } {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(header ?? '');
  if (match === null) return {};
  const [, start, total] = match;
  return {
    ...(start === undefined ? {} : { start: Number(start) }),
    ...(total === undefined || total === '*' ? {} : { total: Number(total) }),
  };
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing answers there (connection refused)',
    ECONNRESET: 'the connection was cut',
    ENOTFOUND: 'there is no such host, or no network',
    EAI_AGAIN: 'the host name cannot be looked up now',
  };
  return (code === undefined ? undefined : words[code]) ?? message;
}
