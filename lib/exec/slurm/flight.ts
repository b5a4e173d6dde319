// One job on the cluster, as its runner sees it.

import type { Job, JobOutput, JobResult } from '../../plan/ports.ts';
import { JobLog } from '../log.ts';
import type { QueueRow } from './client.ts';
import { partsOf } from './desk.ts';
import { Tail } from './tail.ts';

/** Milliseconds between two looks at the output of a job at work: a tenth of the time that it has run, within these. */
const shortestPause = 100;
const longestPause = 2000;

export class Flight {
  readonly job: Job;
  readonly output: JobOutput;
  readonly result: Promise<JobResult>;
  /** What it is known by; empty until it is about to be submitted. */
  token = '';
  id: string | undefined;
  row: QueueRow | undefined;
  /** When the controller had taken the job, at the latest. */
  submittedAt: number | undefined;
  /** When it was first seen at work. */
  beganAt: number | undefined;
  /** Bytes that its request has on top of what the stage asks for. */
  besides = 0;
  /** Asked for its end by this runner; and until when that is waited for. */
  stopping = false;
  stopUntil = Infinity;
  /** Why it was given up as lost. */
  lost: string | undefined;
  /** Until when what is missing to judge its end is waited for. */
  patientUntil: number | undefined;
  /** Answers of the controller in which it was missing. */
  missing = 0;
  heart = '';
  heartAt = performance.now();
  settled = false;
  /** What it has left elsewhere is being fetched, or was. */
  fetching = false;
  #nextLook = 0;
  #log: JobLog | undefined;
  #tail: Tail | undefined;
  readonly #resolve: (result: JobResult) => void;

  constructor(job: Job, output: JobOutput) {
    this.job = job;
    this.output = output;
    let resolve: (result: JobResult) => void = () => undefined;
    this.result = new Promise((settle) => (resolve = settle));
    this.#resolve = resolve;
  }

  /** `output`: path of what the job's commands write, without their position. A job that is submitted anew gets another one. */
  seat(token: string, output: string): void {
    this.token = token;
    this.#tail = new Tail(output, this.job.cmd, () => this.log);
  }

  /** Opened when there is something to write, or the job begins: jobs that wait are many, and files that are open few. */
  get log(): JobLog {
    return this.#open();
  }

  #open(): JobLog {
    return (this.#log ??= new JobLog(this.job.logPath, this.output));
  }

  /** It was seen at work. */
  begin(now: number): void {
    if (this.beganAt !== undefined) return;
    this.beganAt = now;
    this.#open();
  }

  /** The submission that it is part of. */
  get batch(): string {
    return partsOf(this.token)[0];
  }

  look(now: number): void {
    if (this.beganAt === undefined || now < this.#nextLook) return;
    this.#tail?.look();
    this.#nextLook = now + Math.min(longestPause, Math.max(shortestPause, (now - this.beganAt) / 10));
  }

  /** Delivers what is left of the output. */
  finishOutput(): void {
    this.#tail?.finish();
  }

  /** What was delivered is in the log, and recorded. */
  discardOutput(): void {
    this.#tail?.discard();
  }

  /** What the controller said; what a person wants to know of it is shown. */
  noteRow(row: QueueRow, now: number): void {
    const before = this.row;
    this.row = row;
    this.id ??= row.id;
    this.missing = 0;
    if (row.state === 'RUNNING' || row.state === 'COMPLETING') this.begin(now);
    if (row.state !== 'PENDING' || before?.reason === row.reason) return;
    const why = row.reason === 'None' ? '' : ` (${row.reason})`;
    this.output.progress(0, `queued as Slurm job ${row.id}${why}`);
  }

  /** True where the heart has beaten since it was last asked. */
  noteHeart(heart: string, now: number): boolean {
    if (heart === this.heart) return false;
    this.heart = heart;
    this.heartAt = now;
    return true;
  }

  async settle(result: JobResult): Promise<void> {
    this.settled = true;
    await this.log.close();
    this.#resolve(result);
  }
}
