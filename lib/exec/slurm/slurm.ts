// The executor for a Slurm cluster: every job is a batch job, on nodes that share the workspace's file system, or get what they need by a courier.
// Its jobs outlive the runner on purpose; the next one finds them by what lies in their folders (desk.ts). Knows nothing of stages beyond the
// name, of pipelines or of caching.

import { setMaxListeners } from 'node:events';
import { messageOf } from '../../core/result.ts';
import type { StageName } from '../../pipeline/pipeline.ts';
import type { Courier, Executor, Job, JobEnd, JobOutput, JobResult, Sent } from '../../plan/ports.ts';
import { commentOf, submit } from './client.ts';
import type { Answer } from './client.ts';
import { Desk, tokenOf } from './desk.ts';
import { Flight } from './flight.ts';
import { Gate } from './gate.ts';
import type { Turned } from './gate.ts';
import { Leftovers } from './leftovers.ts';
import { changesFrom, jobEnvironment, oddVariables, requestOf, sbatchOptions } from './request.ts';
import { batchScript, remoteScript, taskFiles } from './script.ts';
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
  /** Present where the nodes do not share the file system. */
  readonly courier?: Courier;
}

/** Milliseconds that a controller may be away before a job that it has not got is given up. */
const submissionPatience = 10 * 60_000;
/** Answers that mean: later. */
const full = /submit limit|MaxSubmit|temporarily unable to accept|try again|Resource temporarily unavailable/i;
/** The array has more tasks than the site allows one to have. */
const tooLarge = /invalid job array/i;

export class SlurmExecutor implements Executor {
  readonly name = 'slurm';
  readonly #options: SlurmExecutorOptions;
  readonly #desk: Desk;
  readonly #tower: Tower;
  readonly #leftovers: Leftovers;
  readonly #gate: Gate;

  constructor(options: SlurmExecutorOptions) {
    this.#options = options;
    this.#desk = new Desk(options.folder);
    const beat = (options.heartbeat ?? 10) * 1000;
    const { pipeline, knows, onWarning, courier } = options;
    const leavesElsewhere = courier !== undefined;
    this.#tower = new Tower({ desk: this.#desk, beat, onWarning, ...(courier === undefined ? {} : { courier }) });
    this.#leftovers = new Leftovers({ desk: this.#desk, pipeline, knows, beat, leavesElsewhere });
    // What is carried is carried for each job.
    const keyOf = leavesElsewhere ? ({ job }: Flight): string => job.stage : requestKey;
    this.#gate = new Gate({ depart: (batch, flights) => this.#depart(batch, flights), keyOf });
  }

  async run(job: Job, output: JobOutput, signal: AbortSignal): Promise<JobResult> {
    const flight = new Flight(job, output);
    const stop = (): void => this.#stop(flight);
    setMaxListeners(0, signal);
    signal.addEventListener('abort', stop);
    try {
      const record = this.#leftovers.take(job.stage, this.#identityOf(job.batch?.identity ?? ''));
      if (record !== undefined) this.#adopt(flight, record.token);
      else this.#gate.enter(flight);
      if (signal.aborted) stop();
      return await flight.result;
    } catch (error) {
      await this.#refuse(flight, messageOf(error));
      return await flight.result;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#tower.remove(flight);
    }
  }

  recover(stage: StageName, identity: string | null): Promise<boolean> {
    return this.#leftovers.recover(stage, identity === null ? null : this.#identityOf(identity));
  }

  /** A job whose inputs are carried is another one than that which finds them in the workspace. */
  #identityOf(identity: string): string {
    return this.#options.courier === undefined ? identity : `${identity} carried`;
  }

  async close(): Promise<void> {
    await this.#tower.close();
  }

  #stop(flight: Flight): void {
    if (this.#gate.leave(flight)) void flight.settle({ end: { kind: 'interrupted' }, seconds: 0, peakMemory: null });
    else this.#tower.stop(flight);
  }

  #adopt(flight: Flight, token: string): void {
    flight.seat(token, this.#desk.file(token, 'out'));
    flight.id = this.#desk.idOf(token);
    flight.submittedAt = performance.now();
    const which = flight.id === undefined ? 'a Slurm job' : `Slurm job ${flight.id}`;
    flight.log.note(`goes on with ${which} that an earlier run submitted`);
    this.#tower.add(flight);
  }

  /** Returns once the controller has these jobs, or it is settled that it never will. */
  async #depart(batch: string, flights: readonly Flight[]): Promise<Turned | undefined> {
    try {
      this.#open(batch, flights);
      const { courier } = this.#options;
      if (courier === undefined) return await this.#submit(batch, flights);
      await this.#sendOff(batch, flights[0]!, courier);
      return undefined;
    } catch (error) {
      for (const flight of flights) await this.#refuse(flight, messageOf(error));
      return undefined;
    }
  }

  async #sendOff(batch: string, flight: Flight, courier: Courier): Promise<void> {
    const sent = await courier.send(flight.job, flight.token);
    if (flight.stopping) await this.#settle(flight, { kind: 'interrupted' });
    else if (sent.ok) {
      flight.besides = sent.value.memory;
      await this.#submit(batch, [flight], sent.value);
    } else await this.#refuse(flight, sent.error);
  }

  /** Everything that the jobs need lies in their folder before they are submitted. */
  #open(batch: string, flights: readonly Flight[]): void {
    const base = environmentOf(flights);
    const members = flights.map(({ job }) => ({
      stage: job.stage,
      identity: this.#identityOf(job.batch?.identity ?? ''),
    }));
    const tasks = flights.map(({ job: { cwd, cmd, timeout, env } }) => {
      return { cwd, cmd, timeout, env: changesFrom(base, jobEnvironment(env)) };
    });
    const files = this.#options.courier === undefined ? taskFiles(tasks) : [];
    this.#desk.open({ batch, pipeline: this.#options.pipeline, members }, files);
    for (const [position, flight] of flights.entries()) {
      const token = tokenOf(batch, position);
      flight.seat(token, this.#desk.file(token, 'out'));
      this.#tower.add(flight);
    }
  }

  /**
   * Submitting again after an answer that never came is safe: of two jobs with one token only one claims the folder. The controller is asked
   * all the same whether it has the jobs, so that there is mostly one.
   */
  async #submit(batch: string, flights: readonly Flight[], sent?: Sent): Promise<Turned | undefined> {
    const deadline = performance.now() + submissionPatience;
    const isWanted = (): boolean => flights.some((flight) => !flight.settled);
    for (let pause = 500; isWanted(); pause = Math.min(pause * 2, 15_000)) {
      const answer = await this.#ask(batch, flights, sent);
      if (answer.kind === 'done') {
        this.#taken(batch, flights, answer.value);
        return undefined;
      }
      const isFull = full.test(answer.message);
      const isTooLarge = tooLarge.test(answer.message);
      if (flights.length > 1 && answer.kind === 'refused' && (isFull || isTooLarge))
        return this.#turnBack(flights, isTooLarge);
      const hasOthers = this.#tower.flights + this.#gate.waiting > flights.length;
      const later = answer.kind === 'unreachable' || (isFull && hasOthers);
      if (!later || performance.now() > deadline) {
        for (const flight of flights) await this.#refuse(flight, `sbatch: ${answer.message}`);
        return undefined;
      }
      if (answer.kind === 'unreachable') this.#tower.noteAbsence(answer.message);
      await new Promise((resolve) => setTimeout(resolve, pause));
      for (const flight of flights)
        if (flight.stopping && this.#desk.withdraw(flight.token)) await this.#settle(flight, { kind: 'interrupted' });
      const isUnknown = answer.kind === 'unreachable' && isWanted();
      const found = isUnknown ? (this.#begunAs(batch) ?? (await this.#tower.find(flights))) : undefined;
      if (found === undefined) continue;
      this.#taken(batch, flights, found.replace(/_.*/, ''));
      return undefined;
    }
    return undefined;
  }

  /** A job at work was submitted, whatever the controller answers: its id. */
  #begunAs(batch: string): string | undefined {
    for (const token of this.#desk.claimed(batch)) {
      const id = this.#desk.idOf(token);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  #ask(batch: string, flights: readonly Flight[], sent: Sent | undefined): Promise<Answer<string>> {
    const { job } = flights[0]!;
    const { heartbeat = 10, grace = 3, project } = this.#options;
    const folder = this.#desk.batchFolder(batch);
    const jobs = flights.length;
    const comment = commentOf(jobs > 1 ? batch : tokenOf(batch, 0));
    const carried = sent === undefined ? {} : { unseen: true, besides: sent.memory };
    const options = sbatchOptions(job, { folder, project, comment, jobs, ...carried });
    const env = environmentOf(flights);
    if (sent !== undefined) return submit(options, remoteScript(sent.command), { ...env, ...sent.env });
    return submit(options, batchScript({ folder, ends: this.#desk.ends, batch, beat: heartbeat, grace }), env);
  }

  #taken(batch: string, flights: readonly Flight[], id: string): void {
    const isArray = flights.length > 1;
    // A job may have failed, and be closed, before sbatch has said its id.
    if (flights.every((flight) => flight.settled)) return;
    this.#desk.noteId(batch, isArray ? `${id}_` : id);
    for (const [position, flight] of flights.entries())
      if (!flight.settled) this.#tower.submitted(flight, isArray ? `${id}_${position}` : id);
  }

  /** They wait again, for a smaller array. */
  #turnBack(flights: readonly Flight[], forever: boolean): Turned {
    const back = flights.filter((flight) => !flight.settled);
    for (const flight of flights) {
      this.#tower.remove(flight);
      this.#desk.close(flight.token);
      if (flight.stopping) void this.#settle(flight, { kind: 'interrupted' });
    }
    return { back: back.filter((flight) => !flight.stopping), forever };
  }

  async #refuse(flight: Flight, message: string): Promise<void> {
    if (!flight.settled) await this.#settle(flight, { kind: 'not-started', message, command: flight.job.cmd[0] ?? '' });
  }

  async #settle(flight: Flight, end: JobEnd): Promise<void> {
    this.#desk.close(flight.token);
    this.#options.courier?.drop(flight.token);
    await flight.settle({ end, seconds: 0, peakMemory: null });
  }
}

/** What is inherited by all jobs of a batch; in what they differ is set by each for itself. */
function environmentOf(flights: readonly Flight[]): Record<string, string> {
  return jobEnvironment(flights[0]!.job.env);
}

function requestKey({ job }: Flight): string {
  return JSON.stringify([requestOf(job), oddVariables(jobEnvironment(job.env))]);
}
