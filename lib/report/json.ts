// One JSON object a line for programs. Fields are named here one by one: what is not written here is no part of the contract
// (docs/json-output.md), and a field added to an event inside dagrun does not leak into it.

import type { Reporter, RunEvent } from '../core/event.ts';
import type { ReporterOptions } from './options.ts';
import { Sink } from './sink.ts';

/** Raised only when a field is removed or changes its meaning. */
export const jsonFormat = 1;

export class JsonReporter implements Reporter {
  readonly #sink: Sink;
  readonly #verbose: boolean;
  #waiting = '';

  constructor(options: Pick<ReporterOptions, 'out' | 'verbose'>) {
    this.#sink = new Sink(options.out);
    this.#verbose = options.verbose;
  }

  report(event: RunEvent): void {
    if (event.kind === 'stage-output' && !this.#verbose) return;
    this.#waiting += `${JSON.stringify(eventToJson(event))}\n`;
    // Thousands of skipped stages come at once: they are written together with what follows.
    if (event.kind !== 'stage-skipped' || this.#waiting.length > 65_536) this.#flush();
  }

  close(): void {
    this.#flush();
  }

  #flush(): void {
    if (this.#waiting === '') return;
    this.#sink.write(this.#waiting);
    this.#waiting = '';
  }
}

/** The public form of an event; `hint` is left out where there is none. */
export function eventToJson(event: RunEvent): Readonly<Record<string, unknown>> {
  switch (event.kind) {
    case 'run-started':
      return { kind: event.kind, format: jsonFormat, stages: event.stages, jobs: event.jobs };
    case 'stage-started': {
      const { kind, stage, command, log, reasons, attempt, expected } = event;
      return { kind, stage, command, log, reasons, attempt, expected };
    }
    case 'stage-output':
      return { kind: event.kind, stage: event.stage, line: event.line };
    case 'stage-progress':
      return { kind: event.kind, stage: event.stage, fraction: event.fraction, text: event.text };
    case 'stage-skipped':
      return { kind: event.kind, stage: event.stage, reason: event.reason };
    case 'stage-restored': {
      const { kind, stage, reasons, saved, seconds, runId } = event;
      return { kind, stage, reasons, saved, seconds, runId };
    }
    case 'stage-executed': {
      const { kind, stage, seconds, peakMemory, runId } = event;
      return { kind, stage, seconds, peakMemory, runId };
    }
    case 'stage-failed': {
      const { kind, stage, message, hint, seconds, tail, log } = event;
      return { kind, stage, message, hint, seconds, tail, log };
    }
    case 'stage-blocked':
      return { kind: event.kind, stage: event.stage, by: event.by };
    case 'stage-planned':
      return { kind: event.kind, stage: event.stage, action: event.action, reasons: event.reasons };
    case 'warning':
      return { kind: event.kind, message: event.message, hint: event.hint };
    case 'transfer': {
      const { kind, remote, direction, runs, objects, bytes } = event;
      return { kind, remote, direction, runs, objects, bytes };
    }
    case 'interrupted':
      return { kind: event.kind, signal: event.signal };
    case 'summary': {
      const { kind, executed, restored, skipped, failed, blocked, seconds } = event;
      return { kind, executed, restored, skipped, failed, blocked, seconds };
    }
  }
}
