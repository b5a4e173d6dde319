import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cleanLine, cleanLines, displayWidth, padEnd, truncateEnd, truncateMiddle } from './display.ts';

const esc = '\u001b';

describe('cleanLine', () => {
  it.each([
    ['plain text', 'plain text'],
    [`${esc}[31mred${esc}[0m`, 'red'],
    [`${esc}[2J${esc}[10;5Hmoved${esc}[K`, 'moved'],
    [`${esc}]0;title\u0007text`, 'text'],
    [`${esc}]8;;http://x${esc}\\link${esc}]8;;${esc}\\`, 'link'],
    [`${esc}Pdevice${esc}\\after`, 'after'],
    ['\u009b31mred', 'red'],
    ['\u009d0;title\u009cafter', 'after'],
    [`${esc}(0line${esc}(B`, 'line'],
    [`${esc}c${esc}7a${esc}8`, 'a'],
    [`open ${esc}[3`, 'open '],
    [`open ${esc}]0;no end`, 'open '],
    ['10%\r50%\r100%', '100%'],
    ['100%\r', '100%'],
    ['\r\r', ''],
    ['a\tb', 'a    b'],
    ['a\nb\u2028c', 'a b c'],
    ['a\bb\u0007c\u007fd\0', 'abcd'],
    ['abc\u202edef\u2066', 'abcdef'],
    ['a\ufeff\u200b\u00adb', 'ab'],
    ['\ud800x', '\ufffdx'],
    ['日本語 👩‍👧', '日本語 👩‍👧'],
  ])('%j → %j', (raw, clean) => {
    expect(cleanLine(raw)).toBe(clean);
  });

  it('thins out piles of combining marks', () => {
    expect(cleanLine(`a${'\u0301'.repeat(100)}b`)).toBe(`a${'\u0301'.repeat(4)}b`);
  });

  it('cuts huge lines, and takes what stands after the last carriage return of them', () => {
    expect(cleanLine('x'.repeat(1_000_000))).toBe(`${'x'.repeat(4000)}…`);
    expect(cleanLine(`${'x'.repeat(1_000_000)}\rdone`)).toBe('done');
  });

  it('is quick on hostile input', () => {
    // In quadratic time this would not end.
    for (const piece of [`${esc}]`, `${esc}[`, '\u009b;', '\r', '\u0301', `${esc}P\u0007`])
      expect(cleanLine(piece.repeat(1_000_000)).length).toBeLessThan(5000);
  });

  it('never lets a control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(cleanLine(text))).toBe(false);
      }),
    );
  });
});

describe('cleanLines', () => {
  it('splits at line breaks', () => {
    expect(cleanLines('a\r\nb\nc')).toEqual(['a', 'b', 'c']);
  });
});

describe('displayWidth', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['日本', 4],
    ['한글', 4],
    ['ｆｕ', 4],
    ['e\u0301', 1],
    ['🚀', 2],
    ['❤\ufe0f', 2],
    ['█░✓…', 4],
    ['𠀀', 2],
  ])('%s takes %d columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('truncation', () => {
  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['abcdef', 1, '…'],
    ['abcdef', 0, ''],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
  ])('of the end: %s to %d → %s', (text, width, short) => {
    expect(truncateEnd(text, width)).toBe(short);
  });

  it.each([
    ['train@model1-lr0.1', 11, 'train…lr0.1'],
    ['train@model1', 12, 'train@model1'],
    ['abcdef', 2, 'a…'],
    ['abcdef', 0, ''],
    ['日本語文字', 7, '日…字'],
  ])('of the middle: %s to %d → %s', (text, width, short) => {
    expect(truncateMiddle(text, width)).toBe(short);
  });

  it('never gives more columns than asked for, nor half a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (raw, width) => {
        const text = cleanLine(raw);
        for (const short of [truncateEnd(text, width), truncateMiddle(text, width)]) {
          expect(displayWidth(short)).toBeLessThanOrEqual(width);
          expect(/\p{Cs}/u.test(short)).toBe(false);
        }
      }),
    );
  });
});

describe('padEnd', () => {
  it('counts columns, not characters', () => {
    expect(padEnd('日本', 6)).toBe('日本  ');
    expect(padEnd('long', 2)).toBe('long');
  });
});
