// Counts along a run, for what the text reporters say between and after the single events.

import type { RunEvent, RunSummary } from '../core/event.ts';
import { cleanLine } from './display.ts';
import { formatCount, summaryLine } from './format.ts';

const namesShown = 5;

export class Tally {
  #stages = 0;
  #done = 0;
  #frozen = 0;
  #dataMissing = 0;
  #unknown = 0;
  #interrupted = false;
  readonly #failed: string[] = [];
  /** By the failed stage: what it keeps from running. */
  readonly #blocked = new Map<string, string[]>();

  note(event: RunEvent): void {
    if (event.kind === 'run-started') this.#stages = event.stages;
    if (event.kind === 'stage-skipped') this.#noteSkip(event.reason);
    if (event.kind === 'stage-failed') this.#failed.push(event.stage);
    if (event.kind === 'stage-planned' && event.action === 'unknown') this.#unknown++;
    if (event.kind === 'interrupted') this.#interrupted = true;
    if (event.kind === 'stage-blocked') {
      const known = this.#blocked.get(event.by);
      if (known === undefined) this.#blocked.set(event.by, [event.stage]);
      else known.push(event.stage);
    }
    if (ends.has(event.kind)) this.#done++;
  }

  #noteSkip(reason: 'unchanged' | 'frozen' | 'data-missing'): void {
    if (reason === 'frozen') this.#frozen++;
    if (reason === 'data-missing') this.#dataMissing++;
  }

  /** Stages that are done with, whatever came of them. */
  get done(): number {
    return this.#done;
  }

  get failed(): number {
    return this.#failed.length;
  }

  get stages(): number {
    return this.#stages;
  }

  /** `[ 3/12]`: aligned, so that the names in a log stand below each other. */
  position(): string {
    const total = String(this.#stages);
    return `[${String(this.#done).padStart(total.length)}/${total}]`;
  }

  /** What stands before the closing line: stages that were kept from running, and several failures once more. */
  leftovers(): string[] {
    const lines = [...this.#blocked].map(
      ([by, stages]) => `${formatCount(stages.length, 'stage')} blocked by ${cleanLine(by)}: ${nameList(stages)}`,
    );
    if (this.#failed.length > 1) lines.push(`failed: ${this.#failed.map(cleanLine).join(', ')}`);
    return lines;
  }

  closingLine(summary: RunSummary): string {
    return summaryLine(summary, {
      frozen: this.#frozen,
      dataMissing: this.#dataMissing,
      unknown: this.#unknown,
      interrupted: this.#interrupted,
    });
  }
}

const ends: ReadonlySet<RunEvent['kind']> = new Set([
  'stage-skipped',
  'stage-restored',
  'stage-executed',
  'stage-failed',
  'stage-blocked',
  'stage-planned',
]);

/** `a, b, c, … and 9 more`. */
export function nameList(names: readonly string[], most = namesShown): string {
  const shown = names.length > most + 1 ? names.slice(0, most) : names;
  const left = names.length - shown.length;
  const text = shown.map(cleanLine).join(', ');
  return left > 0 ? `${text}, … and ${left} more` : text;
}
