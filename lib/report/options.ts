// What every reporter is told when it is made.

import type { Output } from './sink.ts';

export interface ReporterOptions {
  readonly out: Output;
  /** Also the output of stages, skipped stages and all reasons. */
  readonly verbose: boolean;
  /** Only failures and warnings. */
  readonly quiet: boolean;
  readonly colour: boolean;
  /** The time in milliseconds, from any starting point. */
  readonly now: () => number;
}
