// Leaves the terminal usable when the process exits without closing its reporter, or is stopped (Ctrl-Z) and continued.

import { takePart } from '../core/suspension.ts';

export interface GuardedScreen {
  /** Shows the cursor and ends the live area. */
  readonly leave: () => void;
  /** Starts a new live area below whatever the shell has written. */
  readonly enter: () => void;
}

/** Watches the process until the returned function is called. */
export function guardTerminal(screen: GuardedScreen): () => void {
  const withdraw = takePart({ suspend: screen.leave, resume: screen.enter });
  process.on('exit', screen.leave);
  return () => {
    process.off('exit', screen.leave);
    withdraw();
  };
}
