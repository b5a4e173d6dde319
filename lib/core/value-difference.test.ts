import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeValue } from './value.ts';
import { innermostDifference } from './value-difference.ts';

describe('innermostDifference', () => {
  it.each([
    [{ lr: 0.1, layers: [1n, 2n] }, { lr: 0.2, layers: [1n, 2n] }, 'lr: 0.1 → 0.2'],
    [{ lr: 1n }, { lr: 1 }, 'lr: 1 → 1.0'],
    [{ a: { b: { c: 'x,y' } }, d: 1n }, { a: { b: { c: '}"' } }, d: 1n }, 'a.b.c: "x,y" → "}\\""'],
    [{ a: 1n }, { a: 1n, b: null }, 'b: null → null'],
    [{ a: { b: 1n, c: 1n } }, { a: { b: 2n, c: 2n } }, 'a: {"b":1,"c":1} → {"b":2,"c":2}'],
    [{ l: [1n, 2n] }, { l: [1n, 3n] }, 'l: [1,2] → [1,3]'],
    [{ 'a"b,:': 1n }, { 'a"b,:': 2n }, 'a"b,:: 1 → 2'],
  ])('of %j and %j', (from, to, text) => {
    const found = innermostDifference(encodeValue(from), encodeValue(to));
    expect(`${found?.path.join('.')}: ${found?.from} → ${found?.to}`).toBe(text);
  });

  it.each([
    ['1', '2'],
    ['[1]', '[2]'],
    ['{"a":1}', '[1]'],
    ['{"a":1,"b":1}', '{"a":2,"b":2}'],
    ['{"a":1}', '{"b":1}'],
  ])('there is none of %s and %s', (from, to) => {
    expect(innermostDifference(from, to)).toBeUndefined();
  });

  it('takes any text of a lock file', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        innermostDifference(`{${a}}`, `{${b}}`);
      }),
    );
  });
});
