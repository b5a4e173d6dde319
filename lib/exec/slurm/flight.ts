// One job on the cluster, as its runner sees it.

import type { Job, JobOutput, JobResult } from '../../plan/ports.ts';
import { JobLog } from '../log.ts';
import type { QueueRow } from './client.ts';
import { Tail } from './tail.ts';

/** Milliseconds between two looks at the output: a tenth of the time that it has run, within these. */
const shortestPause = 100;
const longestPause = 2000;

export interface FlightRequest {
  readonly token: string;
  readonly job: Job;
  readonly output: JobOutput;
  readonly folder: string;
  /** Submitted by an earlier runner. */
  readonly adopted: boolean;
}

export class Flight {
  readonly token: string;
  readonly job: Job;
  readonly output: JobOutput;
  readonly log: JobLog;
  readonly tail: Tail;
  readonly adopted: boolean;
  readonly result: Promise<JobResult>;
  readonly startedAt = performance.now();
  id: string | undefined;
  row: QueueRow | undefined;
  /** When the controller had taken the job, at the latest. */
  submittedAt: number | undefined;
  /** When it was first seen at work. */
  beganAt: number | undefined;
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
  nextLook = 0;
  readonly #resolve: (result: JobResult) => void;

  constructor(request: FlightRequest) {
    this.token = request.token;
    this.job = request.job;
    this.output = request.output;
    this.adopted = request.adopted;
    this.log = new JobLog(request.job.logPath, request.output);
    this.tail = new Tail(request.folder, request.job.cmd, this.log);
    let resolve: (result: JobResult) => void = () => undefined;
    this.result = new Promise((settle) => (resolve = settle));
    this.#resolve = resolve;
  }

  look(now: number): void {
    if (now < this.nextLook) return;
    if (this.tail.look()) this.beganAt ??= now;
    const pause = this.beganAt === undefined ? 4 * shortestPause : (now - this.beganAt) / 10;
    this.nextLook = now + Math.min(longestPause, Math.max(shortestPause, pause));
  }

  /** What the controller said; what a person wants to know of it is shown. */
  noteRow(row: QueueRow, now: number): void {
    const before = this.row;
    this.row = row;
    this.id ??= row.id;
    this.missing = 0;
    if (row.state === 'RUNNING' || row.state === 'COMPLETING') this.beganAt ??= now;
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
