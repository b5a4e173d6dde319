// Logs of executions and the records beside them: logs/<stage>/<run id>.log and <run id>.json.
// Knows nothing of run entries; an execution that failed has a log but no entry.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readTextIfExists, writeFileAtomic } from '../core/disk.ts';
import { isDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { compareText } from '../core/path.ts';
import { codeOf } from '../core/result.ts';
import { isTime } from './entry.ts';
import { isRunId } from './layout.ts';
import type { Layout } from './layout.ts';
import { listOwn } from './list.ts';

const outcomes = [
  'succeeded',
  'failed',
  'timed-out',
  'interrupted',
  'not-started',
  'out-of-memory',
  'node-failed',
  'cancelled',
] as const;

/** One execution of a stage, whether it succeeded or not. */
export interface ExecutionRecord {
  readonly runId: string;
  readonly stage: string;
  /** Null where it was stopped before its fingerprint was known. */
  readonly fingerprint: Digest | null;
  readonly command: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly outcome: (typeof outcomes)[number];
  /** Null where a signal ended it or it did not start. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Bytes; null where it could not be measured. */
  readonly peakMemory: number | null;
  readonly host: string;
  /** From 1. */
  readonly attempt: number;
}

/** Absolute path of an execution's log. The folder may not be there yet. */
export function logPath(layout: Layout, stage: string, runId: string): string {
  return `${layout.logFolder(stage)}/${checkedId(runId)}.log`;
}

/** Writes the record in one step. Throws system errors. */
export function writeExecution(layout: Layout, record: ExecutionRecord): void {
  const path = `${layout.logFolder(record.stage)}/${checkedId(record.runId)}.json`;
  writeFileAtomic(path, `${JSON.stringify(record, null, 2)}\n`, { durable: false, tmp: layout.folder('tmp') });
}

function checkedId(runId: string): string {
  if (!isRunId(runId)) throw new Error(`${JSON.stringify(runId)} cannot be a run id`);
  return runId;
}

/** The recorded executions of a stage, newest first. Damaged records are left out. */
export function readExecutions(layout: Layout, stage: string): readonly ExecutionRecord[] {
  return readExecutionFolder(layout.logFolder(stage)).filter((record) => record.stage === stage);
}

/** The record of one execution; undefined where it is under way, or its runner died. */
export function readExecution(layout: Layout, stage: string, runId: string): ExecutionRecord | undefined {
  const record = readRecord(`${layout.logFolder(stage)}/${checkedId(runId)}.json`);
  return record?.stage === stage && record.runId === runId ? record : undefined;
}

/** Executions that have a log and no record: they are under way, or their runner died. */
export function listUnfinished(layout: Layout, stage: string): readonly string[] {
  const names = new Set(listOwn(layout.logFolder(stage)));
  return [...names].flatMap((name) => {
    const runId = /^(.+)\.log$/.exec(name)?.[1];
    return isRunId(runId) && !names.has(`${runId}.json`) ? [runId] : [];
  });
}

export function readExecutionFolder(folder: string): readonly ExecutionRecord[] {
  const records: ExecutionRecord[] = [];
  for (const name of listOwn(folder)) {
    if (!name.endsWith('.json')) continue;
    const record = readRecord(`${folder}/${name}`);
    if (record !== undefined && `${record.runId}.json` === name) records.push(record);
  }
  return records.sort((a, b) => Date.parse(b.startedAt) - Date.parse(a.startedAt) || compareText(b.runId, a.runId));
}

function readRecord(path: string): ExecutionRecord | undefined {
  try {
    const value: unknown = JSON.parse(readTextIfExists(path) ?? 'null');
    return isExecution(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) !== undefined) return undefined;
    throw error;
  }
}

function isExecution(value: unknown): value is ExecutionRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Readonly<Record<keyof ExecutionRecord, unknown>>;
  const { runId, stage, command, host, startedAt, fingerprint, signal } = record;
  const texts = typeof stage === 'string' && typeof command === 'string' && typeof host === 'string';
  if (!isRunId(runId) || !texts || !isTime(startedAt)) return false;
  if (fingerprint !== null && !isDigest(fingerprint)) return false;
  if (signal !== null && typeof signal !== 'string') return false;
  if (!outcomes.some((outcome) => outcome === record.outcome)) return false;
  const numbers = typeof record.seconds === 'number' && typeof record.attempt === 'number';
  return numbers && isNumberOrNull(record.exitCode) && isNumberOrNull(record.peakMemory);
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || typeof value === 'number';
}

const tailStep = 64 * 1024;
const tailLimit = 4 * 1024 * 1024;

/**
 * The last lines of a log, oldest first, without line ends; of a line that was overwritten (carriage returns) the last state.
 * A missing log has none. Reads no more than 4 MiB from the end.
 */
export function logTail(path: string, lines: number): readonly string[] {
  if (lines <= 0) return [];
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
  try {
    return lastLines(readEnd(descriptor, lines), lines);
  } finally {
    closeSync(descriptor);
  }
}

/** The end of a file that holds at least that many line ends, where there are as many. */
function readEnd(descriptor: number, lines: number): Buffer {
  const { size } = fstatSync(descriptor);
  const chunks: Buffer[] = [];
  let start = size;
  for (let found = 0; start > 0 && found <= lines && size - start < tailLimit;) {
    const length = Math.min(tailStep, start);
    start -= length;
    const chunk = Buffer.alloc(length);
    const count = readSync(descriptor, chunk, 0, length, start);
    chunks.unshift(chunk.subarray(0, count));
    found += countLineEnds(chunk);
  }
  return Buffer.concat(chunks);
}

function countLineEnds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

function lastLines(end: Buffer, lines: number): readonly string[] {
  const all = end.toString().split('\n');
  if (all.at(-1) === '') all.pop();
  return all.slice(-lines).map((line) => {
    const text = line.replace(/\r+$/, '');
    return text.slice(text.lastIndexOf('\r') + 1);
  });
}
