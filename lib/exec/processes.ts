// What the kernel tells about processes: /proc on Linux. Elsewhere every function here finds nothing.
// A process may be gone at any moment: whatever cannot be read is treated as not being there.

import { closeSync, openSync, readdirSync, readSync } from 'node:fs';

export const hasProc = process.platform === 'linux';

const pageSize = 64 * 1024;
let page: Buffer | undefined;

/** The content of a small file of /proc; undefined where there is none or it may not be read. Cheaper than readFileSync by half. */
export function readProc(path: string): Buffer | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    page ??= Buffer.allocUnsafeSlow(pageSize);
    const pieces: Buffer[] = [];
    for (let read = pageSize; read > 0;) {
      read = readSync(descriptor, page, 0, pageSize, null);
      if (read > 0) pieces.push(Buffer.from(page.subarray(0, read)));
    }
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function allProcesses(): readonly number[] {
  return list('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** Process group of a process that is alive; undefined for a zombie. */
function groupOf(pid: number): number | undefined {
  const stat = readProc(`/proc/${pid}/stat`)?.toString('latin1');
  // `pid (name) state ppid pgrp …`, and the name may contain anything.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ', 3);
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return Number(fields[2]);
}

export function groupMembers(group: number): readonly number[] {
  return hasProc ? allProcesses().filter((pid) => groupOf(pid) === group) : [];
}

export interface Found {
  readonly members: readonly number[];
  /** Outside the group, but with the marker. */
  readonly strays: readonly number[];
}

/** Living processes of the group, if there is one, and those whose environment at their start had the entry `marker` (`NAME=value`). */
export function findProcesses(group: number | undefined, marker: string): Found {
  const members: number[] = [];
  const strays: number[] = [];
  const needle = Buffer.from(`${marker}\0`);
  for (const pid of hasProc ? allProcesses() : []) {
    const itsGroup = groupOf(pid);
    if (itsGroup === undefined) continue;
    if (itsGroup === group) members.push(pid);
    else if (pid !== process.pid && readProc(`/proc/${pid}/environ`)?.includes(needle) === true) strays.push(pid);
  }
  return { members, strays };
}

/** Living processes whose environment at their start had an entry that begins with `start` (`NAME=val`). */
export function findMarked(start: string): readonly number[] {
  const needles = [Buffer.from(`\0${start}`), Buffer.from(start)] as const;
  return (hasProc ? allProcesses() : []).filter((pid) => {
    const environment = readProc(`/proc/${pid}/environ`);
    // A zombie's is empty.
    return environment !== undefined && (environment.indexOf(needles[1]) === 0 || environment.includes(needles[0]));
  });
}

/** The process and its descendants, as far as their parents are alive. */
export function processTree(root: number): readonly number[] {
  const tree = [root];
  for (let next = 0; next < tree.length; next++) {
    const pid = tree[next]!;
    for (const thread of list(`/proc/${pid}/task`)) {
      const children = readProc(`/proc/${pid}/task/${thread}/children`)?.toString('latin1') ?? '';
      for (const child of children.split(' ')) if (child !== '') tree.push(Number(child));
    }
  }
  return tree;
}

let listsChildren: boolean | undefined;

/** False for kernels built without CONFIG_PROC_CHILDREN. */
export function canListChildren(): boolean {
  listsChildren ??= hasProc && readProc(`/proc/${process.pid}/task/${process.pid}/children`) !== undefined;
  return listsChildren;
}

export interface ResidentMemory {
  /** Bytes. */
  readonly now: number;
  /** Bytes: the most this process has had since it started its program. */
  readonly peak: number;
}

/** Undefined for a process that is gone or a zombie. */
export function residentMemory(pid: number): ResidentMemory | undefined {
  const status = readProc(`/proc/${pid}/status`)?.toString('latin1');
  if (status === undefined) return undefined;
  const now = kilobytes(status, '\nVmRSS:');
  const peak = kilobytes(status, '\nVmHWM:');
  return now === undefined || peak === undefined ? undefined : { now, peak };
}

function kilobytes(status: string, label: string): number | undefined {
  const at = status.indexOf(label);
  if (at < 0) return undefined;
  const value = Number.parseInt(status.slice(at + label.length, status.indexOf('\n', at + 1)), 10);
  return Number.isNaN(value) ? undefined : value * 1024;
}
