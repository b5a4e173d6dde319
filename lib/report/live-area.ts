// The lines at the bottom of a terminal that are rewritten in place. Knows cursor movements and nothing of what the lines say.
//
// The cursor rests below the last live line. A frame goes up to the first one, writes what has changed, and comes back, all in
// one write. Live lines are written with automatic wrapping off: even a line that the terminal finds wider than we did takes one row.

import { cleanLine, displayWidth } from './display.ts';
import type { Sink } from './sink.ts';

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const wrapOff = '\u001b[?7l';
const wrapOn = '\u001b[?7h';
const eraseLine = '\u001b[K';
const eraseBelow = '\u001b[J';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

export class LiveArea {
  readonly #sink: Sink;
  readonly #size: () => ScreenSize;
  #shown: readonly string[] = [];
  /** The width that `shown` was written for. */
  #columns = 0;
  #hidden = false;

  constructor(sink: Sink, size: () => ScreenSize) {
    this.#sink = sink;
    this.#size = size;
  }

  /** Puts lines above the live area, where they stay, and replaces the live lines. Writes nothing where nothing changes. */
  draw(above: readonly string[], live: readonly string[]): void {
    const size = this.#size();
    const resized = this.#shown.length > 0 && size.columns !== this.#columns;
    const frame = above.length > 0 || resized ? this.#wholeFrame(above, live, size) : changedFrame(this.#shown, live);
    this.#shown = live;
    this.#columns = size.columns;
    const cursor = this.#cursorFor(live);
    if (frame !== '' || cursor !== '') this.#sink.write(frame + cursor);
  }

  /** Removes the live area and shows the cursor, so that something else may write; the next frame begins wherever the cursor is then. */
  leave(above: readonly string[]): void {
    this.draw(above, []);
  }

  #wholeFrame(above: readonly string[], live: readonly string[], { columns, rows }: ScreenSize): string {
    const taken = this.#shown.reduce((sum, line) => sum + rowsOf(line, columns), 0);
    const stay = above.map((line) => `${line}\n`).join('');
    const fresh = live.length > 0 ? `${wrapOff}${live.map((line) => `${line}\n`).join('')}${wrapOn}` : '';
    return eraseRows(Math.min(taken, rows - 1)) + stay + fresh;
  }

  #cursorFor(live: readonly string[]): string {
    const hide = live.length > 0;
    if (hide === this.#hidden) return '';
    this.#hidden = hide;
    return hide ? hideCursor : showCursor;
  }
}

/** Terminals wrap what is too long when they become narrower, so that old lines may take several rows by now. */
function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(displayWidth(cleanLine(line)) / Math.max(1, columns)));
}

/** Row by row: terminals that are told to erase a whole screen keep a copy of it above. */
function eraseRows(rows: number): string {
  if (rows <= 0) return '';
  return `${up(rows)}${`${eraseLine}\n`.repeat(rows)}${eraseBelow}${up(rows)}`;
}

/** Rewrites only the lines that differ. */
function changedFrame(before: readonly string[], after: readonly string[]): string {
  if (before.length === after.length && before.every((line, index) => line === after[index])) return '';
  const lines = after.map((line, index) => (line === before[index] ? '\n' : `${line}${eraseLine}\n`));
  const rest = after.length < before.length ? eraseBelow : '';
  return `${up(before.length)}${wrapOff}${lines.join('')}${rest}${wrapOn}`;
}

function up(rows: number): string {
  return rows > 0 ? `\r\u001b[${rows}A` : '';
}
