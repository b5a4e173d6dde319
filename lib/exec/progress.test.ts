import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseProgress } from './progress.ts';

describe('parseProgress', () => {
  it.each([
    ['::progress 0.42 epoch 5/12 val_acc=0.31', { fraction: 0.42, text: 'epoch 5/12 val_acc=0.31' }],
    ['::progress 0.5', { fraction: 0.5, text: '' }],
    ['::progress 1', { fraction: 1, text: '' }],
    ['::progress .25  two  words ', { fraction: 0.25, text: 'two  words' }],
    ['::progress\t5e-1\ttabbed', { fraction: 0.5, text: 'tabbed' }],
    ['::progress 1. done', { fraction: 1, text: 'done' }],
    ['::progress +0.1 signed', { fraction: 0.1, text: 'signed' }],
    ['::progress 7 beyond', { fraction: 1, text: 'beyond' }],
    ['::progress -0.2 below', { fraction: 0, text: 'below' }],
    ['::progress 1e999 huge', { fraction: 1, text: 'huge' }],
  ])('reads %j', (line, progress) => {
    expect(parseProgress(line)).toEqual(progress);
  });

  it.each([
    '',
    'epoch 5/12',
    ' ::progress 0.5',
    '::progress',
    '::progress ',
    '::progress half',
    '::progress 0.5x text',
    '::progress 50% text',
    '::progress NaN',
    '::progress Infinity',
    '::progress 0x1',
    '::progress 1,5',
    '::progress . text',
    '::progress0.5',
    '::progressing 0.5',
    '::Progress 0.5',
  ])('leaves %j an ordinary line', (line) => {
    expect(parseProgress(line)).toBeUndefined();
  });

  it('gives a fraction between 0 and 1, never minus zero, for whatever follows the keyword', () => {
    const tail = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.tuple(fc.double(), fc.string()).map(([n, text]) => `${n} ${text}`),
    );
    fc.assert(
      fc.property(tail, (text) => {
        const progress = parseProgress(`::progress ${text}`);
        if (progress === undefined) return;
        expect(progress.fraction).toBeGreaterThanOrEqual(0);
        expect(progress.fraction).toBeLessThanOrEqual(1);
        expect(Object.is(progress.fraction, -0)).toBe(false);
        expect(progress.text).toBe(progress.text.trim());
      }),
    );
  });

  it('reads back every fraction and text that a program prints', () => {
    const words = fc.stringMatching(/^[!-~]+( [!-~]+)*$/);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), words, (fraction, text) => {
        expect(parseProgress(`::progress ${fraction} ${text}`)).toEqual({ fraction: fraction + 0, text });
      }),
    );
  });

  it('takes linear time for a hostile line', () => {
    // In quadratic time this would not end.
    expect(parseProgress(`::progress ${' '.repeat(1_000_000)}x`)).toBeUndefined();
    expect(parseProgress(`::progress ${'1'.repeat(1_000_000)}x`)).toBeUndefined();
    expect(parseProgress(`::progress 1 ${' \t'.repeat(500_000)}`)).toEqual({ fraction: 1, text: '' });
  });
});
