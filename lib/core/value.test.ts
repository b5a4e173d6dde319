import { describe, expect, it } from '@jest/globals';
import { encodeValue, lookUp, toPlain } from './value.ts';
import type { Value } from './value.ts';

describe('encodeValue', () => {
  it.each<[Value, string]>([
    [1n, '1'],
    [1, '1.0'],
    [true, 'true'],
    ['1', '"1"'],
    [null, 'null'],
    [0n, '0'],
    [-0, '-0.0'],
    [1e-3, '0.001'],
    [1e300, '1e+300'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    ['ü"\n', '"ü\\"\\n"'],
    [[], '[]'],
    [{}, '{}'],
    [{ b: 1n, a: [false, ''] }, '{"a":[false,""],"b":1}'],
    [12345678901234567890n, '12345678901234567890'],
  ])('%p is %s', (value, text) => {
    expect(encodeValue(value)).toBe(text);
  });

  it('keeps 1, 1.0, true and "1" apart', () => {
    expect(new Set([1n, 1, true, '1'].map((value) => encodeValue(value))).size).toBe(4);
  });
});

describe('lookUp', () => {
  const document: Value = {
    a: { b: [{ c: 1n }, null], 'd.e': false, falsy: '' },
    'x.y': { z: 2n },
    größe: 3n,
    none: null,
  };

  it.each<[string, Value | undefined]>([
    ['a.b[0].c', 1n],
    ['a.b.0.c', 1n],
    ['a.b[1]', null],
    ['a.b[2]', undefined],
    ['a.d.e', false],
    ['a.falsy', ''],
    ['x.y.z', 2n],
    ['größe', 3n],
    ['none', null],
    ['a.toString', undefined],
    ['__proto__', undefined],
    ['nothing', undefined],
  ])('finds %s', (key, value) => {
    expect(lookUp(document, key)).toEqual(value);
  });
});

describe('toPlain', () => {
  it('gives numbers where they are exact, strings where they are not, and names for what JSON cannot hold', () => {
    expect(toPlain([1n, 2 ** 53 - 1, 9007199254740993n, NaN])).toEqual([
      1,
      9007199254740991,
      '9007199254740993',
      'NaN',
    ]);
  });
});
