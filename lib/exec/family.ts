// Everything that one command started, and how it is made to end: first asked, then killed.
// A family is a process group and, on Linux, also whoever left that group but still carries the command's marker.
// Knows nothing of why it has to end.

import { execFile } from 'node:child_process';
import { codeOf } from '../core/result.ts';
import { findMarked, findProcesses, groupMembers, hasProc } from './processes.ts';

export interface Family {
  /** Process group: the id of its first process. Undefined where nobody learnt it. */
  readonly group: number | undefined;
  /** Entry in the environment (`NAME=value`) that no other command has. */
  readonly marker: string;
}

/** Longest wait for killed processes to disappear, in seconds: one that hangs in the kernel cannot be waited for. */
const burial = 1;

/** True while a process of the group lives. */
export function isGroupAlive(group: number | undefined): boolean {
  if (group === undefined || !exists(-group)) return false;
  // A zombie whose parent does not collect it can still be signalled.
  return !hasProc || groupMembers(group).length > 0;
}

function isFamilyAlive(family: Family): boolean {
  if (!hasProc) return isGroupAlive(family.group);
  const { members, strays } = findProcesses(family.group, family.marker);
  return members.length + strays.length > 0;
}

/**
 * SIGTERM to all, SIGKILL after `grace` seconds to those that are left, over and over, since a process may start another while
 * it is being killed. Returns when nothing is left, at the latest a second after the grace is over.
 */
export async function endFamily(family: Family, grace: number): Promise<void> {
  signalFamily(family, 'SIGTERM');
  // A stopped process would notice only now.
  signalFamily(family, 'SIGCONT');
  if (await comesTrue(() => !isFamilyAlive(family), grace)) return;
  await comesTrue(() => {
    signalFamily(family, 'SIGKILL');
    return !isFamilyAlive(family);
  }, burial);
}

/** Asks at growing intervals, and once more at the end of `limit` seconds; the processes are not our children, nothing tells us. */
export async function comesTrue(condition: () => boolean, limit: number): Promise<boolean> {
  const deadline = performance.now() + limit * 1000;
  for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
    if (condition()) return true;
    const left = deadline - performance.now();
    if (left <= 0) return false;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, left)));
  }
}

/** To every process whose environment has an entry that begins with `start` (`NAME=val`): to none where there is no /proc. */
export function signalMarked(start: string, signal: NodeJS.Signals): void {
  for (const pid of findMarked(start)) sendSignal(pid, signal);
}

/** To every process of the group. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  sendSignal(-group, signal);
}

function signalFamily(family: Family, signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL'): void {
  if (process.platform === 'win32') {
    // There are no groups and nothing to ask with: the tree is ended by force.
    if (signal !== 'SIGCONT' && family.group !== undefined)
      execFile('taskkill', ['/pid', String(family.group), '/t', '/f'], () => undefined);
    return;
  }
  if (family.group !== undefined) signalGroup(family.group, signal);
  for (const pid of findProcesses(family.group, family.marker).strays) sendSignal(pid, signal);
}

function sendSignal(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // Gone already, or another user's: there is nothing more that could be done.
  }
}

/** A process of another user cannot be signalled but is there. */
function exists(target: number): boolean {
  try {
    process.kill(target, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
