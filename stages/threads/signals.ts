// Counters that threads share: they count up, and whoever waits for a number is woken. Knows nothing of what is counted.
//
// Nobody waits without an end: a wait is cut into slices, between which the thread takes its events (the death of another thread, a signal) and looks
// whether the work was given up.

const slice = 20;
/** Slot that says whether the work was given up. */
const stopSlot = 0;

/** Thrown out of a wait when the work was given up: by another thread that failed, or by the one that leads. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

export interface Signals {
  /** To be sent to other threads, for openSignals. */
  readonly buffer: SharedArrayBuffer;
  readonly read: (counter: number) => number;
  /** Sets a counter; only while nobody else uses it. */
  readonly reset: (counter: number) => void;
  readonly add: (counter: number) => void;
  /** The value of the counter, which is then one higher; null where it has reached `end`. No two threads get the same value. */
  readonly claim: (counter: number, end: number) => number | null;
  /** Resolves when the counter has reached a value. Throws Stopped when the work was given up. */
  readonly reached: (counter: number, value: number) => Promise<void>;
  /** Gives the work up: every wait, now and later, throws. */
  readonly stop: () => void;
  readonly isStopped: () => boolean;
}

/** @param counters - how many there are; they are named by numbers from 0 and start at 0 */
export function createSignals(counters: number): Signals {
  return openSignals(new SharedArrayBuffer(4 * (counters + 1)));
}

/** The signals of another thread. */
export function openSignals(buffer: SharedArrayBuffer): Signals {
  const slots = new Int32Array(buffer);
  const place = (counter: number): number => counter + 1 + stopSlot;
  const isStopped = (): boolean => Atomics.load(slots, stopSlot) !== 0;
  const stop = (): void => {
    Atomics.store(slots, stopSlot, 1);
    for (let slot = 0; slot < slots.length; slot++) Atomics.notify(slots, slot);
  };
  return {
    buffer,
    stop,
    isStopped,
    read: (counter) => Atomics.load(slots, place(counter)),
    reset: (counter) => void Atomics.store(slots, place(counter), 0),
    add: (counter) => {
      Atomics.add(slots, place(counter), 1);
      Atomics.notify(slots, place(counter));
    },
    claim: (counter, end) => {
      for (;;) {
        const value = Atomics.load(slots, place(counter));
        if (value >= end) return null;
        if (Atomics.compareExchange(slots, place(counter), value, value + 1) === value) return value;
      }
    },
    reached: async (counter, value) => {
      for (;;) {
        if (isStopped()) throw new Stopped('the work of these threads was given up');
        const current = Atomics.load(slots, place(counter));
        if (current >= value) return;
        if (Atomics.wait(slots, place(counter), current, slice) === 'timed-out') await takeEvents();
      }
    },
  };
}

async function takeEvents(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
