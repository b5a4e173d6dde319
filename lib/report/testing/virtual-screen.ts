// A terminal for tests: applies what a reporter writes and tells what a person would see. Only the control sequences that
// reporters may use are known; any other, and any control character, is an error. Measures characters in its own way.

import type { Output } from '../sink.ts';

interface Row {
  /** One entry a column; the second column of a wide character is empty. */
  cells: string[];
  /** The row goes on in the next one. */
  wrapped: boolean;
}

export class VirtualScreen implements Output {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** What each write got: one frame is one entry. */
  readonly writes: string[] = [];
  cursorVisible = true;
  /** Characters that did not fit on a line while wrapping was off. */
  overflow = 0;
  #screen: Row[] = [emptyRow()];
  #history: Row[] = [];
  #row = 0;
  #column = 0;
  #wraps = true;
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  on(event: string, listener: () => void): void {
    const known = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, known.add(listener));
  }

  off(event: string, listener: () => void): void {
    this.#listeners.get(event)?.delete(listener);
  }

  emit(event: string): void {
    for (const listener of this.#listeners.get(event) ?? []) listener();
  }

  listenerCount(event: string): number {
    return this.#listeners.get(event)?.size ?? 0;
  }

  /** The lines on the screen down to the cursor, without spaces at their ends. */
  lines(): string[] {
    return this.#screen.map(textOf).slice(0, Math.max(this.#row, lastFilled(this.#screen) + 1));
  }

  /** What has scrolled away and what is on the screen. */
  everything(): string[] {
    return [...this.#history.map(textOf), ...this.lines()];
  }

  get cursor(): { row: number; column: number } {
    return { row: this.#row, column: this.#column };
  }

  write(text: string): boolean {
    this.writes.push(text);
    // eslint-disable-next-line no-control-regex -- the escape character is what a terminal looks for
    const token = /\u001b\[(\?)?(\d*)(?:;\d+)*([A-Za-z])|([\s\S])/gu;
    for (const [whole, mode, count, letter, character] of text.matchAll(token)) {
      if (letter !== undefined) this.#control(mode === '?', Number(count === '' ? 0 : count), letter, whole);
      else this.#put(character ?? '');
    }
    return true;
  }

  /** Changes the size as most terminals do: lines that are too long now go on in the next row, and join again later. */
  resize(columns: number, rows: number): void {
    const above = [...this.#history, ...this.#screen.slice(0, this.#row)];
    const below = this.#screen.slice(this.#row);
    const before = reflow(above, columns);
    const after = reflow(below, columns);
    const all = [...before, ...after];
    this.columns = columns;
    this.rows = rows;
    const start = Math.max(0, Math.min(before.length, all.length - rows), before.length - rows + 1);
    this.#history = all.slice(0, start);
    this.#screen = all.slice(start, start + rows);
    this.#row = before.length - start;
    this.emit('resize');
  }

  #control(isMode: boolean, count: number, letter: string, whole: string): void {
    if (isMode && count === 25) this.cursorVisible = letter === 'h';
    else if (isMode && count === 7) this.#wraps = letter === 'h';
    else if (!isMode && letter === 'A') this.#row = Math.max(0, this.#row - Math.max(1, count));
    else if (!isMode && letter === 'K' && count === 0) this.#eraseLine(this.#row, this.#column);
    else if (!isMode && letter === 'J' && count === 0) this.#eraseBelow();
    else if (isMode || letter !== 'm') throw new Error(`unexpected control sequence ${JSON.stringify(whole)}`);
  }

  #put(character: string): void {
    if (character === '\n') {
      this.#column = 0;
      return this.#down();
    }
    if (character === '\r') {
      this.#column = 0;
      return;
    }
    if (/\p{Cc}/u.test(character)) throw new Error(`unexpected control character ${JSON.stringify(character)}`);
    const width = columnsOf(character);
    if (width === 0) return this.#combine(character);
    if (this.#column + width > this.columns) {
      if (!this.#wraps) {
        this.overflow++;
        return;
      }
      this.#at(this.#row).wrapped = true;
      this.#column = 0;
      this.#down();
    }
    const { cells } = this.#at(this.#row);
    while (cells.length < this.#column) cells.push(' ');
    cells.splice(this.#column, width, character, ...(width === 2 ? [''] : []));
    this.#column += width;
  }

  #combine(character: string): void {
    const { cells } = this.#at(this.#row);
    const place = this.#column - 1;
    if (place >= 0 && cells[place] !== undefined) cells[place] += character;
  }

  #down(): void {
    this.#row++;
    if (this.#row === this.rows) {
      this.#row--;
      this.#history.push(...this.#screen.splice(0, 1));
    }
    this.#at(this.#row);
  }

  #at(index: number): Row {
    while (this.#screen.length <= index) this.#screen.push(emptyRow());
    return this.#screen[index]!;
  }

  #eraseLine(row: number, column: number): void {
    const line = this.#at(row);
    line.cells.length = Math.min(line.cells.length, column);
    line.wrapped = false;
  }

  #eraseBelow(): void {
    this.#eraseLine(this.#row, this.#column);
    this.#screen.length = this.#row + 1;
  }
}

function emptyRow(): Row {
  return { cells: [], wrapped: false };
}

function textOf(row: Row): string {
  return row.cells.join('').trimEnd();
}

function lastFilled(rows: readonly Row[]): number {
  return rows.findLastIndex((row) => textOf(row) !== '');
}

function reflow(rows: readonly Row[], columns: number): Row[] {
  const result: Row[] = [];
  let joined: string[] = [];
  for (const row of rows) {
    joined.push(...row.cells);
    if (row.wrapped) continue;
    do {
      let end = Math.min(columns, joined.length);
      if (joined[end] === '') end--;
      const cells = joined.splice(0, Math.max(1, end));
      result.push({ cells, wrapped: joined.length > 0 });
    } while (joined.length > 0);
    joined = [];
  }
  return result;
}

/** Columns as most terminals count them: nothing for marks, two for East Asian characters and emoji. */
function columnsOf(character: string): number {
  if (/[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) return 0;
  if (/\p{Emoji_Presentation}/u.test(character)) return 2;
  return /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303e\uff01-\uff60]/u.test(
    character,
  ) && !/[\uff61-\uffdc]/u.test(character)
    ? 2
    : 1;
}
