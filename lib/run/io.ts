// What the run loop needs from the outside world besides the project: who is told, who runs, when to stop, what time it is.

import type { RunEvent } from '../core/event.ts';
import type { Executor } from '../plan/ports.ts';

export interface RunIo {
  readonly report: (event: RunEvent) => void;
  readonly executor: Executor;
  /** Aborted by Ctrl-C and SIGTERM; the abort reason is the name of the signal. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
