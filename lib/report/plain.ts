// Plain lines for pipes, files and CI: one for each thing that happened, never rewritten, none about what did not change.

import type { Reporter, RunEvent } from '../core/event.ts';
import { makeColours } from './colour.ts';
import type { Colours } from './colour.ts';
import { cleanLine, cleanLines } from './display.ts';
import { formatElapsed, formatSeconds } from './format.ts';
import type { ReporterOptions } from './options.ts';
import { Sink } from './sink.ts';
import { Tally } from './tally.ts';
import { failureBlock, hintLines, listReasons, peakText, planWords, skipWords, transferLine } from './words.ts';
import type { EventOf } from './words.ts';

export interface PlainOptions extends ReporterOptions {
  /** After how many silent seconds a running stage is mentioned again; null: never. */
  readonly heartbeat: number | null;
}

interface Running {
  /** Milliseconds. */
  readonly startedAt: number;
  heardAt: number;
  progress: string;
}

export class PlainReporter implements Reporter {
  readonly #options: PlainOptions;
  readonly #sink: Sink;
  readonly #colours: Colours;
  readonly #tally = new Tally();
  readonly #running = new Map<string, Running>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PlainOptions) {
    this.#options = options;
    this.#sink = new Sink(options.out);
    this.#colours = makeColours(options.colour);
  }

  report(event: RunEvent): void {
    this.#tally.note(event);
    if (event.kind === 'stage-skipped' && !this.#options.verbose) return;
    this.#follow(event);
    const loud = event.kind === 'stage-failed' || event.kind === 'warning';
    if (this.#options.quiet && !loud) return;
    const lines = this.#linesOf(event);
    if (lines.length > 0) this.#sink.write(`${lines.join('\n')}\n`);
  }

  close(): void {
    this.#running.clear();
    this.#stopTimer();
  }

  #linesOf(event: RunEvent): readonly string[] {
    switch (event.kind) {
      case 'run-started':
        return [];
      case 'stage-started':
        return [this.#started(event)];
      case 'stage-output':
        return this.#options.verbose ? [`${cleanLine(event.stage)} | ${cleanLine(event.line)}`] : [];
      case 'stage-progress':
        return [];
      case 'stage-skipped':
        return this.#options.verbose ? [this.#done(event.stage, `skipped (${skipWords[event.reason]})`)] : [];
      case 'stage-restored':
        return [this.#done(event.stage, this.#restored(event))];
      case 'stage-executed':
        return [this.#done(event.stage, executed(event))];
      case 'stage-failed':
        return this.#failed(event);
      case 'stage-blocked':
        return this.#options.verbose ? [this.#done(event.stage, `blocked by ${cleanLine(event.by)}`)] : [];
      case 'stage-planned':
        return this.#planned(event);
      case 'warning':
        return this.#warning(event);
      case 'transfer':
        return [transferLine(event)];
      case 'interrupted':
        return [`interrupted by ${cleanLine(event.signal)}: stopping`];
      case 'summary':
        return [...this.#tally.leftovers(), this.#tally.closingLine(event)];
    }
  }

  #done(stage: string, text: string): string {
    return `${this.#tally.position()} ${cleanLine(stage)}: ${text}`;
  }

  #started(event: EventOf<'stage-started'>): string {
    const again = event.attempt > 1 ? ` again (attempt ${event.attempt})` : '';
    const reasons = listReasons(event.reasons, { all: this.#options.verbose });
    const command = this.#options.verbose ? `: ${cleanLine(event.command)}` : '';
    return `${cleanLine(event.stage)}: started${again}${reasons === '' ? '' : ` (${reasons})`}${command}`;
  }

  #restored(event: EventOf<'stage-restored'>): string {
    const reasons = this.#options.verbose ? listReasons(event.reasons, { all: true }) : '';
    const saved = event.saved >= 1 ? ` (saved ${formatSeconds(event.saved)})` : '';
    return `restored${saved}${reasons === '' ? '' : `: ${reasons}`}`;
  }

  #failed(event: EventOf<'stage-failed'>): string[] {
    const block = failureBlock(event);
    return [
      this.#colours.red(this.#done(event.stage, block.headline)),
      ...block.message.map((line) => `  ${line}`),
      ...block.tail.map((line) => `  | ${line}`),
      ...block.pointers.map((line) => `  ${line}`),
    ];
  }

  #planned(event: EventOf<'stage-planned'>): string[] {
    if (event.action === 'skip' && !this.#options.verbose) return [];
    const reasons = listReasons(event.reasons, { all: this.#options.verbose });
    return [`${cleanLine(event.stage)}: ${planWords[event.action]}${reasons === '' ? '' : ` (${reasons})`}`];
  }

  #warning(event: EventOf<'warning'>): string[] {
    const [first = '', ...rest] = cleanLines(event.message);
    const hint = event.hint === undefined ? [] : hintLines(event.hint);
    return [`${this.#colours.yellow('warning:')} ${first}`, ...[...rest, ...hint].map((line) => `  ${line}`)];
  }

  /** Keeps track of what runs, for the heartbeat. */
  #follow(event: RunEvent): void {
    if (!('stage' in event)) return;
    const { stage } = event;
    const running = this.#running.get(stage);
    const now = this.#options.now();
    if (event.kind === 'stage-started') {
      this.#running.set(stage, { startedAt: now, heardAt: now, progress: '' });
      this.#startTimer();
    } else if (event.kind === 'stage-output') {
      if (running !== undefined && this.#options.verbose) running.heardAt = now;
    } else if (event.kind === 'stage-progress') {
      if (running !== undefined) running.progress = `, ${Math.floor(event.fraction * 100)}% ${event.text}`.trimEnd();
    } else if (this.#running.delete(stage) && this.#running.size === 0) {
      this.#stopTimer();
    }
  }

  #startTimer(): void {
    const { heartbeat, quiet } = this.#options;
    if (heartbeat === null || quiet || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#beat(heartbeat * 1000), heartbeat * 250);
    this.#timer.unref();
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beat(gap: number): void {
    const now = this.#options.now();
    for (const [stage, running] of this.#running) {
      if (now - running.heardAt < gap) continue;
      running.heardAt = now;
      const elapsed = formatElapsed((now - running.startedAt) / 1000);
      this.#sink.write(`${cleanLine(stage)}: still running after ${elapsed}${cleanLine(running.progress)}\n`);
    }
  }
}

function executed(event: EventOf<'stage-executed'>): string {
  const peak = peakText(event.peakMemory);
  return `executed in ${formatSeconds(event.seconds)}${peak === '' ? '' : ` (${peak})`}`;
}
