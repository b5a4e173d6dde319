// The executor for this machine: runs the commands of a job as child processes. Knows nothing of stages beyond the name, of pipelines
// or of caching; its promises never reject.

import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { messageOf } from '../core/result.ts';
import type { Executor, Job, JobEnd, JobOutput, JobResult } from '../plan/ports.ts';
import { Channels } from './channel.ts';
import { runCommand } from './command.ts';
import type { CommandEnd, CommandTools } from './command.ts';
import { JobLog } from './log.ts';
import { MemoryMeter } from './memory.ts';
import { hasProc } from './processes.ts';
import { Scratch } from './scratch.ts';
import { Spawner } from './spawner.ts';
import { afterNews } from './turns.ts';
import { Watchdog } from './watchdog.ts';

export interface LocalExecutorOptions {
  /** Seconds between SIGTERM and SIGKILL. Default: 3. */
  readonly grace?: number;
  /** Id of this runner, by which its commands are found; no other runner may have the same. Default: a random one. */
  readonly marker?: string;
  /** The program that starts commands instead of Node.js (spawner.ts); null: none. Default: `perl` on Linux, where a fork of Node.js is slow. */
  readonly spawner?: string | null;
}

type StopReason = 'timed-out' | 'interrupted';

/** The longest that one timer can wait, in milliseconds: longer ones would fire at once. */
const longestTimer = 2 ** 31 - 1;

export class LocalExecutor implements Executor {
  readonly name = 'local';
  readonly #grace: number;
  readonly #runner: string;
  readonly #spawner: string | null;
  readonly #running = new Map<Stop, Promise<JobResult>>();
  #tools: CommandTools | undefined;
  #commands = 0;

  constructor(options: LocalExecutorOptions = {}) {
    this.#grace = options.grace ?? 3;
    this.#runner = options.marker ?? randomBytes(12).toString('hex');
    this.#spawner = options.spawner === undefined ? (hasProc ? 'perl' : null) : options.spawner;
  }

  run(job: Job, output: JobOutput, signal: AbortSignal): Promise<JobResult> {
    const stop = new Stop(job.timeout, signal);
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
    this.#tools?.watchdog?.close();
    this.#tools?.spawner?.close();
    this.#tools?.scratch.close();
    this.#tools = undefined;
  }

  async #runJob(job: Job, output: JobOutput, stop: Stop): Promise<JobResult> {
    const started = performance.now();
    const meter = new MemoryMeter();
    const end = await this.#runAll(job, output, stop, meter);
    return { end, seconds: (performance.now() - started) / 1000, peakMemory: meter.peak };
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
    const scratch = new Scratch();
    const watchdog =
      process.platform === 'win32' ? undefined : new Watchdog({ runner: this.#runner, scratch: folderOf(scratch) });
    const spawner = this.#spawner === null ? undefined : new Spawner(this.#spawner);
    return { scratch, watchdog, spawner, channels: new Channels(scratch), grace: this.#grace };
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
  reason: StopReason | undefined;

  constructor(timeout: number | null, outer: AbortSignal) {
    this.#outer = outer;
    if (outer.aborted) this.now('interrupted');
    // One listener for each job that runs: many are no leak.
    setMaxListeners(0, outer);
    outer.addEventListener('abort', this.#interrupt);
    if (timeout !== null) this.#wait(performance.now() + timeout * 1000);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  now(reason: StopReason): void {
    this.reason ??= reason;
    this.#controller.abort();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#callOff?.();
    this.#outer.removeEventListener('abort', this.#interrupt);
  }

  #wait(deadline: number): void {
    const left = deadline - performance.now();
    if (left <= 0) this.#callOff = afterNews(() => this.now('timed-out'));
    else this.#timer = setTimeout(() => this.#wait(deadline), Math.min(left, longestTimer)).unref();
  }
}
