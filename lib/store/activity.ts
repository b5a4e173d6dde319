// Who uses the cache. Runners and gc register as files in active/, each under a name of its own that holds an Owner as JSON.
//
// Whoever starts writes its own registration first and looks for others second, so that of a runner and a gc that start together at
// least one sees the other (both may give way, never neither). There is nothing to take over: the file of a dead owner says so itself
// and is removed by whoever finds it.

import { rmSync } from 'node:fs';
import { uniqueName, readTextIfExists, writeFileAtomic } from '../core/disk.ts';
import { currentOwner, isAlive, isLocal, parseOwner } from '../core/owner.ts';
import type { Owner } from '../core/owner.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Guard } from '../plan/ports.ts';
import { encodeName } from './layout.ts';
import type { Layout } from './layout.ts';
import { listNames, statOf } from './list.ts';

export type ActivityKind = 'runner' | 'gc';

/** Somebody else is at work. */
export interface Busy {
  readonly kind: ActivityKind;
  readonly owner: Owner;
  /** Names pid and command. */
  readonly message: string;
  readonly hint: string;
}

/** A registration of another host cannot be checked; after this many milliseconds it counts as left over. */
const foreignAge = 24 * 60 * 60 * 1000;

/**
 * Registers this process until release() is called. Any number of runners may be active at once; a gc must be alone.
 * A runner on a cache that cannot be written to needs no registration: it gets a guard all the same. System errors are thrown for gc.
 */
export function beginActivity(layout: Layout, kind: ActivityKind, command: string): Result<Guard, Busy> {
  const owner = currentOwner(command);
  const folder = layout.folder('active');
  const path = `${folder}/${kind}-${encodeName(owner.host)}-${uniqueName()}.json`;
  try {
    writeFileAtomic(path, `${JSON.stringify(owner)}\n`, { durable: false, tmp: layout.folder('tmp') });
  } catch (error) {
    if (kind === 'gc' || codeOf(error) === undefined) throw error;
    return ok({ release: () => undefined });
  }
  const release = (): void => rmSync(path, { force: true });
  const busy = findOther(folder, path, kind);
  if (busy === undefined) return ok({ release });
  release();
  return err(busy);
}

/** Milliseconds by which the clock of the file system may differ from that which a moment was read from. */
const clockSlack = 60_000;

/** True while somebody runs stages, or copies into the cache, who began at that moment (milliseconds) or before. Changes nothing. */
export function isRunnerActive(layout: Layout, since: number): boolean {
  const folder = layout.folder('active');
  return listNames(folder).some((name) => {
    if (!/^runner-.*\.json$/.test(name)) return false;
    const path = `${folder}/${name}`;
    const owner = parseJson(readTextIfExists(path) ?? '');
    return owner !== undefined && (statOf(path)?.mtimeMs ?? Infinity) <= since + clockSlack && isPresent(owner, path);
  });
}

/** The first live owner that an activity of this kind cannot go along with. Removes what dead owners left. */
function findOther(folder: string, own: string, kind: ActivityKind): Busy | undefined {
  for (const name of listNames(folder)) {
    const path = `${folder}/${name}`;
    const match = /^(runner|gc)-.*\.json$/.exec(name);
    if (path === own || match === null) continue;
    const other = match[1] === 'gc' ? 'gc' : 'runner';
    if (kind === 'runner' && other === 'runner') continue;
    const owner = readOwner(path);
    if (owner === undefined) continue;
    if (isPresent(owner, path)) return describeBusy(other, owner, path);
    rmSync(path, { force: true });
  }
  return undefined;
}

/** Undefined where the file is gone. One that holds no owner was left by a crash of the machine: they are written in one step. */
function readOwner(path: string): Owner | undefined {
  const text = readTextIfExists(path);
  if (text === undefined) return undefined;
  const owner = parseJson(text);
  if (owner === undefined) rmSync(path, { force: true, recursive: true });
  return owner;
}

function parseJson(text: string): Owner | undefined {
  try {
    return parseOwner(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function isPresent(owner: Owner, path: string): boolean {
  if (isLocal(owner)) return isAlive(owner);
  return Date.now() - (statOf(path)?.mtimeMs ?? 0) < foreignAge;
}

function describeBusy(kind: ActivityKind, owner: Owner, path: string): Busy {
  const where = isLocal(owner) ? '' : ` on ${owner.host}`;
  const message = `the cache is in use by process ${owner.pid}${where}: ${owner.command}`;
  const hint = isLocal(owner)
    ? 'wait until it has ended'
    : `wait until it has ended, or remove ${path} if it certainly has`;
  return { kind, owner, message, hint };
}
