// One shell command from its start until nothing of it is left. Knows nothing of stages, lists of commands or time limits:
// it is told by a signal when to stop.

import type { ChildProcess } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import type { execa as Execa, Options } from 'execa';
import { codeOf, messageOf } from '../core/result.ts';
import type { Channel, Channels } from './channel.ts';
import { comesTrue, endFamily, isGroupAlive } from './family.ts';
import type { Family } from './family.ts';
import type { JobLog } from './log.ts';
import type { MemoryMeter } from './memory.ts';
import { findProcesses, hasProc } from './processes.ts';
import type { Scratch } from './scratch.ts';
import { markerName } from './watchdog.ts';
import type { Watchdog } from './watchdog.ts';

/** What all commands of a runner share. */
export interface CommandTools {
  readonly channels: Channels;
  readonly scratch: Scratch;
  /** Undefined where the system has no helper (Windows). */
  readonly watchdog: Watchdog | undefined;
  /** Seconds between SIGTERM and SIGKILL. */
  readonly grace: number;
}

export interface CommandRequest {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Value of the marker variable; no other command has the same. */
  readonly marker: string;
  readonly log: JobLog;
  readonly meter: MemoryMeter;
  /** Aborted: the command and all that it started are ended. */
  readonly stop: AbortSignal;
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

/** The kernel takes no single argument of 128 KiB or more (MAX_ARG_STRLEN); a longer command becomes a script. */
const longestArgument = 120_000;

const shell = '/bin/sh';

/** Runs the command to its end. Throws only where the machine fails (no temporary folder, no memory). */
export async function runCommand(request: CommandRequest, tools: CommandTools): Promise<CommandEnd> {
  const [channel] = await Promise.all([tools.channels.open(), loadSpawner()]);
  try {
    if (request.stop.aborted) return { kind: 'stopped' };
    return await runWith(channel, request, tools);
  } finally {
    channel.close();
    request.log.endCommand();
  }
}

async function runWith(channel: Channel, request: CommandRequest, tools: CommandTools): Promise<CommandEnd> {
  const script = scriptOf(channel.prefix + request.command, tools.scratch);
  try {
    const { child, failure } = await spawn(channel, request, script);
    const group = child.pid;
    if (group === undefined) return { kind: 'not-started', message: explain(await failure, request) };
    tools.watchdog?.started(group);
    request.meter.start(group);
    try {
      return await follow({ child, group, channel, request, tools });
    } finally {
      request.meter.stop();
      tools.watchdog?.ended(group);
    }
  } finally {
    if (script.path !== undefined) tools.scratch.remove(script.path);
  }
}

interface Script {
  readonly text: string;
  /** Set where the text is too long to be an argument. */
  readonly path: string | undefined;
}

function scriptOf(text: string, scratch: Scratch): Script {
  const isLong =
    process.platform !== 'win32' && text.length * 3 > longestArgument && Buffer.byteLength(text) > longestArgument;
  return { text, path: isLong ? scratch.writeScript(text) : undefined };
}

let spawner: typeof Execa | undefined;

async function loadSpawner(): Promise<typeof Execa> {
  spawner ??= (await import('execa')).execa;
  return spawner;
}

interface Spawned {
  /** Without a pid: it could not be started, and `failure` says why. */
  readonly child: ChildProcess;
  readonly failure: Promise<unknown>;
}

/**
 * execa is left with the spawning itself: output, time limits, signals and cleaning up are done here, for whole process groups, and
 * its own handling of them would cost as much as the spawning.
 */
async function spawn(channel: Channel, request: CommandRequest, script: Script): Promise<Spawned> {
  const execa = await loadSpawner();
  const windows = process.platform === 'win32';
  const marker = { [markerName]: request.marker };
  // Any descriptor will do; the type declarations know those up to 9 only.
  const stdio = channel.stdio as 'pipe' | 3;
  const options = {
    cwd: request.cwd,
    // First in the environment, where a search finds it soon, and not to be replaced.
    env: { ...marker, ...request.env, ...marker },
    extendEnv: false,
    detached: !windows,
    stdin: 'ignore',
    stdout: stdio,
    stderr: stdio,
    buffer: false,
    reject: false,
    cleanup: false,
    stripFinalNewline: false,
    verbose: 'none',
    forceKillAfterDelay: false,
  } satisfies Options;
  const subprocess =
    script.path === undefined
      ? execa(script.text, { ...options, shell: windows ? true : shell })
      : execa(shell, [script.path], options);
  if (subprocess.pid !== undefined) channel.attach(subprocess);
  return { child: subprocess, failure: subprocess.then((result) => result.cause ?? result.shortMessage) };
}

interface Running {
  readonly child: ChildProcess;
  readonly group: number;
  readonly channel: Channel;
  readonly request: CommandRequest;
  readonly tools: CommandTools;
}

async function follow(running: Running): Promise<CommandEnd> {
  const { child, channel, request, tools } = running;
  const exited = new Promise<CommandEnd>((resolve) => {
    child.once('exit', (code, signal) => {
      request.meter.stop();
      resolve(signal === null ? { kind: 'exited', code: code ?? 1 } : { kind: 'signalled', signal });
    });
  });
  const received = request.log.ready.then(() => channel.receive((bytes) => request.log.write(bytes)));
  const stop = whenAborted(request.stop);
  try {
    const end = await Promise.race([exited, stop.promise]);
    if (end !== undefined && (await isOver(running, received, stop.promise))) return end;
    if (end !== undefined && !request.stop.aborted) {
      await endLeftovers(running, received);
      return end;
    }
    await endFamily(familyOf(running), tools.grace);
    await within(Promise.all([exited, received]), lastWait);
    return { kind: 'stopped' };
  } finally {
    stop.dispose();
  }
}

function familyOf({ group, request }: Running): Family {
  return { group, marker: `${markerName}=${request.marker}` };
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
  const { channel, request, tools } = running;
  const family = familyOf(running);
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

/**
 * Waits for the promise, at most so many seconds. Where the runner itself was busy for that long, what has happened meanwhile is
 * still taken into account: timers come first in a turn of the event loop, then news of processes and pipes, then setImmediate.
 */
async function within(promise: Promise<unknown>, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => (timer = setTimeout(() => setImmediate(resolve), seconds * 1000)));
  await Promise.race([promise, limit]);
  clearTimeout(timer);
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
