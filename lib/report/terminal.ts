// The reporter for a person at a terminal: finished stages as short lines that stay, and below them what runs now.
// Redraws at most ten times a second; where nothing runs (a run that finds nothing to do) it sets no timer and moves no cursor.

import type { Reporter, RunEvent } from '../core/event.ts';
import type { Reason } from '../core/reason.ts';
import { makeColours } from './colour.ts';
import type { Colours } from './colour.ts';
import { cleanLine, displayWidth } from './display.ts';
import { LiveArea } from './live-area.ts';
import type { ScreenSize } from './live-area.ts';
import { liveLines } from './live-lines.ts';
import type { Running } from './live-lines.ts';
import type { ReporterOptions } from './options.ts';
import { Sink } from './sink.ts';
import { Tally } from './tally.ts';
import { guardTerminal } from './terminal-guard.ts';
import { linesOf } from './terminal-lines.ts';
import type { LineContext } from './terminal-lines.ts';
import type { EventOf } from './words.ts';

/** Milliseconds between two frames, at least. */
const frameGap = 100;
/** Milliseconds between two pictures of the spinner. */
const tickGap = 200;
/** More waiting lines than this are written at once. */
const waitingMost = 1000;
/** Wider names do not push the others to the right. */
const nameMost = 32;

interface Started extends Running {
  readonly reasons: readonly Reason[];
}

export class TerminalReporter implements Reporter {
  readonly #options: ReporterOptions;
  readonly #sink: Sink;
  readonly #area: LiveArea;
  readonly #colours: Colours;
  readonly #tally = new Tally();
  readonly #running = new Map<string, Started>();
  readonly #startedAt: number;
  readonly #onResize = (): void => this.#changed();
  #above: string[] = [];
  #nameWidth = 0;
  #drawnAt: number;
  #timer: NodeJS.Timeout | undefined;
  #wakeAt = Infinity;
  #unwatch: (() => void) | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#sink = new Sink(options.out);
    this.#area = new LiveArea(this.#sink, () => this.#size);
    this.#colours = makeColours(options.colour);
    this.#startedAt = options.now();
    this.#drawnAt = this.#startedAt;
  }

  report(event: RunEvent): void {
    this.#tally.note(event);
    const urgent = event.kind === 'stage-failed' || event.kind === 'warning';
    if (this.#options.quiet && !urgent) return;
    if (event.kind === 'stage-skipped' && !this.#options.verbose) return;
    const startedFor = this.#follow(event);
    const lines = linesOf(event, this.#context(event, startedFor));
    for (const line of lines) this.#above.push(line);
    if (event.kind === 'summary') this.#end(event);
    else if (urgent) this.#draw();
    else if (lines.length > 0 || isLive(event)) this.#changed();
  }

  close(): void {
    this.#running.clear();
    this.#draw();
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  get #size(): ScreenSize {
    const { columns, rows } = this.#options.out;
    return { columns: Math.max(3, columns ?? 80), rows: Math.max(3, rows ?? 24) };
  }

  #context(event: RunEvent, startedFor: readonly Reason[]): LineContext {
    const { verbose } = this.#options;
    if ('stage' in event) this.#nameWidth = Math.max(this.#nameWidth, nameWidthOf(event.stage));
    return { colours: this.#colours, verbose, columns: this.#size.columns, nameWidth: this.#nameWidth, startedFor };
  }

  /** Keeps track of what runs; returns why the stage of this event was started. */
  #follow(event: RunEvent): readonly Reason[] {
    if (!('stage' in event)) return [];
    const running = this.#running.get(event.stage);
    if (event.kind === 'stage-started') {
      this.#start(event);
    } else if (event.kind === 'stage-output') {
      if (running !== undefined && event.line.trim() !== '') running.last = event.line;
    } else if (event.kind === 'stage-progress') {
      if (running === undefined) return [];
      running.fraction = event.fraction > 0 ? Math.min(1, event.fraction) : 0;
      running.text = event.text;
    } else {
      this.#running.delete(event.stage);
    }
    return running?.reasons ?? [];
  }

  #start({ stage: name, attempt, expected, reasons }: EventOf<'stage-started'>): void {
    const startedAt = this.#options.now();
    this.#running.set(name, { name, attempt, expected, reasons, startedAt, fraction: null, text: '', last: '' });
  }

  #end(summary: EventOf<'summary'>): void {
    this.#running.clear();
    const line = this.#tally.closingLine(summary);
    const paint = summary.failed > 0 ? this.#colours.red : this.#colours.bold;
    this.#above.push(...this.#tally.leftovers(), paint(line));
    this.#draw();
  }

  // ---- when to draw ----

  #changed(): void {
    const wait = this.#drawnAt + frameGap - this.#options.now();
    if (wait <= 0 || this.#above.length > waitingMost) this.#draw();
    else this.#wake(wait);
  }

  /** Draws after so many milliseconds, unless that will happen earlier anyway. */
  #wake(delay: number): void {
    const at = this.#options.now() + delay;
    if (at >= this.#wakeAt) return;
    clearTimeout(this.#timer);
    this.#wakeAt = at;
    this.#timer = setTimeout(() => this.#draw(), delay);
    this.#timer.unref();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#wakeAt = Infinity;
    this.#drawnAt = this.#options.now();
    const live = this.#liveLines();
    if (live.length > 0) this.#watch();
    this.#area.draw(this.#above, live);
    this.#above = [];
    if (live.length > 0 && !this.#sink.broken) this.#wake(tickGap);
  }

  #liveLines(): string[] {
    return liveLines([...this.#running.values()], {
      ...this.#size,
      now: this.#drawnAt,
      tick: Math.floor((this.#drawnAt - this.#startedAt) / tickGap),
      colours: this.#colours,
      done: this.#tally.done,
      failed: this.#tally.failed,
      stages: this.#tally.stages,
      startedAt: this.#startedAt,
    });
  }

  /** From the first live line on: the window may change its size, and the process may end or be stopped. */
  #watch(): void {
    if (this.#unwatch !== undefined) return;
    const { out } = this.#options;
    const unguard = guardTerminal({ leave: () => this.#leave(), enter: () => this.#draw() });
    out.on?.('resize', this.#onResize);
    this.#unwatch = () => {
      unguard();
      out.off?.('resize', this.#onResize);
    };
  }

  /** What the live area shows stays where it is; the next frame begins below. */
  #leave(): void {
    clearTimeout(this.#timer);
    this.#wakeAt = Infinity;
    this.#area.leave(this.#above);
    this.#above = [];
  }
}

function isLive(event: RunEvent): boolean {
  return event.kind === 'stage-started' || event.kind === 'stage-output' || event.kind === 'stage-progress';
}

function nameWidthOf(stage: string): number {
  const width = displayWidth(cleanLine(stage));
  return width > nameMost ? 0 : width;
}
