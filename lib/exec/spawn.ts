// Starts the shell of one command: by the helper where there is one and the channel is a named pipe, otherwise by Node.js. Either way the
// shell leads a process group of its own, and nothing is waited for but the start.

import type { execa as Execa, Options } from 'execa';
import type { Channel } from './channel.ts';
import type { Scratch } from './scratch.ts';
import type { ExitStatus, Spawner } from './spawner.ts';
import { markerName } from './watchdog.ts';

export const shell = '/bin/sh';

export interface SpawnRequest {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Value of the marker variable. */
  readonly marker: string;
  /** Aborted: nobody waits for the command any more. */
  readonly stop: AbortSignal;
}

export interface SpawnTools {
  readonly scratch: Scratch;
  /** Undefined where Node.js starts all commands. */
  readonly spawner: Spawner | undefined;
  /** Seconds between SIGTERM and SIGKILL; a start may take as long after the stop. */
  readonly grace: number;
}

export type Spawned =
  | { readonly kind: 'started'; readonly pid: number; readonly exited: Promise<ExitStatus> }
  | { readonly kind: 'failed'; readonly cause: unknown }
  /** The helper was killed meanwhile: perhaps the command runs, and has to be found by its marker. */
  | { readonly kind: 'lost' };

/** The kernel takes no single argument of 128 KiB or more (MAX_ARG_STRLEN); a longer command becomes a script. */
const longestArgument = 120_000;

/** Starts the command with both of its outputs in the channel. `dispose` is to be called when it is over. */
export async function spawnCommand(
  channel: Channel,
  request: SpawnRequest,
  tools: SpawnTools,
): Promise<Spawned & { readonly dispose: () => void }> {
  const script = scriptOf(channel.prefix + request.command, tools.scratch);
  const marker = { [markerName]: request.marker };
  // First in the environment, where a search finds it soon, and not to be replaced.
  const start = { cwd: request.cwd, env: { ...marker, ...request.env, ...marker }, script, stop: request.stop };
  const dispose = (): void => {
    if (script.path !== undefined) tools.scratch.remove(script.path);
  };
  const spawned = (await spawnByHelper(channel, start, tools)) ?? (await spawnByNode(channel, start));
  return { ...spawned, dispose };
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

interface Start {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly script: Script;
  readonly stop: AbortSignal;
}

/** Undefined where it has to be done by Node.js, which also words what is wrong with a text that holds a NUL byte. */
async function spawnByHelper(
  channel: Channel,
  { cwd, env, script, stop }: Start,
  { spawner, grace }: SpawnTools,
): Promise<Spawned | undefined> {
  if (spawner === undefined || channel.pipe === undefined || `${cwd}${script.text}`.includes('\0')) return undefined;
  const argv = script.path === undefined ? (['-c', script.text] as const) : ([script.path] as const);
  let timer: NodeJS.Timeout | undefined;
  const hurry = (): void => void (timer = setTimeout(() => spawner.giveUp(), grace * 1000));
  stop.addEventListener('abort', hurry, { once: true });
  const start = await spawner.start({ pipe: channel.pipe, cwd, env, argv: [shell, ...argv] });
  stop.removeEventListener('abort', hurry);
  clearTimeout(timer);
  if (start.kind === 'unavailable') return undefined;
  if (start.kind === 'started') channel.attach();
  return start.kind === 'failed' ? { kind: 'failed', cause: new StartError(start.code) } : start;
}

class StartError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

let spawnWith: typeof Execa | undefined;

/**
 * execa is left with the spawning itself: output, time limits, signals and cleaning up are done here, for whole process groups, and
 * its own handling of them would cost as much as the spawning.
 */
async function spawnByNode(channel: Channel, { cwd, env, script }: Start): Promise<Spawned> {
  spawnWith ??= (await import('execa')).execa;
  const windows = process.platform === 'win32';
  // Any descriptor will do; the type declarations know those up to 9 only.
  const stdio = channel.stdio as 'pipe' | 3;
  const options = {
    cwd,
    env,
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
  const child =
    script.path === undefined
      ? spawnWith(script.text, { ...options, shell: windows ? true : shell })
      : spawnWith(shell, [script.path], options);
  const { pid } = child;
  if (pid === undefined) {
    const result = await child;
    return { kind: 'failed', cause: result.cause ?? result.shortMessage };
  }
  channel.attach(child);
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return { kind: 'started', pid, exited };
}
