// Text from outside (child output, names, messages) made safe to show, and measured in terminal columns.
// What cleanLine returns cannot move the cursor, change colours or reorder what stands around it.
// Widths are upper bounds: terminals disagree about joined emoji, and a line that is too short does no harm.

/* eslint-disable no-control-regex -- control characters are what this module is about */

const simple = /^[\x20-\x7e]*$/;
const strings = String.raw`(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?`;
const controls = String.raw`(?:\x1b\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]?`;
const escapes = String.raw`\x1b[\x20-\x2f]*[\x30-\x7e]?`;
const sequences = new RegExp(`${strings}|${controls}|${escapes}`, 'g');
const breaks = /[\n\v\f\x85\u2028\u2029]+/g;
/** Other control characters, and invisible ones that would reorder or hide text. */
const invisible = /[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const lineLimit = 4000;

/** One line as it may be shown: no control sequences, tabs as spaces, only what follows the last carriage return; 4,000 characters at most. */
export function cleanLine(text: string): string {
  if (text.length <= lineLimit && simple.test(text)) return text;
  const last = afterReturn(text);
  const plain = (last.length > lineLimit ? `${last.slice(0, lineLimit)}…` : last)
    .replace(sequences, '')
    .replaceAll('\t', '    ')
    .replace(breaks, ' ')
    .replace(invisible, '');
  return simple.test(plain) ? plain : tame(plain);
}

/** Lone surrogates would be written as something else; piles of combining marks would paint over their neighbours. */
function tame(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd').replace(/([\p{Mn}\p{Me}\p{Cf}]{4})[\p{Mn}\p{Me}\p{Cf}]+/gu, '$1');
}

/** A progress bar that redraws itself leaves what stands after its last carriage return. */
function afterReturn(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 13) end--;
  const start = text.lastIndexOf('\r', end - 1) + 1;
  return end === 0 ? '' : text.slice(start, end);
}

/** The lines of a text of several lines, each cleaned. */
export function cleanLines(text: string): string[] {
  return text.split(/\r?\n/).map(cleanLine);
}

/** Columns that a cleaned text takes at most. */
export function displayWidth(text: string): number {
  if (simple.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOf(character.codePointAt(0) ?? 0);
  return width;
}

const zeroWidth = /[\p{Mn}\p{Me}\p{Cf}]/u;
/** Makes an emoji of the character before it, which then takes two columns. */
const emojiSelector = 0xfe0f;

function widthOf(code: number): number {
  if (code < 0x300) return 1;
  if (code === emojiSelector) return 1;
  if (zeroWidth.test(String.fromCodePoint(code))) return 0;
  return code >= 0x1100 && isWide(code) ? 2 : 1;
}

/** First and last code points that take two columns (East Asian wide, full width, emoji). */
const wide = [
  0x1100, 0x115f, 0x231a, 0x231b, 0x2329, 0x232a, 0x23e9, 0x23ec, 0x23f0, 0x23f0, 0x23f3, 0x23f3, 0x25fd, 0x25fe,
  0x2614, 0x2615, 0x2630, 0x2637, 0x2648, 0x2653, 0x267f, 0x267f, 0x268a, 0x268f, 0x2693, 0x2693, 0x26a1, 0x26a1,
  0x26aa, 0x26ab, 0x26bd, 0x26be, 0x26c4, 0x26c5, 0x26ce, 0x26ce, 0x26d4, 0x26d4, 0x26ea, 0x26ea, 0x26f2, 0x26f3,
  0x26f5, 0x26f5, 0x26fa, 0x26fa, 0x26fd, 0x26fd, 0x2705, 0x2705, 0x270a, 0x270b, 0x2728, 0x2728, 0x274c, 0x274c,
  0x274e, 0x274e, 0x2753, 0x2755, 0x2757, 0x2757, 0x2795, 0x2797, 0x27b0, 0x27b0, 0x27bf, 0x27bf, 0x2b1b, 0x2b1c,
  0x2b50, 0x2b50, 0x2b55, 0x2b55, 0x2e80, 0x303e, 0x3041, 0xa4cf, 0xa960, 0xa97f, 0xac00, 0xd7a3, 0xf900, 0xfaff,
  0xfe10, 0xfe19, 0xfe30, 0xfe6f, 0xff00, 0xff60, 0xffe0, 0xffe6, 0x16fe0, 0x18dff, 0x1aff0, 0x1b2ff, 0x1d300, 0x1d37f,
  0x1f004, 0x1f004, 0x1f0cf, 0x1f0cf, 0x1f18e, 0x1f18e, 0x1f191, 0x1f19a, 0x1f1e6, 0x1f265, 0x1f300, 0x1f64f, 0x1f680,
  0x1f6ff, 0x1f7e0, 0x1f7f0, 0x1f900, 0x1faff, 0x20000, 0x3fffd,
] as const;

function isWide(code: number): boolean {
  let low = 0;
  let high = wide.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (code < (wide[2 * middle] ?? 0)) high = middle - 1;
    else if (code > (wide[2 * middle + 1] ?? 0)) low = middle + 1;
    else return true;
  }
  return false;
}

/** Shortens a cleaned text to that many columns, with `…` in place of its end. */
export function truncateEnd(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  return width < 1 ? '' : `${take(text, width - 1)}…`;
}

/** Shortens a cleaned text in the middle: `train@mod…-128`. For names, whose ends tell them apart. */
export function truncateMiddle(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width < 1) return '';
  const head = Math.ceil((width - 1) / 2);
  const backwards = reverse(text);
  return `${take(text, head)}…${reverse(take(backwards, width - 1 - head))}`;
}

function reverse(text: string): string {
  return Array.from(text).reverse().join('');
}

function take(characters: Iterable<string>, width: number): string {
  let taken = '';
  let left = width;
  for (const character of characters) {
    left -= widthOf(character.codePointAt(0) ?? 0);
    if (left < 0) break;
    taken += character;
  }
  return taken;
}

/** Fills a cleaned text up with spaces to that many columns. */
export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}
