// What the live area says: a line for each running stage, fitted to the width. Pure: state and time in, text out.
// Fixed columns come first and stand below each other; text from the stage comes last and is cut where the line ends.

import type { Colours } from './colour.ts';
import { cleanLine, displayWidth, padEnd, truncateEnd, truncateMiddle } from './display.ts';
import { formatElapsed } from './format.ts';

/** What is known of a stage while it runs. */
export interface Running {
  readonly name: string;
  readonly attempt: number;
  /** Milliseconds. */
  readonly startedAt: number;
  /** Seconds that the last known run took. */
  readonly expected: number | null;
  /** Between 0 and 1, as the stage said itself; null: it said nothing. */
  fraction: number | null;
  text: string;
  /** The last line of output, as it came. */
  last: string;
}

export interface LiveView {
  readonly columns: number;
  readonly rows: number;
  /** Milliseconds. */
  readonly now: number;
  /** Counts up with every tick of the spinner. */
  readonly tick: number;
  readonly colours: Colours;
  readonly done: number;
  readonly failed: number;
  readonly stages: number;
  /** When the run started, in milliseconds. */
  readonly startedAt: number;
}

const spinner = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';

/** At most rows - 2 lines, none wider than columns - 1. Empty where nothing runs. */
export function liveLines(running: readonly Running[], view: LiveView): string[] {
  if (running.length === 0) return [];
  const most = Math.max(1, view.rows - 2);
  const footer = view.stages > 1 && most >= 3 ? [footerLine(running.length, view)] : [];
  const room = most - footer.length;
  const shown = running.length > room ? running.slice(0, Math.max(1, room - 1)) : running;
  const left = running.length - shown.length;
  const more = left > 0 && room > 1 ? [view.colours.dim(truncateEnd(`  … and ${left} more`, view.columns - 1))] : [];
  const cells = shown.map((stage) => cellsOf(stage, view));
  const widths = fitColumns(cells, view.columns - 1);
  return [...cells.map((cell) => joinCells(cell, widths, view)), ...more, ...footer];
}

function footerLine(running: number, view: LiveView): string {
  const elapsed = formatElapsed((view.now - view.startedAt) / 1000);
  const failed = view.failed > 0 ? `${view.failed} failed, ` : '';
  const text = `  ${view.done} of ${view.stages} done, ${failed}${running} running · ${elapsed}`;
  return view.colours.dim(truncateEnd(text, view.columns - 1));
}

interface Cells {
  readonly name: string;
  readonly fraction: number | null;
  /** True where the fraction is taken from the duration of the last run. */
  readonly guessed: boolean;
  readonly percent: string;
  readonly elapsed: string;
  readonly eta: string;
  readonly text: string;
  readonly last: string;
}

function cellsOf(stage: Running, view: LiveView): Cells {
  const elapsed = Math.max(0, (view.now - stage.startedAt) / 1000);
  const { expected } = stage;
  const guess = expected !== null && elapsed < expected ? elapsed / expected : null;
  const fraction = stage.fraction ?? guess;
  const guessed = stage.fraction === null;
  const left = secondsLeft(stage, elapsed);
  const attempt = stage.attempt > 1 ? `attempt ${stage.attempt} · ` : '';
  return {
    name: cleanLine(stage.name),
    fraction,
    guessed,
    percent: fraction === null ? '' : `${guessed ? '~' : ''}${Math.floor(fraction * 100)}%`,
    elapsed: formatElapsed(elapsed),
    eta: left === null ? '' : `ETA ${formatElapsed(Math.ceil(left))}`,
    text: attempt + cleanLine(stage.text),
    last: cleanLine(stage.last),
  };
}

/** Too early in a run its own progress says little; the last run is the better guide then. */
const meaningful = 0.02;

function secondsLeft(stage: Running, elapsed: number): number | null {
  const { fraction, expected } = stage;
  if (fraction !== null && fraction >= meaningful) return fraction >= 1 ? null : (elapsed * (1 - fraction)) / fraction;
  return expected !== null && elapsed < expected ? expected - elapsed : null;
}

/** Columns of each part; 0: it is left out. */
interface Widths {
  readonly name: number;
  readonly bar: number;
  readonly percent: number;
  readonly elapsed: number;
  readonly eta: number;
  readonly text: number;
}

const gap = 2;
const nameLeast = 8;

/** Leaves out bar, ETA, elapsed and percentage, in this order, where the line is too narrow; the name is never left out. */
function fitColumns(cells: readonly Cells[], budget: number): Widths {
  const widest = (pick: (cell: Cells) => string): number => Math.max(...cells.map((cell) => displayWidth(pick(cell))));
  const longest = widest((cell) => cell.name);
  const percent = widest((cell) => cell.percent);
  const widths = {
    name: Math.min(longest, Math.max(nameLeast, Math.floor(budget * 0.35))),
    bar: percent === 0 ? 0 : budget < 90 ? 10 : 20,
    percent: percent === 0 ? 0 : Math.max(4, percent),
    elapsed: widest((cell) => cell.elapsed),
    eta: widest((cell) => cell.eta),
  };
  const used = (): number =>
    2 +
    widths.name +
    [widths.bar, widths.percent, widths.elapsed, widths.eta].reduce((sum, w) => sum + (w && w + gap), 0);
  for (const part of ['bar', 'eta', 'elapsed', 'percent'] as const) if (used() > budget) widths[part] = 0;
  if (used() > budget) widths.name = Math.max(0, budget - 2);
  return { ...widths, text: Math.max(0, budget - used() - gap) };
}

function joinCells(cell: Cells, widths: Widths, { colours, tick }: LiveView): string {
  const marker = colours.cyan(spinner[tick % spinner.length] ?? ' ');
  const parts = [padEnd(truncateMiddle(cell.name, widths.name), widths.name)];
  if (widths.bar > 0) parts.push(barOf(cell, widths.bar, colours));
  if (widths.percent > 0) parts.push(cell.percent.padStart(widths.percent));
  if (widths.elapsed > 0) parts.push(cell.elapsed.padStart(widths.elapsed));
  if (widths.eta > 0) parts.push(colours.dim(cell.eta.padEnd(widths.eta)));
  const words = wordsOf(cell, widths.text, colours);
  if (words !== '') parts.push(words);
  return `${marker} ${parts.join(' '.repeat(gap))}`;
}

function barOf({ fraction, guessed }: Cells, width: number, colours: Colours): string {
  if (fraction === null) return ' '.repeat(width);
  const full = Math.min(width, Math.floor(fraction * width));
  const bar = '█'.repeat(full);
  return (guessed ? colours.dim(bar) : colours.cyan(bar)) + colours.dim('░'.repeat(width - full));
}

/** Fewer columns than this are left empty: a word and a half tells nothing. */
const wordsLeast = 8;

function wordsOf({ text, last }: Cells, room: number, colours: Colours): string {
  if (room < wordsLeast) return '';
  const first = truncateEnd(text, room);
  if (last === '' || last === text) return first;
  if (first === '') return colours.dim(truncateEnd(last, room));
  const left = room - displayWidth(first) - 3;
  return left < wordsLeast ? first : `${first} ${colours.dim(`│ ${truncateEnd(last, left)}`)}`;
}
