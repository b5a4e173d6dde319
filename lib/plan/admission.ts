// Which of the stages that want to run may start now: what each takes while it runs, against the capacities of the pools.
// Never oversubscribes, and lets nobody starve.

/** How often the stage at the head of the queue may be overtaken by others that fit. */
const patience = 8;

interface Waiting {
  readonly stage: number;
  readonly wanted: Readonly<Record<string, number>>;
  overtaken: number;
}

export class Admission {
  readonly #capacity: Readonly<Record<string, number>>;
  readonly #used = new Map<string, number>();
  readonly #running = new Map<number, Readonly<Record<string, number>>>();
  /** By the slot that every stage of the queue takes at least one of. */
  readonly #queues = new Map<string, Waiting[]>();

  /** A resource that has no capacity here is unlimited. */
  constructor(capacity: Readonly<Record<string, number>>) {
    this.#capacity = capacity;
  }

  get waiting(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  /**
   * A stage that wants more of a resource than there is takes all of it, and so runs alone. `slot` is a resource that it wants, and so does
   * every stage of that queue; stages of different queues do not wait for each other's slots.
   */
  enqueue(stage: number, resources: Readonly<Record<string, number>>, slot = 'cpu'): void {
    const wanted: Record<string, number> = {};
    for (const [name, amount] of Object.entries(resources)) wanted[name] = Math.min(amount, this.#limit(name));
    const queue = this.#queues.get(slot);
    if (queue === undefined) this.#queues.set(slot, [{ stage, wanted, overtaken: 0 }]);
    else queue.push({ stage, wanted, overtaken: 0 });
  }

  /** Takes from the queues, first come first served, every stage that fits now; a smaller one may overtake a few times. */
  admit(): number[] {
    return [...this.#queues.keys()].flatMap((slot) => this.#admitFrom(slot));
  }

  #admitFrom(slot: string): number[] {
    const queue = this.#queues.get(slot)!;
    const admitted: number[] = [];
    const left: Waiting[] = [];
    let looked = 0;
    // With all slots taken the rest of a long queue need not be looked at.
    for (; looked < queue.length && this.#fits({ [slot]: 1 }); looked++) {
      const waiting = queue[looked]!;
      const head = left[0];
      const mayOvertake = head === undefined || head.overtaken < patience;
      if (mayOvertake && this.#fits(waiting.wanted)) {
        if (head !== undefined) head.overtaken++;
        this.#take(waiting);
        admitted.push(waiting.stage);
      } else left.push(waiting);
    }
    // In place: a queue may hold every stage of the pipeline, and this happens once a stage. (A call takes only so many arguments.)
    if (admitted.length > 0 && left.length < 1000) queue.splice(0, looked, ...left);
    else if (admitted.length > 0) this.#queues.set(slot, [...left, ...queue.slice(looked)]);
    return admitted;
  }

  /** Gives back what an admitted stage took, if it still holds it. */
  release(stage: number): void {
    const wanted = this.#running.get(stage);
    if (wanted === undefined) return;
    this.#running.delete(stage);
    for (const [name, amount] of Object.entries(wanted)) this.#used.set(name, this.#used.get(name)! - amount);
    // Sums of fractions are not exact: what rounding leaves over would keep a stage that wants all of a pool from ever starting.
    if (this.#running.size === 0) this.#used.clear();
  }

  #take(waiting: Waiting): void {
    this.#running.set(waiting.stage, waiting.wanted);
    for (const [name, amount] of Object.entries(waiting.wanted))
      this.#used.set(name, (this.#used.get(name) ?? 0) + amount);
  }

  #fits(wanted: Readonly<Record<string, number>>): boolean {
    return Object.entries(wanted).every(([name, amount]) => (this.#used.get(name) ?? 0) + amount <= this.#limit(name));
  }

  #limit(name: string): number {
    return Object.hasOwn(this.#capacity, name) ? this.#capacity[name]! : Infinity;
  }
}
