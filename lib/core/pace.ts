// Long work in small steps: lets timers, signals and children have their turn.

import { monotonic } from './clock.ts';

const longestStep = 10;

/** Call breathe() between steps; it gives way to the event loop where the last time was more than 10 ms ago. */
export class Pace {
  #last = monotonic();

  async breathe(): Promise<void> {
    if (monotonic() - this.#last < longestStep) return;
    await new Promise((resume) => setImmediate(resume));
    this.#last = monotonic();
  }
}
