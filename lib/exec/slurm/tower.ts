// Watches all jobs in flight. Ends are announced by files, and one listing tells of all of them; the controller is asked for all jobs at
// once, seldom, for what no file can tell: jobs that wait, were cancelled, or were lost with their node.

import type { Brought, Courier, JobEnd, JobResult } from '../../plan/ports.ts';
import { cancel, queue } from './client.ts';
import type { Desk } from './desk.ts';
import type { Flight } from './flight.ts';
import { isLive, isNodeTrouble, judgeEnd } from './judge.ts';
import { QueueIndex } from './leftovers.ts';
import { outputOnNode } from './request.ts';

export interface TowerOptions {
  readonly desk: Desk;
  /** Milliseconds between two signs of life of a job. */
  readonly beat: number;
  /** Present where jobs write nothing into these folders: what they leave is fetched once the controller says that they have ended. */
  readonly courier?: Courier;
  readonly onWarning: (message: string, hint?: string) => void;
}

/** Milliseconds. */
const tickPause = { shortest: 40, longest: 500 } as const;
const claimsPause = { shortest: 150, longest: 2000 } as const;
const queuePause = { shortest: 2000, longest: 20_000, hurried: 300, away: 15_000 } as const;
/** A question to the controller may take at most this share of the time. */
const share = 0.05;
/** Beats that may be missed. */
const missedBeats = 6;
/** Beats without which a job that was given up is at rest. */
const restingBeats = 2.5;
/** Milliseconds that the last word of a job, or of the controller about it, may take. */
const lastWord = 5000;
/** Milliseconds that an interrupted runner waits for its jobs to be gone; the next runner waits for the rest. */
const longestStop = 10_000;

export class Tower {
  readonly #options: TowerOptions;
  readonly #flights = new Set<Flight>();
  readonly #stops = new Set<Flight>();
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  #nextQueue = 0;
  #nextClaims = 0;
  /** When anything last happened. */
  #newsAt = performance.now();
  #absent = false;

  constructor(options: TowerOptions) {
    this.#options = options;
  }

  get flights(): number {
    return this.#flights.size;
  }

  add(flight: Flight): void {
    this.#flights.add(flight);
    this.#news();
  }

  remove(flight: Flight): void {
    this.#flights.delete(flight);
    if (this.#flights.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  submitted(flight: Flight, id: string): void {
    flight.id = id;
    flight.submittedAt = flight.heartAt = performance.now();
    this.#news();
    // It was too late to keep it from being submitted.
    if (flight.stopping) this.#cancelSoon(flight);
  }

  /** Asks the controller for jobs whose submission was never answered: the id of one of them, if it has any. */
  async find(flights: readonly Flight[]): Promise<string | undefined> {
    const answer = await queue();
    const rows = new QueueIndex(answer.kind === 'done' ? answer.value : []);
    return flights.map(({ token }) => rows.find(token, undefined)?.id).find((id) => id !== undefined);
  }

  /** The runner was interrupted: the job is to end. */
  stop(flight: Flight): void {
    if (flight.stopping || flight.settled) return;
    flight.stopping = true;
    flight.stopUntil = performance.now() + longestStop;
    if (!this.#flights.has(flight)) return;
    this.#cancelSoon(flight);
    this.#news();
  }

  async close(): Promise<void> {
    const all = [...this.#flights];
    for (const flight of all) this.stop(flight);
    await Promise.all(all.map((flight) => flight.result));
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  noteAbsence(message: string): void {
    if (this.#absent) return;
    this.#absent = true;
    const hint = 'jobs that run go on; it is asked again';
    this.#options.onWarning(`the Slurm controller cannot be reached: ${message.split('\n', 1)[0] ?? ''}`, hint);
  }

  // ---- one look at everything ----

  #news(): void {
    this.#newsAt = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), tickPause.shortest);
  }

  #tick(): void {
    const now = performance.now();
    const ended = this.#options.desk.ended();
    this.#noteClaims(now);
    for (const flight of this.#flights) {
      if (flight.settled) continue;
      if (ended.has(flight.token)) this.#consider(flight, now);
      else {
        flight.look(now);
        this.#watchLost(flight, now);
      }
    }
    if (now >= this.#nextQueue && !this.#asking && this.#anySubmitted()) void this.#ask();
    const pause = Math.min(tickPause.longest, Math.max(tickPause.shortest, (now - this.#newsAt) / 20));
    if (this.#flights.size > 0) this.#timer = setTimeout(() => this.#tick(), pause);
  }

  /** Which jobs have begun: one listing for all jobs of a batch. What is carried claims nothing. */
  #noteClaims(now: number): void {
    if (now < this.#nextClaims || this.#options.courier !== undefined) return;
    const { shortest, longest } = claimsPause;
    this.#nextClaims = now + Math.min(longest, Math.max(shortest, (now - this.#newsAt) / 10));
    const waiting = [...this.#flights].filter((flight) => flight.beganAt === undefined && flight.token !== '');
    const batches = new Set(waiting.map(({ batch }) => batch));
    const claimed = new Set([...batches].flatMap((batch) => this.#options.desk.claimed(batch)));
    for (const flight of waiting) if (claimed.has(flight.token)) flight.begin(now);
  }

  #anySubmitted(): boolean {
    for (const flight of this.#flights) if (flight.submittedAt !== undefined) return true;
    return false;
  }

  /** It may have ended: judges that, or waits for what is missing. */
  #consider(flight: Flight, now: number): void {
    if (flight.settled) return;
    flight.patientUntil ??= now + lastWord;
    const { desk } = this.#options;
    const end = desk.end(flight.token);
    const { row, stopping, lost } = flight;
    const remarks = end?.kind === 'exit' && end.code === 0 ? '' : desk.remarks(flight.token);
    const patient = now < flight.patientUntil;
    const verdict = judgeEnd(flight.job, { end, row, remarks, stopping, lost, patient });
    if (verdict !== undefined) this.#settle(flight, verdict, now);
    else this.#hurry();
  }

  /** A job that was given up is waited for until it certainly writes nothing any more. */
  #watchLost(flight: Flight, now: number): void {
    const { desk, beat } = this.#options;
    if (flight.stopping && now > flight.stopUntil) {
      this.#settle(flight, { kind: 'interrupted' }, now, { keep: true });
      return;
    }
    if (flight.lost === undefined || flight.noteHeart(desk.heart(flight.token), now)) return;
    if (now - flight.heartAt < restingBeats * beat) return;
    const command = flight.job.cmd[0] ?? '';
    this.#settle(flight, { kind: 'node-failed', message: flight.lost, command }, now);
  }

  #settle(flight: Flight, end: JobEnd, now: number, { keep } = { keep: false }): void {
    const { desk } = this.#options;
    this.#newsAt = now;
    flight.finishOutput();
    const said = desk.end(flight.token);
    const good = end.kind === 'exited' && end.code === 0;
    const remarks = good ? '' : desk.remarks(flight.token).trim();
    for (const line of remarks === '' ? [] : remarks.split('\n').slice(-10)) flight.log.note(line);
    const host = said?.node ?? flight.row?.node ?? '';
    const result: JobResult = {
      end,
      seconds: said?.seconds ?? (flight.beganAt === undefined ? 0 : (now - flight.beganAt) / 1000),
      peakMemory: said?.peakMemory ?? null,
      ...(host === '' ? {} : { host }),
      ...(good ? { forget: () => this.#close(flight) } : {}),
    };
    if (!good && !keep) this.#close(flight);
    void flight.settle(result);
  }

  // ---- the controller ----

  #hurry(): void {
    this.#nextQueue = Math.min(this.#nextQueue, performance.now() + queuePause.hurried);
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const startedAt = performance.now();
    const answer = await queue();
    const now = performance.now();
    this.#asking = false;
    if (answer.kind !== 'done') {
      this.noteAbsence(answer.message);
      this.#nextQueue = now + Math.min(queuePause.away, Math.max(queuePause.shortest, 4 * (now - startedAt)));
      this.#expire(now);
      return;
    }
    if (this.#absent) this.#options.onWarning('the Slurm controller answers again');
    this.#absent = false;
    const calm = Math.min(queuePause.longest, Math.max(queuePause.shortest, (now - this.#newsAt) / 10));
    this.#nextQueue = now + Math.max(calm, (now - startedAt) / share);
    const rows = new QueueIndex(answer.value);
    for (const flight of this.#flights) {
      if (flight.settled || flight.submittedAt === undefined) continue;
      const row = rows.find(flight.token, flight.id);
      if (row !== undefined) this.#noteRow(flight, row, now);
      else if (flight.submittedAt < startedAt) this.#noteMissing(flight, now);
    }
  }

  /** Without a controller nothing more can be known of ends that were announced. */
  #expire(now: number): void {
    for (const flight of this.#flights) if (flight.patientUntil !== undefined) this.#consider(flight, now);
  }

  #noteRow(flight: Flight, row: Flight['row'] & object, now: number): void {
    const { desk, beat } = this.#options;
    flight.noteRow(row, now);
    if (isNodeTrouble(row.state) && !flight.stopping) {
      // Cut off from the controller, the node may still be at work.
      if (row.state === 'PREEMPTED' || !desk.hasBegun(flight.token)) this.#consider(flight, now);
      else this.#giveUp(flight, `the node failed (${row.node}, ${row.state})`, now);
    } else if (!isLive(row.state) && this.#options.courier !== undefined && !flight.stopping) {
      void this.#fetch(flight, this.#options.courier);
    } else if (!isLive(row.state)) {
      if (flight.patientUntil === undefined) desk.ended({ fresh: true });
      this.#consider(flight, now);
    } else if (this.#options.courier !== undefined) {
      // Its heart cannot be seen.
    } else if (row.state !== 'RUNNING' || flight.noteHeart(desk.heart(flight.token), now)) {
      if (row.state !== 'RUNNING') flight.heartAt = now;
    } else if (now - flight.heartAt > missedBeats * beat && flight.lost === undefined) {
      this.#giveUp(
        flight,
        `no sign of life from node ${row.node} for ${Math.round((missedBeats * beat) / 1000)} s`,
        now,
      );
      void cancel([row.id]);
    }
  }

  async #fetch(flight: Flight, courier: Courier): Promise<void> {
    if (flight.fetching) return;
    flight.fetching = true;
    const answer = await courier.fetch(flight.job, flight.token);
    if (flight.settled) return;
    const now = performance.now();
    if (answer.ok && answer.value !== undefined) {
      this.#settleBrought(flight, answer.value, now);
      return;
    }
    const { job, row, stopping, lost, besides } = flight;
    const why = answer.ok ? { silence: (row?.remark ?? '') || this.#whereToLook(flight) } : { refused: answer.error };
    const said = { end: undefined, row, remarks: '', stopping, lost, besides, patient: false, ...why };
    const verdict = judgeEnd(job, said);
    if (verdict === undefined) this.#giveUp(flight, `the controller no longer knows job ${flight.id ?? '?'}`, now);
    else this.#settle(flight, verdict, now);
  }

  #whereToLook({ id, row }: Flight): string {
    return `see ${outputOnNode(id ?? '')} on node ${row?.node ?? ''}`;
  }

  #settleBrought(flight: Flight, brought: Brought, now: number): void {
    const { end, seconds, peakMemory, host, output } = brought;
    this.#newsAt = now;
    flight.log.echo(flight.job.cmd.join(' && '));
    flight.log.write(output);
    const forget = (): void => this.#close(flight);
    const good = end.kind === 'exited' && end.code === 0;
    if (!good) forget();
    void flight.settle({ end, seconds, peakMemory, host, ...(good ? { forget } : {}) });
  }

  #close(flight: Flight): void {
    flight.discardOutput();
    this.#options.desk.close(flight.token);
    this.#options.courier?.drop(flight.token);
  }

  /** Twice, since it may have ended and been forgotten between two looks at the files. */
  #noteMissing(flight: Flight, now: number): void {
    const { desk } = this.#options;
    if (desk.ended({ fresh: true }).has(flight.token)) return this.#consider(flight, now);
    if (++flight.missing < 2) return this.#hurry();
    if (flight.stopping) return this.#settle(flight, { kind: 'interrupted' }, now);
    if (this.#options.courier !== undefined && !flight.fetching) return void this.#fetch(flight, this.#options.courier);
    this.#giveUp(flight, `the controller no longer knows job ${flight.id ?? '?'}`, now);
  }

  #giveUp(flight: Flight, why: string, now: number): void {
    if (flight.lost !== undefined) return;
    flight.lost = why;
    flight.heartAt = now;
    const { desk } = this.#options;
    desk.revoke(flight.token);
    const command = flight.job.cmd[0] ?? '';
    if (desk.withdraw(flight.token)) this.#settle(flight, { kind: 'node-failed', message: why, command }, now);
    else this.#news();
  }

  #cancelSoon(flight: Flight): void {
    if (this.#stops.size === 0) setImmediate(() => void this.#cancelAll());
    this.#stops.add(flight);
  }

  /** One call for all that are to end. What the controller does not hear of is told by files. */
  async #cancelAll(): Promise<void> {
    const { desk } = this.#options;
    const flights = [...this.#stops];
    this.#stops.clear();
    const withdrawn = flights.filter(({ token }) => desk.withdraw(token));
    for (const { token } of flights) desk.revoke(token);
    const answer = await cancel(flights.flatMap(({ id }) => (id === undefined ? [] : [id])));
    const now = performance.now();
    // Where the controller has heard of it, a job that has not begun is gone; elsewhere its script will find that nobody waits for it.
    for (const flight of withdrawn)
      if (!flight.settled && flight.id !== undefined)
        this.#settle(flight, { kind: 'interrupted' }, now, { keep: answer.kind !== 'done' });
    this.#hurry();
  }
}
