// Long work in small steps: lets timers, signals and children have their turn.

import { setImmediate } from 'node:timers/promises';

const longestStep = 10;

/** Call breathe() between steps; it gives way to the event loop where the last time was more than 10 ms ago. */
export class Pace {
  #last = performance.now();

  async breathe(): Promise<void> {
    if (performance.now() - this.#last < longestStep) return;
    await setImmediate();
    this.#last = performance.now();
  }
}
