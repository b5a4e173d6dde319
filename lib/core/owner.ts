// Who holds something: a process, named so that a later process with the same number is not taken for it.
// Whoever leaves a lock or a registration on the disk writes an Owner into it; whoever finds one asks isAlive().

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { codeOf } from './result.ts';

export interface Owner {
  readonly host: string;
  readonly pid: number;
  /** Tells two processes with the same pid apart (boot and start tick on Linux); empty where the system does not say. */
  readonly startTime: string;
  /** For messages. */
  readonly command: string;
}

/** This process. */
export function currentOwner(command: string = process.argv.slice(1).join(' ')): Owner {
  return { host: hostname(), pid: process.pid, startTime: startTimeOf(process.pid) ?? '', command };
}

/**
 * False only where the owner is certainly gone: no such process on this host, a zombie, or another process under its pid.
 * An owner on another host cannot be asked and counts as alive.
 */
export function isAlive(owner: Owner): boolean {
  if (!isLocal(owner)) return true;
  if (!exists(owner.pid)) return false;
  const now = startTimeOf(owner.pid);
  if (now === 'gone') return false;
  return now === undefined || owner.startTime === '' || now === owner.startTime;
}

/** True where the owner runs, or ran, on this host. */
export function isLocal(owner: Owner): boolean {
  return owner.host === hostname();
}

/** Reads back what was written as JSON; undefined for anything else. */
export function parseOwner(value: unknown): Owner | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, pid, startTime, command } = value as Partial<Record<keyof Owner, unknown>>;
  if (typeof host !== 'string' || typeof startTime !== 'string' || typeof command !== 'string') return undefined;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { host, pid, startTime, command };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** `gone`: a zombie, or ended meanwhile. Undefined where there is no /proc. Start ticks count from boot, so the boot is named too. */
function startTimeOf(pid: number): string | undefined {
  const boot = bootId();
  if (boot === undefined) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name stands in parentheses and may itself contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'gone' : `${boot}-${fields[19] ?? ''}`;
  } catch (error) {
    return codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH' ? 'gone' : undefined;
  }
}

let boot: string | null | undefined;

function bootId(): string | undefined {
  if (boot === undefined) {
    try {
      boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
    } catch {
      boot = null;
    }
  }
  return boot ?? undefined;
}
