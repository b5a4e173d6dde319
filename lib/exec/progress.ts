// The one thing that a running stage can tell its runner: `::progress 0.42 epoch 5/12 val_acc=0.31` on a line of its own.
// Pure text; does not know where the line came from.

export interface Progress {
  /** Between 0 and 1. */
  readonly fraction: number;
  /** What follows the number; may be empty. */
  readonly text: string;
}

const pattern = /^::progress[ \t]+([^ \t]+)([^]*)$/;
const number = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** Reads a progress line; a fraction outside 0..1 is clamped. Undefined for any other line, a malformed one included. */
export function parseProgress(line: string): Progress | undefined {
  if (!line.startsWith('::progress')) return undefined;
  const [, fraction, text] = pattern.exec(line) ?? [];
  if (fraction === undefined || text === undefined || !number.test(fraction)) return undefined;
  // Adding 0 turns -0 into 0.
  return { fraction: Math.min(1, Math.max(0, Number(fraction))) + 0, text: text.trim() };
}
