// One shell command from its start until nothing of it is left. Knows nothing of stages, lists of commands or time limits:
// it is told by a signal when to stop.

import { accessSync, constants, statSync } from 'node:fs';
import { codeOf, messageOf } from '../core/result.ts';
import type { Channel, Channels } from './channel.ts';
import { comesTrue, endFamily, isGroupAlive } from './family.ts';
import type { Family } from './family.ts';
import type { JobLog } from './log.ts';
import type { MemoryMeter } from './memory.ts';
import { findProcesses, hasProc } from './processes.ts';
import { shell, spawnCommand } from './spawn.ts';
import type { Spawned, SpawnRequest, SpawnTools } from './spawn.ts';
import { afterNews } from './turns.ts';
import { markerName } from './watchdog.ts';
import type { Watchdog } from './watchdog.ts';

/** What all commands of a runner share. */
export interface CommandTools extends SpawnTools {
  readonly channels: Channels;
  /** Process groups of the commands that run. */
  readonly groups: Set<number>;
  /** Undefined where the system has no helper (Windows). */
  readonly watchdog: Watchdog | undefined;
}

/** No other command has the same marker. When `stop` is aborted, the command and all that it started are ended. */
export interface CommandRequest extends SpawnRequest {
  readonly log: JobLog;
  readonly meter: MemoryMeter;
}

export type CommandEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'not-started'; readonly message: string };

/** Seconds that whatever outlives the command's shell may still take before it is ended. */
const patience = 1;

/** Seconds for the last bytes to arrive after everything was ended. */
const lastWait = 0.5;

/** Runs the command to its end. Throws only where the machine fails (no temporary folder, no memory). */
export async function runCommand(request: CommandRequest, tools: CommandTools): Promise<CommandEnd> {
  const channel = await tools.channels.open();
  try {
    if (request.stop.aborted) return { kind: 'stopped' };
    return await runWith(channel, request, tools);
  } finally {
    channel.close();
    request.log.endCommand();
  }
}

async function runWith(channel: Channel, request: CommandRequest, tools: CommandTools): Promise<CommandEnd> {
  const spawned = await spawnCommand(channel, request, tools);
  try {
    if (spawned.kind === 'lost') await endFamily(familyOf(undefined, request), tools.grace);
    if (spawned.kind !== 'started' && request.stop.aborted) return { kind: 'stopped' };
    if (spawned.kind === 'lost') return { kind: 'signalled', signal: 'SIGKILL' };
    if (spawned.kind === 'failed') return { kind: 'not-started', message: explain(spawned.cause, request) };
    tools.watchdog?.started(spawned.pid);
    tools.groups.add(spawned.pid);
    request.meter.start(spawned.pid);
    try {
      return await follow({ group: spawned.pid, exited: endOf(spawned, request), channel, request, tools });
    } finally {
      request.meter.stop();
      tools.watchdog?.ended(spawned.pid);
      tools.groups.delete(spawned.pid);
    }
  } finally {
    spawned.dispose();
  }
}

async function endOf(
  { exited }: Extract<Spawned, { kind: 'started' }>,
  { meter }: CommandRequest,
): Promise<CommandEnd> {
  const { code, signal } = await exited;
  meter.stop();
  return signal === null ? { kind: 'exited', code: code ?? 1 } : { kind: 'signalled', signal };
}

interface Running {
  readonly group: number;
  readonly exited: Promise<CommandEnd>;
  readonly channel: Channel;
  readonly request: CommandRequest;
  readonly tools: CommandTools;
}

async function follow(running: Running): Promise<CommandEnd> {
  const { exited, channel, request, tools } = running;
  const received = request.log.ready.then(() => channel.receive((bytes) => request.log.write(bytes)));
  const stop = whenAborted(request.stop);
  try {
    const end = await Promise.race([exited, stop.promise]);
    if (end !== undefined && (await isOver(running, received, stop.promise))) return end;
    if (end !== undefined && !request.stop.aborted) {
      await endLeftovers(running, received);
      return end;
    }
    await endFamily(familyOf(running.group, request), tools.grace);
    await within(Promise.all([exited, received]), lastWait);
    return { kind: 'stopped' };
  } finally {
    stop.dispose();
  }
}

function familyOf(group: number | undefined, { marker }: CommandRequest): Family {
  return { group, marker: `${markerName}=${marker}` };
}

/** After the exit of the shell: true once its group is empty and its output has ended. Waits for that until the patience is over. */
async function isOver(running: Running, received: Promise<void>, stopped: Promise<unknown>): Promise<boolean> {
  const { channel, group, request } = running;
  const deadline = performance.now() + patience * 1000;
  if (!channel.ended) await within(Promise.race([received, stopped]), patience);
  if (!channel.ended) return false;
  const left = (deadline - performance.now()) / 1000;
  return (await comesTrue(() => request.stop.aborted || !isGroupAlive(group), left)) && !request.stop.aborted;
}

/**
 * A stage leaves nothing behind. Exempt is a real daemon only: one that left the process group and gave up the command's output.
 */
async function endLeftovers(running: Running, received: Promise<void>): Promise<void> {
  const { channel, group, request, tools } = running;
  const family = familyOf(group, request);
  const { members, strays } = findProcesses(family.group, family.marker);
  await endFamily(family, tools.grace);
  await within(received, lastWait);
  const number = members.length + strays.length;
  const who = !hasProc ? 'what' : number === 1 ? 'a process that' : `${number} processes that`;
  if (!hasProc || number > 0) request.log.note(`ended ${who} "${headline(request.command)}" left running`);
  if (!channel.ended) request.log.note('some process still holds the output of that command; it is not waited for');
}

function headline(command: string): string {
  const line = command.trimStart().split('\n', 1)[0] ?? '';
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

/** Resolves with undefined once the signal is aborted. */
function whenAborted(signal: AbortSignal): { readonly promise: Promise<undefined>; readonly dispose: () => void } {
  let listener: (() => void) | undefined;
  const promise = new Promise<undefined>((resolve) => {
    listener = () => resolve(undefined);
    if (signal.aborted) listener();
    else signal.addEventListener('abort', listener, { once: true });
  });
  return { promise, dispose: () => listener && signal.removeEventListener('abort', listener) };
}

/** Waits for the promise, at most so many seconds, and for what has happened by then to be told. */
async function within(promise: Promise<unknown>, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let callOff = (): void => undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(() => (callOff = afterNews(resolve)), seconds * 1000);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
  callOff();
}

/** Why a process could not be started, for a person. Node.js says `spawn /bin/sh ENOENT` also where the working folder is missing. */
function explain(cause: unknown, { cwd, command }: CommandRequest): string {
  const code = codeOf(cause);
  if (code === 'E2BIG')
    return 'the environment is too large for the kernel: one variable of 128 KiB or more, or too much in all (E2BIG)';
  if (command.includes('\0')) return 'the command contains a NUL byte';
  const folder = folderProblem(cwd);
  return folder === undefined
    ? `${shell} cannot be started: ${messageOf(cause)}`
    : `the working folder "${cwd}" ${folder}`;
}

function folderProblem(path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return 'is not a folder';
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'does not exist' : `cannot be entered (${codeOf(error) ?? messageOf(error)})`;
  }
}
