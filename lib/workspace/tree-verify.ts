// Is a folder still what its record says? The no-op check: readdir and lstat of everything, and comparing, nothing else.
// The work is cut into units of up to 1,000 rows that two threads take from a shared counter; a thread that starts late, or
// never, only means that the other does more. Nothing waits: what the helper has begun but not finished is done again here.

import { monotonic } from '../core/clock.ts';
import * as fs from 'node:fs';
import type * as WorkerThreads from 'node:worker_threads';
import type { Pace, Steps } from './files-pace.ts';
import { layoutOf } from './tree-record.ts';
import type { TreeRecord } from './tree-record.ts';
import { ignoredRow } from './tree-rows.ts';

const unitRows = 1000;
/** A helper thread takes about 20 ms to start: below this many rows the work is done by then. */
export const helpedRows = 30_000;

/** States of a unit, as verifyUnits writes them; 2 would be: it differs. */
const unknown = 0;
const same = 1;

/** Everything a thread needs, in a form that can be sent to one. */
export interface Job {
  /** Absolute path of the folder, ending in a slash. */
  readonly base: string;
  readonly memory: ArrayBufferLike;
  readonly rows: number;
  readonly at: {
    readonly record: number;
    readonly mode: number;
    readonly ends: number;
    readonly names: number;
    readonly paths: number;
  };
  readonly pathsLength: number;
  readonly folders: number;
  /** For each unit: its folder, its first row, the number of its rows, the row where its folder begins; then its state. */
  readonly units: Uint32Array;
  readonly states: Int32Array;
  /** The number of the next unit. */
  readonly next: Int32Array;
  /** The names of folder 0 as they are now, where they don't come from readdir (a glob). */
  readonly listed: string | null;
  readonly ignored: number;
}

/**
 * Checks each folder of a record against the disk: 1 where it is the same in names, kinds and stat of its files.
 * What links lead to is not looked at.
 */
export function* verifyTree(
  record: TreeRecord,
  options: {
    readonly base: string;
    readonly pace: Pick<Pace, 'due' | 'until'>;
    readonly listed: string | null;
    /** Start a second thread; by default where it pays. */
    readonly helped?: boolean;
  },
): Steps<Uint8Array> {
  const job = prepare(record, options.base, options.listed);
  const helper = (options.helped ?? record.meta.rows >= helpedRows) ? startHelper(job) : undefined;
  while (!verifyUnits(fs, job, options.pace.until, monotonic)) yield;
  void helper?.terminate();
  const result = new Uint8Array(record.meta.folders).fill(1);
  for (let unit = 0; unit < job.states.length; unit++) {
    if (job.states[unit] === unknown) {
      verifyUnits(fs, { ...job, next: Int32Array.of(unit) }, 0, monotonic);
      if (options.pace.due()) yield;
    }
    if (job.states[unit] !== same) result[job.units[unit * 4]!] = 0;
  }
  return result;
}

/** The work of checking a record, cut into units. */
export function prepare(record: TreeRecord, base: string, listed: string | null): Job {
  const units: number[] = [];
  let first = 0;
  for (let folder = 0; folder < record.meta.folders; folder++) {
    const end = first + record.counts[folder]!;
    for (let row = first; row === first || row < end; row += unitRows)
      units.push(folder, row, Math.min(unitRows, end - row), first);
    first = end;
  }
  const layout = layoutOf(record.meta);
  const { rows, folders } = record.meta;
  const { at } = record;
  return {
    base: `${base}/`,
    memory: record.buffer,
    rows,
    at: {
      record: at,
      mode: at + rows * 32,
      ends: at + layout.ends,
      names: at + layout.names,
      paths: at + layout.paths,
    },
    pathsLength: record.meta.paths,
    folders,
    units: Uint32Array.from(units),
    states: new Int32Array(new SharedArrayBuffer(units.length)),
    next: new Int32Array(new SharedArrayBuffer(4)),
    listed,
    ignored: ignoredRow,
  };
}

/** Runs verifyUnits in a second thread. A helper that fails is no loss. */
export function startHelper(job: Job): WorkerThreads.Worker | undefined {
  try {
    // Loaded here, as only large folders need it; older versions of Node.js cannot do that without waiting, and go without a helper.
    const threads = process.getBuiltinModule('node:worker_threads');
    const source = `(${verifyUnits.toString()})(require('node:fs'), require('node:worker_threads').workerData, Infinity, () => 0)`;
    const helper = new threads.Worker(source, { eval: true, workerData: job, execArgv: [], env: threads.SHARE_ENV });
    helper.on('error', () => undefined);
    helper.unref();
    return helper;
  } catch {
    return undefined;
  }
}

/**
 * Takes units until none is left (true) or `until`, on the scale of `clock`, has passed (false).
 * Its text is what the helper thread runs: it must not refer to anything outside itself.
 */
function verifyUnits(
  { readdirSync, lstatSync }: Pick<typeof fs, 'readdirSync' | 'lstatSync'>,
  job: Job,
  until: number,
  clock: () => number,
): boolean {
  const { memory, rows, at, units, states, next, base } = job;
  const size = new Float64Array(memory, at.record, rows);
  const mtime = new Float64Array(memory, at.record + rows * 8, rows);
  const ctime = new Float64Array(memory, at.record + rows * 16, rows);
  const ino = new Float64Array(memory, at.record + rows * 24, rows);
  const mode = new Uint32Array(memory, at.mode, rows);
  const ends = new Uint32Array(memory, at.ends, job.folders);
  const paths = Buffer.from(memory, at.paths, job.pathsLength).toString().split('\0');
  const quiet = { throwIfNoEntry: false } as const;
  let current = -1;
  let joined = '';
  let names: string[] = [];

  function open(folder: number): void {
    const start = folder === 0 ? 0 : ends[folder - 1]!;
    joined = Buffer.from(memory, at.names + start, ends[folder]! - start).toString();
    names = [];
    current = folder;
  }
  function sameNames(prefix: string): boolean {
    if (job.listed !== null) return job.listed === joined;
    const there = readdirSync(prefix);
    if (there.join('\0') !== joined) return false;
    names = there;
    return true;
  }
  function sameRow(path: string, row: number): boolean {
    const stat = lstatSync(path, quiet);
    if (stat === undefined) return false;
    const known = mode[row]!;
    if ((known & job.ignored) !== 0 || (known & 0o170000) === 0o040000) return ((known ^ stat.mode) & 0o170000) === 0;
    return (
      mtime[row] === stat.mtimeMs &&
      ctime[row] === stat.ctimeMs &&
      size[row] === stat.size &&
      ino[row] === stat.ino &&
      (known & 0xffff) === stat.mode
    );
  }
  function sameUnit(unit: number): boolean {
    const folder = units[unit * 4]!;
    const row = units[unit * 4 + 1]!;
    const count = units[unit * 4 + 2]!;
    const first = units[unit * 4 + 3]!;
    if (folder !== current) open(folder);
    const prefix = paths[folder] === '' ? base : `${base}${paths[folder]!}/`;
    if (row === first && !sameNames(prefix)) return false;
    if (names.length === 0) names = joined.split('\0');
    for (let index = row; index < row + count; index++) {
      if (!sameRow(prefix + names[index - first]!, index)) return false;
    }
    return true;
  }

  for (;;) {
    const unit = Atomics.add(next, 0, 1);
    if (unit >= states.length) return true;
    let answer = 2;
    try {
      if (sameUnit(unit)) answer = 1;
    } catch {
      // Unreadable: the walk that follows finds out why.
    }
    Atomics.store(states, unit, answer);
    if (clock() > until) return false;
  }
}
