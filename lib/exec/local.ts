// The executor for this machine: runs the commands of a job as child processes. Knows nothing of stages beyond the name, of pipelines
// or of caching; its promises never reject.

import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { messageOf } from '../core/result.ts';
import { takePart } from '../core/suspension.ts';
import type { Executor, Job, JobEnd, JobOutput, JobResult } from '../plan/ports.ts';
import { Channels } from './channel.ts';
import { runCommand } from './command.ts';
import type { CommandEnd, CommandTools } from './command.ts';
import { signalGroup, signalMarked } from './family.ts';
import { JobLog } from './log.ts';
import { MemoryMeter } from './memory.ts';
import { hasProc } from './processes.ts';
import { Scratch } from './scratch.ts';
import { Spawner } from './spawner.ts';
import { afterNews } from './turns.ts';
import { Watchdog, markerName } from './watchdog.ts';

export interface LocalExecutorOptions {
  /** Folder for the few files that running commands needs. Default: the system's temporary folder. */
  readonly scratch?: string;
  /** Seconds between SIGTERM and SIGKILL. Default: 3. */
  readonly grace?: number;
  /** Id of this runner, by which its commands are found; no other runner may have the same. Default: a random one. */
  readonly marker?: string;
  /** The program that starts commands instead of Node.js (spawner.ts); null: none. Default: `perl` on Linux, where a fork of Node.js is slow. */
  readonly spawner?: string | null;
}

type StopReason = 'timed-out' | 'interrupted';

/** Milliseconds that commands have to stop by themselves, which a runner among them uses to stop its own; who is just being started is there by then. */
const stopGrace = 50;

/** The longest that one timer can wait, in milliseconds: longer ones would fire at once. */
const longestTimer = 2 ** 31 - 1;

export class LocalExecutor implements Executor {
  readonly name = 'local';
  readonly #grace: number;
  readonly #runner: string;
  readonly #spawner: string | null;
  readonly #scratch: string | undefined;
  readonly #running = new Map<Stop, Promise<JobResult>>();
  #tools: CommandTools | undefined;
  #commands = 0;
  #withdraw: (() => void) | undefined;
  #isSuspended = false;

  constructor(options: LocalExecutorOptions = {}) {
    this.#grace = options.grace ?? 3;
    this.#scratch = options.scratch;
    this.#runner = options.marker ?? randomBytes(12).toString('hex');
    this.#spawner = options.spawner === undefined ? (hasProc ? 'perl' : null) : options.spawner;
  }

  run(job: Job, output: JobOutput, signal: AbortSignal): Promise<JobResult> {
    const stop = new Stop(job.timeout, signal);
    this.#withdraw ??= takePart({ suspend: () => this.#suspend(), resume: () => this.#resume() });
    const result = this.#runJob(job, output, stop).finally(() => {
      stop.dispose();
      this.#running.delete(stop);
    });
    this.#running.set(stop, result);
    return result;
  }

  /** Interrupts jobs that still run, then dismisses the helper and removes temporary files. The executor can be used again. */
  async close(): Promise<void> {
    for (const stop of this.#running.keys()) stop.now('interrupted');
    await Promise.all(this.#running.values());
    this.#withdraw?.();
    this.#withdraw = undefined;
    this.#tools?.watchdog?.close();
    this.#tools?.spawner?.close();
    this.#tools?.scratch.close();
    this.#tools = undefined;
  }

  /** Ctrl-Z reaches this process alone: the commands are in groups of their own. */
  #suspend(): void {
    if (this.#isSuspended) return;
    this.#isSuspended = true;
    for (const stop of this.#running.keys()) stop.suspend();
    this.#signalAll('SIGTSTP');
    if (this.#running.size > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stopGrace);
    this.#signalAll('SIGSTOP');
  }

  #resume(): void {
    if (!this.#isSuspended) return;
    this.#isSuspended = false;
    this.#signalAll('SIGCONT');
    for (const stop of this.#running.keys()) stop.resume();
  }

  #signalAll(signal: NodeJS.Signals): void {
    if (this.#running.size === 0) return;
    for (const group of this.#tools?.groups ?? []) signalGroup(group, signal);
    // Also those that left their group, and those whose start is not known yet.
    signalMarked(`${markerName}=${this.#runner}:`, signal);
  }

  async #runJob(job: Job, output: JobOutput, stop: Stop): Promise<JobResult> {
    const started = performance.now();
    const meter = new MemoryMeter();
    const end = await this.#runAll(job, output, stop, meter);
    const seconds = (performance.now() - started - stop.suspended) / 1000;
    return { end, seconds, peakMemory: meter.peak };
  }

  async #runAll(job: Job, output: JobOutput, stop: Stop, meter: MemoryMeter): Promise<JobEnd> {
    let current = job.cmd[0] ?? '';
    const log = new JobLog(job.logPath, output);
    try {
      for (current of job.cmd) {
        const end = describe(await this.#runOne(job, current, { log, stop, meter }), current, job, stop);
        if (end.kind !== 'exited' || end.code !== 0) return end;
      }
      return { kind: 'exited', code: 0, command: current };
    } catch (error) {
      return { kind: 'not-started', message: messageOf(error), command: current };
    } finally {
      await log.close();
    }
  }

  #runOne(
    job: Job,
    command: string,
    { log, stop, meter }: { log: JobLog; stop: Stop; meter: MemoryMeter },
  ): Promise<CommandEnd> {
    if (stop.signal.aborted) return Promise.resolve({ kind: 'stopped' });
    log.echo(command);
    const marker = `${this.#runner}:${this.#commands++}`;
    const { cwd, env } = job;
    this.#tools ??= this.#makeTools();
    return runCommand({ command, cwd, env, marker, log, meter, stop: stop.signal }, this.#tools);
  }

  #makeTools(): CommandTools {
    const scratch = new Scratch(this.#scratch);
    const watchdog =
      process.platform === 'win32' ? undefined : new Watchdog({ runner: this.#runner, scratch: folderOf(scratch) });
    const spawner = this.#spawner === null ? undefined : new Spawner(this.#spawner);
    return { scratch, watchdog, spawner, channels: new Channels(scratch), groups: new Set(), grace: this.#grace };
  }
}

/** Empty where the temporary folder cannot be written: commands run all the same, over sockets. */
function folderOf(scratch: Scratch): string {
  try {
    return scratch.folder;
  } catch {
    return '';
  }
}

function describe(end: CommandEnd, command: string, job: Job, stop: Stop): JobEnd {
  if (end.kind !== 'stopped') return { ...end, command };
  if (stop.reason === 'timed-out' && job.timeout !== null) return { kind: 'timed-out', seconds: job.timeout, command };
  return { kind: 'interrupted' };
}

/** Why a job has to stop: its time is over, or the runner was interrupted, whichever is first. */
class Stop {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #interrupt = (): void => this.now('interrupted');
  #timer: NodeJS.Timeout | undefined;
  #callOff: (() => void) | undefined;
  #deadline: number | undefined;
  #suspendedAt: number | undefined;
  /** Milliseconds for which the job stood still: they count neither as its time nor towards its limit. */
  suspended = 0;
  reason: StopReason | undefined;

  constructor(timeout: number | null, outer: AbortSignal) {
    this.#outer = outer;
    if (outer.aborted) this.now('interrupted');
    // One listener for each job that runs: many are no leak.
    setMaxListeners(0, outer);
    outer.addEventListener('abort', this.#interrupt);
    if (timeout === null) return;
    this.#deadline = performance.now() + timeout * 1000;
    this.#wait();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  now(reason: StopReason): void {
    this.reason ??= reason;
    this.#controller.abort();
  }

  suspend(): void {
    this.#suspendedAt = performance.now();
    this.#callOffTimer();
  }

  resume(): void {
    const length = performance.now() - (this.#suspendedAt ?? performance.now());
    this.#suspendedAt = undefined;
    this.suspended += length;
    if (this.#deadline === undefined) return;
    this.#deadline += length;
    this.#wait();
  }

  dispose(): void {
    this.#callOffTimer();
    this.#outer.removeEventListener('abort', this.#interrupt);
  }

  #wait(): void {
    const left = (this.#deadline ?? Infinity) - performance.now();
    if (left <= 0) this.#callOff = afterNews(() => this.now('timed-out'));
    else this.#timer = setTimeout(() => this.#wait(), Math.min(left, longestTimer)).unref();
  }

  #callOffTimer(): void {
    clearTimeout(this.#timer);
    this.#callOff?.();
  }
}
