// Cuts a stream of bytes into lines of text: at \n, \r\n and \r, so that every state of a progress bar is a line.
// Holds at most one unfinished line, and of that no more than `longestLine`. Knows nothing of files or processes.

/** A longer line is cut here: counted in characters, or in bytes where it came in pieces. */
export const longestLine = 64 * 1024;

const newline = 10;
const carriageReturn = 13;
const terminator = /\r\n|\n|\r/;

export class LineSplitter {
  readonly #deliver: (line: string) => void;
  #rest: Buffer[] = [];
  #restLength = 0;
  /** The last byte was \r and its line is out: a \n that follows belongs to it. */
  #afterReturn = false;

  constructor(deliver: (line: string) => void) {
    this.#deliver = deliver;
  }

  /** Takes the next bytes; they may be overwritten as soon as this returns. */
  write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const start = this.#afterReturn && bytes[0] === newline ? 1 : 0;
    this.#afterReturn = bytes[bytes.length - 1] === carriageReturn;
    const end = Math.max(bytes.lastIndexOf(newline), bytes.lastIndexOf(carriageReturn)) + 1;
    if (end <= start) {
      this.#keep(bytes.subarray(start));
      return;
    }
    const head = bytes.subarray(start, end);
    const complete = this.#restLength === 0 ? head : Buffer.concat([...this.#rest, this.#continuation(head)]);
    this.#clear();
    this.#deliverAll(complete.toString('utf8'));
    this.#keep(bytes.subarray(end));
  }

  /** Where bytes of the unfinished line were dropped, the rest of that line is dropped as well. */
  #continuation(head: Buffer): Buffer {
    if (this.#restLength < longestLine) return head;
    return head.subarray(head.findIndex((byte) => byte === newline || byte === carriageReturn));
  }

  /** Delivers the last line where no terminator ended it. */
  end(): void {
    const text = Buffer.concat(this.#rest).toString('utf8');
    this.#clear();
    this.#afterReturn = false;
    if (text !== '') this.#deliver(cut(text));
  }

  /** `text` ends with a terminator. */
  #deliverAll(text: string): void {
    const lines = text.split(terminator);
    lines.pop();
    for (const line of lines) this.#deliver(cut(line));
  }

  /** What goes beyond the longest line is dropped here already, so that a line without an end takes no memory. */
  #keep(bytes: Buffer): void {
    const room = longestLine - this.#restLength;
    if (bytes.length === 0 || room <= 0) return;
    const kept = Buffer.from(bytes.subarray(0, room));
    this.#rest.push(kept);
    this.#restLength += kept.length;
  }

  #clear(): void {
    this.#rest = [];
    this.#restLength = 0;
  }
}

/** Never ends between the two halves of a surrogate pair. */
function cut(line: string): string {
  if (line.length <= longestLine) return line;
  const last = line.charCodeAt(longestLine - 1);
  return line.slice(0, last >= 0xd800 && last <= 0xdbff ? longestLine - 1 : longestLine);
}
