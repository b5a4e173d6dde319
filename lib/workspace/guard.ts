// One runner a workspace: a file that names its owner. A dead owner's lock is taken over; a live one's never is, however busy it is.

import { linkSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import { readTextIfExists, uniqueName, withFolder } from '../core/disk.ts';
import { failure } from '../core/failure.ts';
import { currentOwner, isAlive, isLocal, parseOwner } from '../core/owner.ts';
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
  /** Told whose lock was taken over, which is dead; the guard is given out once this has ended. */
  readonly onTakeOver: (dead: Owner) => Promise<void>;
}

/** Milliseconds between two looks at a lock that somebody else holds. */
const pollPause = 100;
/** The same for a lock whose owner is not known yet, and how often it is looked at before it counts as held. */
const passingPause = 5;
const looksAtPassing = 20;

/** Takes the workspace for this process. Failure `locked` names the pid and the command of the holder. */
export async function guardWorkspace(options: GuardOptions): Promise<GuardResult> {
  let told = false;
  for (let looks = 0; ; looks++) {
    const holder = tryTake(options.path);
    if (typeof holder === 'object' && 'kind' in holder) {
      sweep(options.path);
      if (holder.from !== undefined) await options.onTakeOver(holder.from);
      return ok(makeGuard(options.path));
    }
    if (typeof holder === 'string') return err(failure('storage', { message: `cannot lock the workspace: ${holder}` }));
    // Who is just coming or going has a name, or is gone, in a moment.
    const passing = holder === unknownOwner && looks < looksAtPassing;
    if (!options.wait && !passing) return err(describeHolder(holder, options.path));
    if (!passing && !told) options.onWait(holder);
    told ||= !passing;
    // Loaded here, as hardly any run has to wait.
    const { setTimeout: sleep } = await import('node:timers/promises');
    try {
      await sleep(passing ? passingPause : pollPause, undefined, { signal: options.signal });
    } catch {
      return err(failure('interrupted', { message: 'interrupted while waiting for the workspace' }));
    }
  }
}

function describeHolder(holder: Owner, path: string) {
  return failure('locked', {
    message: `another dagrun is working here: pid ${holder.pid} on ${holder.host}: ${holder.command}`,
    hint: isLocal(holder)
      ? '`--wait` waits until it has finished'
      : `\`--wait\` waits until it has finished; if it certainly is gone, remove ${path}`,
  });
}

function makeGuard(path: string): Guard {
  let held = true;
  return {
    release: () => {
      if (!held) return;
      held = false;
      // What is not ours any more (somebody removed the folder, and somebody else began) is left alone.
      if (read(path)?.text === ownText()) rmSync(path, { force: true });
    },
  };
}

interface Taken {
  readonly kind: 'taken';
  /** Whose lock it was; undefined where there was none, or none that could be read. */
  readonly from: Owner | undefined;
}

/** An owner: theirs. A string: the disk refused. */
function tryTake(path: string): Taken | Owner | string {
  try {
    if (create(path)) return { kind: 'taken', from: undefined };
    const found = read(path);
    if (found === undefined) return create(path) ? { kind: 'taken', from: undefined } : unknownOwner;
    if (found.owner !== undefined && isAlive(found.owner)) return found.owner;
    return takeOver(path, found);
  } catch (error) {
    return messageOf(error);
  }
}

const unknownOwner: Owner = { host: hostname(), pid: 0, startTime: '', command: 'just starting' };

/** Appears under its name whole: a link to a file that is already written. False where the name is taken. */
function create(path: string): boolean {
  return withOwnFile(path, (file) => {
    try {
      linkSync(file, path);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  });
}

/** Runs the action with a file that names this process; where the action did not move it away, it is removed. */
function withOwnFile<T>(path: string, action: (file: string) => T): T {
  const file = `${path}.${uniqueName()}`;
  try {
    withFolder(file, () => writeFileSync(file, ownText()));
    return action(file);
  } finally {
    rmSync(file, { force: true });
  }
}

let text: string | undefined;

/** The same at every call: a lock that says it is ours. */
function ownText(): string {
  return (text ??= JSON.stringify(currentOwner()));
}

interface Found {
  readonly text: string;
  /** Undefined where the text names none. */
  readonly owner: Owner | undefined;
}

/** Undefined where there is nothing. */
function read(path: string): Found | undefined {
  const text = readTextIfExists(path);
  if (text === undefined) return undefined;
  try {
    return { text, owner: parseOwner(JSON.parse(text)) };
  } catch {
    return { text, owner: undefined };
  }
}

/**
 * Of the processes that find the same dead lock one may replace it: the one that makes the claim, a file named after the dead owner.
 * A claim whose maker died is claimed in turn. Until the dead lock is replaced nobody else changes it, and afterwards it never comes back,
 * so that a claim that comes too late finds another lock and does nothing.
 */
function takeOver(path: string, dead: Found): Taken | Owner {
  const claims: string[] = [];
  for (let last = dead; ;) {
    const claim = `${path}.after-${nameOf(last.owner)}`;
    if (create(claim)) {
      claims.push(claim);
      break;
    }
    const other = read(claim);
    if (other === undefined) return unknownOwner;
    if (other.owner === undefined) {
      // Claims appear whole: only a crash of the machine leaves one that names nobody.
      rmSync(claim, { force: true });
      return unknownOwner;
    }
    if (isAlive(other.owner)) return other.owner;
    claims.push(claim);
    last = other;
  }
  try {
    const now = read(path);
    if (now?.text !== dead.text) return now?.owner ?? unknownOwner;
    withOwnFile(path, (file) => renameSync(file, path));
    return { kind: 'taken', from: dead.owner };
  } finally {
    for (const claim of claims) rmSync(claim, { force: true });
  }
}

function nameOf(owner: Owner | undefined): string {
  return owner === undefined ? 'unreadable' : encodeURIComponent(`${owner.host}-${owner.pid}-${owner.startTime}`);
}

/** Removes what processes left beside the lock that were killed while they took it. */
function sweep(path: string): void {
  const folder = dirname(path);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${basename(path)}.`)) continue;
    const owner = read(`${folder}/${name}`)?.owner ?? makerOf(name);
    if (owner !== undefined && !isAlive(owner)) rmSync(`${folder}/${name}`, { force: true });
  }
}

/** Whose file it is by its name (uniqueName), where its maker was killed before it had written a word. */
function makerOf(name: string): Owner | undefined {
  const pid = parseInt(/\.([0-9a-z]+)-[0-9a-z]+-[0-9a-z]+$/.exec(name)?.[1] ?? '', 36);
  return Number.isSafeInteger(pid) && pid > 0 ? { ...unknownOwner, pid } : undefined;
}
