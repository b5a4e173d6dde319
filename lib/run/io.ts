// What the run loop needs from the outside world besides the project: who is told, who runs, when to stop, what time it is.

import type { RunEvent } from '../core/event.ts';
import type { Stage } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { Executor } from '../plan/ports.ts';

/** A remote, while a run goes on. Nothing here ever fails: a remote in trouble is a warning. */
export interface Sharing {
  /** Brings recorded runs of these inputs into the cache; true where there was one. */
  fetch(fingerprint: Fingerprint): Promise<boolean>;
  /** Shares the recorded runs of these inputs, in the background. */
  share(stage: Stage, fingerprint: Fingerprint): void;
}

export interface RunIo {
  readonly report: (event: RunEvent) => void;
  readonly executor: Executor;
  /** Aborted by Ctrl-C and SIGTERM; the abort reason is the name of the signal. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Absent: no remote takes part. */
  readonly sharing?: Sharing;
}
