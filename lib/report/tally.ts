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
    switch (event.kind) {
      case 'run-started':
        this.#stages = event.stages;
        return;
      case 'stage-started':
      case 'stage-output':
      case 'stage-progress':
      case 'warning':
      case 'transfer':
      case 'summary':
        return;
      case 'interrupted':
        this.#interrupted = true;
        return;
      case 'stage-skipped':
        this.#noteSkip(event.reason);
        break;
      case 'stage-failed':
        this.#failed.push(event.stage);
        break;
      case 'stage-blocked':
        this.#noteBlocked(event.stage, event.by);
        break;
      case 'stage-planned':
        if (event.action === 'unknown') this.#unknown++;
        break;
      case 'stage-restored':
      case 'stage-executed':
        break;
    }
    this.#done++;
  }

  #noteBlocked(stage: string, by: string): void {
    const known = this.#blocked.get(by);
    if (known === undefined) this.#blocked.set(by, [stage]);
    else known.push(stage);
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

/** `a, b, c, … and 9 more`. */
export function nameList(names: readonly string[], most = namesShown): string {
  const shown = names.length > most + 1 ? names.slice(0, most) : names;
  const left = names.length - shown.length;
  const text = shown.map(cleanLine).join(', ');
  return left > 0 ? `${text}, … and ${left} more` : text;
}
