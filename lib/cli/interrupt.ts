// Ctrl-C and SIGTERM as an AbortSignal, whose reason is the name of the signal.

import { exitCodes } from '../core/failure.ts';

/**
 * Runs the action; SIGINT, SIGTERM and SIGHUP abort its signal instead of ending the process. A second one does end it, at once:
 * the watchdog then ends what still runs, and the next runner takes over the lock. So does one that comes after the action, when only the exit
 * is left: the program never dies of a signal as if it had been taken by surprise.
 */
export async function interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let isOver = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isOver || controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort(signal);
  };
  for (const signal of signals) process.on(signal, stop);
  try {
    return await action(controller.signal);
  } finally {
    isOver = true;
  }
}
