import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LineSplitter, longestLine } from './lines.ts';

function split(...chunks: readonly (Buffer | string)[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  const shared = Buffer.alloc(1 << 20);
  for (const chunk of chunks) {
    // As with a channel: the buffer is used again for the next chunk.
    const bytes = Buffer.from(chunk);
    bytes.copy(shared);
    splitter.write(shared.subarray(0, bytes.length));
    shared.fill(0x3f, 0, bytes.length);
  }
  splitter.end();
  return lines;
}

describe('LineSplitter', () => {
  it('ends a line at \\n, at \\r\\n and at \\r', () => {
    expect(split('a\nb\r\nc\rd\n')).toEqual(['a', 'b', 'c', 'd']);
  });

  it('delivers the unterminated last line at the end, and no empty one', () => {
    expect(split('a\nb')).toEqual(['a', 'b']);
    expect(split('a\n')).toEqual(['a']);
    expect(split('')).toEqual([]);
  });

  it('keeps empty lines', () => {
    expect(split('\n\na\n\n')).toEqual(['', '', 'a', '']);
  });

  it('joins what comes in pieces, also inside \\r\\n and inside a character', () => {
    const euro = Buffer.from('€');
    expect(split('on', 'e\r', '\ntwo\r', 'three ', euro.subarray(0, 1), euro.subarray(1), '\n')).toEqual([
      'one',
      'two',
      'three €',
    ]);
  });

  it('delivers a state of a progress bar as soon as its \\r arrives', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    splitter.write(Buffer.from(' 10%\r'));
    expect(lines).toEqual([' 10%']);
    splitter.write(Buffer.from(' 20%\r\n'));
    expect(lines).toEqual([' 10%', ' 20%']);
  });

  it('tolerates bytes that are not UTF-8', () => {
    expect(split(Buffer.from([0x61, 0xff, 0xfe, 0x0a, 0xc3, 0x0a, 0x00, 0x62]))).toEqual([
      'a\ufffd\ufffd',
      '\ufffd',
      '\0b',
    ]);
  });

  it('cuts a very long line, whole or in pieces, and goes on with the next', () => {
    const long = 'x'.repeat(longestLine + 10);
    expect(split(`${long}\nnext\n`)).toEqual([long.slice(0, longestLine), 'next']);
    expect(split(long, long, `${long}\nnext\n`)).toEqual([long.slice(0, longestLine), 'next']);
    expect(split('é'.repeat(longestLine), 'tail that was dropped\nnext')).toEqual([
      'é'.repeat(longestLine / 2),
      'next',
    ]);
    expect(split(long, '\r', '\nnext')).toEqual([long.slice(0, longestLine), 'next']);
  });

  it('does not cut a character in half', () => {
    const [line] = split(`${'x'.repeat(longestLine - 1)}😀\n`);
    expect(line).toBe('x'.repeat(longestLine - 1));
  });

  it('gives the same lines however the bytes are cut into pieces', () => {
    const text = fc
      .array(fc.constantFrom('a', 'é', '😀', '\n', '\r', '\r\n', ' '), { maxLength: 60 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(5), { maxLength: 80 }), (whole, sizes) => {
        const bytes = Buffer.from(whole);
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of sizes) chunks.push(bytes.subarray(at, (at += size)));
        chunks.push(bytes.subarray(at));
        const expected = whole.split(/\r\n|\r|\n/);
        if (expected.at(-1) === '') expected.pop();
        expect(split(...chunks)).toEqual(expected);
      }),
    );
  });
});
