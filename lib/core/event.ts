// What happens during a run, as data. Reporters only switch over `kind`; nothing else prints.

import type { Reason } from './reason.ts';

export type RunEvent =
  | { readonly kind: 'run-started'; readonly stages: number; readonly jobs: number }
  | {
      readonly kind: 'stage-started';
      readonly stage: string;
      readonly command: string;
      readonly log: string;
      readonly reasons: readonly Reason[];
      readonly attempt: number;
      /** Seconds that the last known run took. */ readonly expected: number | null;
    }
  | { readonly kind: 'stage-output'; readonly stage: string; readonly line: string }
  /** `fraction` is between 0 and 1. */
  | { readonly kind: 'stage-progress'; readonly stage: string; readonly fraction: number; readonly text: string }
  | { readonly kind: 'stage-skipped'; readonly stage: string; readonly reason: 'unchanged' | 'frozen' | 'data-missing' }
  /** `saved`: seconds that the recorded run took. */
  | {
      readonly kind: 'stage-restored';
      readonly stage: string;
      readonly reasons: readonly Reason[];
      readonly saved: number;
      readonly seconds: number;
      readonly runId: string;
    }
  | {
      readonly kind: 'stage-executed';
      readonly stage: string;
      readonly seconds: number;
      readonly peakMemory: number | null;
      readonly runId: string;
    }
  | {
      readonly kind: 'stage-failed';
      readonly stage: string;
      readonly message: string;
      readonly hint?: string | undefined;
      readonly seconds: number;
      /** Last lines of the log. */ readonly tail: readonly string[];
      readonly log: string | null;
    }
  /** `by`: the stage whose failure keeps this one from running. */
  | { readonly kind: 'stage-blocked'; readonly stage: string; readonly by: string }
  /** What a dry run would do; `unknown`: it depends on the outs of a stage that has yet to run. */
  | {
      readonly kind: 'stage-planned';
      readonly stage: string;
      readonly action: 'execute' | 'restore' | 'skip' | 'unknown' | 'fail';
      readonly reasons: readonly Reason[];
    }
  | { readonly kind: 'warning'; readonly message: string; readonly hint?: string | undefined }
  /** What a run moved from or to a remote, at its end. */
  | {
      readonly kind: 'transfer';
      readonly remote: string;
      readonly direction: 'pulled' | 'pushed';
      readonly runs: number;
      readonly objects: number;
      readonly bytes: number;
    }
  | { readonly kind: 'interrupted'; readonly signal: string }
  | RunSummary;

export interface RunSummary {
  readonly kind: 'summary';
  readonly executed: number;
  readonly restored: number;
  readonly skipped: number;
  readonly failed: number;
  readonly blocked: number;
  readonly seconds: number;
  /** Seconds that restored stages took when they ran. */
  readonly saved: number;
  readonly dry: boolean;
}

/** Events in; a screen, plain lines or JSON out. */
export interface Reporter {
  report(event: RunEvent): void;
  /** Leaves the terminal as it was. */
  close(): void;
}
