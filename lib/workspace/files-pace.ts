// Long work in slices, so that the event loop (signals, children, the progress display) is never kept waiting.
// Work is written once, as a generator that yields where it may pause; it ends synchronously if it ends within its first slice.
// Knows nothing of what the work is.

import { monotonic } from '../core/clock.ts';
import type { MaybePromise } from '../core/result.ts';

/** Work that may pause at each yield. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Milliseconds of work before the event loop gets its turn. */
const sliceMs = 40;

export class Pace {
  #until = Infinity;

  /** True where the current slice is used up: the work should yield now. */
  due(): boolean {
    return monotonic() > this.#until;
  }

  /** When the current slice ends, on the scale of monotonic(). */
  get until(): number {
    return this.#until;
  }

  /** Runs the work: its result where one slice is enough, otherwise a promise of it. */
  drive<T>(work: Steps<T>): MaybePromise<T> {
    const first = this.#resume(work);
    return first.done === true ? first.value : this.#finish(work);
  }

  async #finish<T>(work: Steps<T>): Promise<T> {
    for (;;) {
      await new Promise((resume) => setImmediate(resume));
      const step = this.#resume(work);
      if (step.done === true) return step.value;
    }
  }

  #resume<T>(work: Steps<T>): IteratorResult<undefined, T> {
    this.#until = monotonic() + sliceMs;
    return work.next();
  }
}
