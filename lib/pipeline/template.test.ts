import { describe, expect, it } from '@jest/globals';
import type { Value, ValueObject } from '../core/value.ts';
import { argumentsText, parseTemplate, scalarText } from './template.ts';

describe('parseTemplate', () => {
  it.each<[string, unknown[]]>([
    ['plain', ['plain']],
    ['${a}', [['a']]],
    ['${a.b}', [['a', 'b']]],
    ['${a[0]}', [['a', '0']]],
    ['${a.0}', [['a', '0']]],
    ['${a[b].c[1]}', [['a', 'b', 'c', '1']]],
    ['${ a.b }', [['a', 'b']]],
    ['x ${a}-${b} y', ['x ', ['a'], '-', ['b'], ' y']],
    ['\\${a}', ['${a}']],
    ['\\${a} ${b}', ['${a} ', ['b']]],
    ['${a', ['${a']],
    ['${a\n}', ['${a\n}']],
    ['${a\n} ${b}', ['${a\n} ', ['b']]],
    ['$a $(b) {c}', ['$a $(b) {c}']],
    ['${}', [null]],
    ['${a..b}', [null]],
    ['${.a}', [null]],
    ['${a[}', [null]],
    ['${a[0]b}', [null]],
    ['${a ${b}', [null]],
    ['', []],
  ])('%j', (text, expected) => {
    expect(parseTemplate(text).map((segment) => (typeof segment === 'string' ? segment : segment.path))).toEqual(
      expected,
    );
  });

  it.each(['${', '${${', '${\n', '${a', '}${', '\\${'])('takes linear time: %j', (part) => {
    // In quadratic time this would not end.
    expect(parseTemplate(part.repeat(1_000_000)).length).toBeGreaterThan(0);
  });
});

describe('scalarText', () => {
  it.each<[Value, string | undefined]>([
    [true, 'true'],
    [false, 'false'],
    [null, 'None'],
    [3n, '3'],
    [0.1, '0.1'],
    [1, '1.0'],
    [1e-4, '0.0001'],
    [1e-5, '1e-05'],
    [-1.5e-7, '-1.5e-07'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.25e300, '1.25e+300'],
    [-0, '-0.0'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
    [NaN, 'nan'],
    [10n ** 20n, '100000000000000000000'],
    ['x', 'x'],
    [[], undefined],
    [{}, undefined],
  ])('%p', (value, expected) => {
    expect(scalarText(value)).toBe(expected);
  });
});

describe('argumentsText', () => {
  const text = (value: readonly Value[] | ValueObject): string => {
    const result = argumentsText(value);
    return result.ok ? result.value : `error: ${result.error}`;
  };

  it('follows the example of the DVC documentation', () => {
    const mydict = { foo: 'foo', bar: 1n, bool: true, nested: { foo: 'bar' }, list: [2n, 3n, 'qux'] };
    expect(text(mydict)).toBe('--foo foo --bar 1 --bool --nested.foo bar --list 2 3 qux');
  });

  it.each<[readonly Value[] | ValueObject, string]>([
    [{ lr: 0.1, nested: { a: 'b' } }, '--lr 0.1 --nested.a b'],
    [{ off: false, nothing: null, none: [], empty: {} }, '--nothing None'],
    [{ name: "it's; rm -rf /" }, `--name 'it'"'"'s; rm -rf /'`],
    [{ '$(x) y': 'z' }, `'--$(x) y' z`],
    [{ empty: '' }, `--empty ''`],
    [{ tags: [1e-5, true, null] }, '--tags 1e-05 True None'],
    [[1n, 'a b', false], `1 'a b' False`],
    [{ a: [[1n]] }, 'error: "a" holds a list or a map, which cannot be written as arguments'],
    [[{ a: 1n }], 'error: the list holds a list or a map, which cannot be written as arguments'],
  ])('%p', (value, expected) => {
    expect(text(value)).toBe(expected);
  });
});
