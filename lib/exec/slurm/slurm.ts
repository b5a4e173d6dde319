// The executor for a Slurm cluster whose nodes share the workspace's file system: every job is a batch job. Its jobs outlive the runner on
// purpose; the next one finds them by what lies in their folders (desk.ts). Knows nothing of stages beyond the name, of pipelines or of caching.

import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { messageOf } from '../../core/result.ts';
import type { StageName } from '../../pipeline/pipeline.ts';
import type { Executor, Job, JobEnd, JobOutput, JobResult } from '../../plan/ports.ts';
import { submit } from './client.ts';
import { Desk } from './desk.ts';
import { Flight } from './flight.ts';
import { Leftovers } from './leftovers.ts';
import { jobEnvironment, sbatchOptions } from './request.ts';
import { batchScript, longCommands } from './script.ts';
import { Tower } from './tower.ts';

export interface SlurmExecutorOptions {
  /** Absolute path of the folder for jobs, on the shared file system. */
  readonly folder: string;
  /** What jobs are called before the name of their stage. */
  readonly project: string;
  /** The pipeline file: jobs of another one in the same folder are left alone. */
  readonly pipeline: string;
  /** False for a stage that is no longer in the pipeline: its jobs are cancelled. */
  readonly knows: (stage: string) => boolean;
  readonly onWarning: (message: string, hint?: string) => void;
  /** Seconds between two signs of life of a job. Default: 10. A job without one for six times as long is lost. */
  readonly heartbeat?: number;
  /** Seconds between SIGTERM and SIGKILL where the script ends its commands itself. Default: 3. */
  readonly grace?: number;
}

/** Submissions at a time: the controller takes one after the other anyway. */
const submissionsAtOnce = 4;
/** Milliseconds that a controller may be away before a job that it has not got is given up. */
const submissionPatience = 10 * 60_000;
/** Answers that mean: later. */
const full = /submit limit|MaxSubmit|temporarily unable to accept|try again|Resource temporarily unavailable/i;

export class SlurmExecutor implements Executor {
  readonly name = 'slurm';
  readonly #options: SlurmExecutorOptions;
  readonly #desk: Desk;
  readonly #tower: Tower;
  readonly #leftovers: Leftovers;
  readonly #waiting: (() => void)[] = [];
  #submitting = 0;

  constructor(options: SlurmExecutorOptions) {
    this.#options = options;
    this.#desk = new Desk(options.folder);
    const beat = (options.heartbeat ?? 10) * 1000;
    this.#tower = new Tower({ desk: this.#desk, beat, onWarning: options.onWarning });
    const { pipeline, knows } = options;
    this.#leftovers = new Leftovers({ desk: this.#desk, pipeline, knows, beat });
  }

  async run(job: Job, output: JobOutput, signal: AbortSignal): Promise<JobResult> {
    const record = this.#leftovers.take(job.stage, job.batch?.identity);
    const token = record?.token ?? randomBytes(9).toString('hex');
    const folder = this.#desk.folder(token);
    const flight = new Flight({ token, job, output, folder, adopted: record !== undefined });
    const stop = (): void => this.#tower.stop(flight);
    setMaxListeners(0, signal);
    signal.addEventListener('abort', stop);
    try {
      if (signal.aborted) this.#tower.stop(flight);
      if (record === undefined) await this.#launch(flight);
      else this.#adopt(flight);
      return await flight.result;
    } catch (error) {
      return await this.#refuse(flight, messageOf(error));
    } finally {
      signal.removeEventListener('abort', stop);
      this.#tower.remove(flight);
    }
  }

  recover(stage: StageName, identity: string | null): Promise<boolean> {
    return this.#leftovers.recover(stage, identity);
  }

  async close(): Promise<void> {
    await this.#tower.close();
  }

  #adopt(flight: Flight): void {
    flight.id = this.#desk.idOf(flight.token);
    flight.submittedAt = performance.now();
    const which = flight.id === undefined ? 'a Slurm job' : `Slurm job ${flight.id}`;
    flight.log.note(`goes on with ${which} that an earlier run submitted`);
    this.#tower.add(flight);
  }

  /** Returns once the controller has the job, or it is settled that it never will. */
  async #launch(flight: Flight): Promise<void> {
    const { job, token } = flight;
    const { pipeline, heartbeat = 10, grace = 3 } = this.#options;
    if (this.#submitting >= submissionsAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#submitting++;
    try {
      if (flight.stopping) {
        await this.#settle(flight, { kind: 'interrupted' });
        return;
      }
      const files = longCommands(job.cmd).map(([position, text]) => [`cmd.${position}`, text] as const);
      this.#desk.open({ token, pipeline, stage: job.stage, identity: job.batch?.identity ?? '' }, files);
      const folder = this.#desk.folder(token);
      const { cwd, cmd, timeout } = job;
      const script = batchScript({ folder, ends: this.#desk.ends, token, cwd, cmd, timeout, beat: heartbeat, grace });
      this.#tower.add(flight);
      await this.#submit(flight, script);
    } finally {
      this.#submitting--;
      this.#waiting.shift()?.();
    }
  }

  /**
   * Submitting again after an answer that never came is safe: of two jobs with one token only one claims the folder. The controller is asked
   * all the same whether it has the job, so that there is mostly one.
   */
  async #submit(flight: Flight, script: string): Promise<void> {
    const { job, token } = flight;
    const comment = `dagrun ${token} ${job.batch?.identity ?? ''}`;
    const place = { folder: this.#desk.folder(token), project: this.#options.project, comment };
    const options = sbatchOptions(job, place);
    const env = jobEnvironment(job.env);
    const deadline = performance.now() + submissionPatience;
    for (let pause = 500; !flight.settled; pause = Math.min(pause * 2, 15_000)) {
      const answer = await submit(options, script, env);
      if (answer.kind === 'done') {
        this.#tower.submitted(flight, answer.value);
        return;
      }
      const later = answer.kind === 'unreachable' || (full.test(answer.message) && this.#tower.flights > 1);
      if (!later || performance.now() > deadline) {
        await this.#refuse(flight, `sbatch: ${answer.message}`);
        return;
      }
      if (answer.kind === 'unreachable') this.#tower.noteAbsence(answer.message);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (flight.id !== undefined) return;
      if (flight.stopping && this.#desk.withdraw(token)) {
        await this.#settle(flight, { kind: 'interrupted' });
        return;
      }
      if (answer.kind === 'unreachable' && (await this.#tower.find(flight))) return;
    }
  }

  async #refuse(flight: Flight, message: string): Promise<JobResult> {
    if (!flight.settled) await this.#settle(flight, { kind: 'not-started', message, command: flight.job.cmd[0] ?? '' });
    return flight.result;
  }

  async #settle(flight: Flight, end: JobEnd): Promise<void> {
    this.#desk.close(flight.token);
    await flight.settle({ end, seconds: 0, peakMemory: null });
  }
}
