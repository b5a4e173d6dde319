// One runner a workspace: a file that names its owner. A dead owner's lock is taken over; a live one's never is, however busy it is.

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { uniqueName } from '../core/disk.ts';
import { failure } from '../core/failure.ts';
import { currentOwner, isAlive, parseOwner } from '../core/owner.ts';
import type { Owner } from '../core/owner.ts';
import { codeOf, err, messageOf, ok } from '../core/result.ts';
import type { Guard, GuardResult } from '../plan/ports.ts';

export interface GuardOptions {
  /** Absolute path of the lock file. */
  readonly path: string;
  /** Wait until it is free instead of failing. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
  /** Told once, when waiting begins. */
  readonly onWait: (owner: Owner) => void;
}

/** Milliseconds between two looks at a lock that somebody else holds. */
const pollPause = 100;

/** Takes the workspace for this process. Failure `locked` names the pid and the command of the holder. */
export async function guardWorkspace(options: GuardOptions): Promise<GuardResult> {
  for (let looks = 0; ; looks++) {
    const holder = tryTake(options.path);
    if (holder === undefined) return ok(makeGuard(options.path));
    if (typeof holder === 'string') return err(failure('storage', { message: `cannot lock the workspace: ${holder}` }));
    if (!options.wait) return err(describeHolder(holder));
    if (looks === 0) options.onWait(holder);
    try {
      await sleep(pollPause, undefined, { signal: options.signal });
    } catch {
      return err(failure('interrupted', { message: 'interrupted while waiting for the workspace' }));
    }
  }
}

function describeHolder(holder: Owner) {
  return failure('locked', {
    message: `another dagrun is working here: pid ${holder.pid} on ${holder.host}: ${holder.command}`,
    hint: '`--wait` waits until it has finished',
  });
}

function makeGuard(path: string): Guard {
  let held = true;
  return {
    release: () => {
      if (!held) return;
      held = false;
      rmSync(path, { force: true });
    },
  };
}

/** Undefined: taken. An owner: theirs. A string: the disk refused. */
function tryTake(path: string): Owner | string | undefined {
  try {
    if (create(path)) return undefined;
    const holder = readOwner(path);
    if (holder === 'gone') return create(path) ? undefined : unknownOwner;
    if (holder !== undefined && isAlive(holder)) return holder;
    return takeOver(path, holder) ? undefined : (liveOwner(path) ?? unknownOwner);
  } catch (error) {
    return messageOf(error);
  }
}

const unknownOwner: Owner = { host: 'this host', pid: 0, startTime: '', command: 'just starting' };

function liveOwner(path: string): Owner | undefined {
  const holder = readOwner(path);
  return holder === 'gone' ? undefined : holder;
}

/** Appears under its name whole: a link to a file that is already written. False where the lock exists. */
function create(path: string): boolean {
  const tmp = `${path}.${uniqueName()}`;
  try {
    writeFileSync(tmp, JSON.stringify(currentOwner()));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(tmp, JSON.stringify(currentOwner()));
  }
  try {
    linkSync(tmp, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(tmp, { force: true });
  }
}

function readOwner(path: string): Owner | 'gone' | undefined {
  try {
    return parseOwner(JSON.parse(readFileSync(path, 'utf8')) as unknown);
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'gone' : undefined;
  }
}

/**
 * Two processes may find the same dead lock. Each moves what is there aside under a name of its own; whoever moved aside
 * something else than the dead lock that it saw has caught the other's fresh one, and puts it back.
 */
function takeOver(path: string, dead: Owner | undefined): boolean {
  const aside = `${path}.dead-${uniqueName()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return create(path);
    throw error;
  }
  const moved = readOwner(aside);
  const caughtLiveOne =
    moved !== undefined &&
    moved !== 'gone' &&
    (dead === undefined || moved.pid !== dead.pid || moved.startTime !== dead.startTime) &&
    isAlive(moved);
  try {
    if (!caughtLiveOne) return create(path);
    linkSync(aside, path);
    return false;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}
