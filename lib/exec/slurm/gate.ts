// Where jobs wait to be submitted. Those that ask for the same are submitted together, as one job array: one sbatch, one record, one entry in
// the controller's queue. A job waits for others only while something is to wait for anyway: for the end of this turn of the event loop, and
// of the submission before.

import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Flight } from './flight.ts';

export interface GateOptions {
  /** Submits these together. Never rejects. */
  readonly depart: (batch: string, flights: readonly Flight[]) => Promise<Turned | undefined>;
  /** What flights that may be submitted together have in common. */
  readonly keyOf: (flight: Flight) => string;
}

/** Jobs that the controller did not take all at once, but may take in parts. */
export interface Turned {
  readonly back: readonly Flight[];
  /** It never takes so many. */
  readonly forever: boolean;
}

/** Submissions at a time: the controller takes one after the other anyway. */
const submissionsAtOnce = 4;
/** Jobs in one submission. Slurm's own limit (MaxArraySize) is 1001 where a site says nothing else. */
const mostTogether = 500;
/** Milliseconds for which others are waited for that come one after the other. */
const longestGathering = 8;

export class Gate {
  readonly #options: GateOptions;
  /** By what they ask for, in the order of their coming. */
  readonly #queues = new Map<string, Flight[]>();
  readonly #busy = new Set<string>();
  /** Jobs that are submitted together now, and ever. */
  #most = mostTogether;
  #limit = mostTogether;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Jobs that wait here. */
  get waiting(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  enter(flight: Flight): void {
    const key = this.#options.keyOf(flight);
    const queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, [flight]);
    else queue.push(flight);
    this.#call();
  }

  /** True where it was still waiting here: it is never submitted. */
  leave(flight: Flight): boolean {
    for (const [key, queue] of this.#queues) {
      const place = queue.indexOf(flight);
      if (place < 0) continue;
      queue.splice(place, 1);
      if (queue.length === 0) this.#queues.delete(key);
      return true;
    }
    return false;
  }

  /** Lets go who may go. */
  #call(): void {
    for (const key of this.#queues.keys()) {
      if (this.#busy.size >= submissionsAtOnce) return;
      if (!this.#busy.has(key)) void this.#send(key);
    }
  }

  async #send(key: string): Promise<void> {
    this.#busy.add(key);
    await this.#gather(key);
    const queue = this.#queues.get(key) ?? [];
    const flights = queue.splice(0, this.#most);
    if (queue.length === 0) this.#queues.delete(key);
    const turned =
      flights.length === 0 ? undefined : await this.#options.depart(randomBytes(9).toString('hex'), flights);
    if (turned === undefined) this.#most = Math.min(this.#limit, this.#most * 2);
    else this.#turn(key, flights.length, turned);
    this.#busy.delete(key);
    this.#call();
  }

  #turn(key: string, count: number, { back, forever }: Turned): void {
    this.#most = Math.ceil(count / 2);
    if (forever) this.#limit = this.#most;
    this.#queues.set(key, [...back, ...(this.#queues.get(key) ?? [])]);
  }

  /** As long as each turn of the event loop brings another one. */
  async #gather(key: string): Promise<void> {
    const until = performance.now() + longestGathering;
    for (let known = this.#queues.get(key)?.length; performance.now() < until;) {
      await nextTurn();
      const length = this.#queues.get(key)?.length;
      if (length === known) return;
      known = length;
    }
  }
}
