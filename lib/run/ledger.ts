// How the stages of a run ended: each is told to the reporter, and counted for the summary. Decides nothing.

import type { RunEvent, RunSummary } from '../core/event.ts';
import { describeReason } from '../core/reason.ts';
import type { Reason } from '../core/reason.ts';
import type { Decision, Restorable } from '../plan/decide.ts';
import type { JobResult } from '../plan/ports.ts';
import type { StageFailure } from './execute.ts';
import type { RunIo } from './io.ts';

type Counted = 'executed' | 'restored' | 'skipped' | 'failed' | 'blocked';

export class Ledger {
  readonly #io: Pick<RunIo, 'report' | 'now'>;
  readonly #startedAt: number;
  readonly #counts = { executed: 0, restored: 0, skipped: 0, failed: 0, blocked: 0, saved: 0 };

  constructor(io: Pick<RunIo, 'report' | 'now'>) {
    this.#io = io;
    this.#startedAt = io.now();
  }

  skipped(stage: string, decision: Extract<Decision, { kind: 'skip' }>): void {
    if (decision.why === 'frozen' && decision.problems.length > 0) {
      const message = `${stage} is frozen and left as it is: ${decision.problems.map(describeReason).join('; ')}`;
      this.#io.report({ kind: 'warning', message, hint: `\`dagrun unfreeze ${stage}\` lets it run again` });
    }
    this.#tell('skipped', { kind: 'stage-skipped', stage, reason: decision.why });
  }

  /** `startedAt`: milliseconds since the epoch. */
  restored(stage: string, from: Restorable, reasons: readonly Reason[], startedAt: number): void {
    const saved = from.entry?.seconds ?? 0;
    this.#counts.saved += saved;
    const seconds = (this.#io.now() - startedAt) / 1000;
    const runId = from.entry?.runId ?? '';
    this.#tell('restored', { kind: 'stage-restored', stage, reasons, saved, seconds, runId });
  }

  executed(stage: string, { seconds, peakMemory }: JobResult, runId: string): void {
    this.#tell('executed', { kind: 'stage-executed', stage, seconds, peakMemory, runId });
  }

  failed(stage: string, failure: StageFailure): void {
    this.#tell('failed', { ...failure, kind: 'stage-failed', stage });
  }

  /** A stage whose command was never started, as something that it needs is not there. */
  unstarted(stage: string, reasons: readonly Reason[]): void {
    const hint = reasons.flatMap((reason) => (reason.kind === 'dep-missing' ? (reason.hint ?? []) : []))[0];
    const message = reasons.map(describeReason).join('; ');
    this.failed(stage, { message, hint, seconds: 0, tail: [], log: null });
  }

  blocked(stage: string, by: string): void {
    this.#tell('blocked', { kind: 'stage-blocked', stage, by });
  }

  summary(): RunSummary {
    return { kind: 'summary', ...this.#counts, seconds: (this.#io.now() - this.#startedAt) / 1000, dry: false };
  }

  #tell(count: Counted, event: RunEvent): void {
    this.#counts[count]++;
    this.#io.report(event);
  }
}
