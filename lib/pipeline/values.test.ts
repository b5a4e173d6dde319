import { describe, expect, it } from '@jest/globals';
import { encodeValue } from '../core/value.ts';
import { parseValues } from './values.ts';

function encoded(file: string, text: string): string {
  const parsed = parseValues(file, text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return encodeValue(parsed.value);
}

function fault(file: string, text: string): string {
  const parsed = parseValues(file, text);
  if (parsed.ok) throw new Error(`accepted: ${encodeValue(parsed.value)}`);
  const { at, message } = parsed.error;
  return `${at?.file}:${at?.line}:${at?.column}: ${message}`;
}

describe('parseValues', () => {
  it.each([
    ['1', '1'],
    ['1.0', '1.0'],
    ['"1"', '"1"'],
    ['true', 'true'],
    ['1e-3', '0.001'],
    ['1e3', '1000.0'],
    ['.5', '0.5'],
    ['-0.0', '-0.0'],
    ['.inf', 'Infinity'],
    ['.nan', 'NaN'],
    ['0x1f', '31'],
    ['0o17', '15'],
    ['017', '17'],
    ['12345678901234567890123', '12345678901234567890123'],
    ['no', '"no"'],
    ['off', '"off"'],
    ['yes', '"yes"'],
    ['2024-01-01', '"2024-01-01"'],
    ['1_000', '"1_000"'],
    ['12:30:45', '"12:30:45"'],
    ['~', 'null'],
    ['', 'null'],
    ['[]', '[]'],
    ['{}', '{}'],
    ['!!str 1', '"1"'],
    ['!!int 0x10', '16'],
  ])('31, 32. YAML 1.2: %s is %s', (text, expected) => {
    expect(encoded('params.yaml', `v: ${text}`)).toBe(`{"v":${expected}}`);
  });

  it.each([
    ['{"v": 1}', '{"v":1}'],
    ['{"v": 1.0}', '{"v":1.0}'],
    ['{"v": 1e3}', '{"v":1000.0}'],
    ['{"v": "1"}', '{"v":"1"}'],
    ['{"v": [true, null, ""]}', '{"v":[true,null,""]}'],
    ['{\n\t"v": [\n\t\t1\n\t]\n}', '{"v":[1]}'],
    ['{"\\u00fc\\n": "\\ud83d\\ude00\\/"}', '{"ü\\n":"😀/"}'],
    [`{"${'k'.repeat(2000)}": 1}`, `{"${'k'.repeat(2000)}":1}`],
  ])('reads JSON: %s', (text, expected) => {
    expect(encoded('params.json', text)).toBe(expected);
  });

  it.each([
    ['v = 1', '{"v":1}'],
    ['v = 1.0', '{"v":1.0}'],
    ['v = "1"', '{"v":"1"}'],
    ['v = true', '{"v":true}'],
    ['v = 9007199254740993', '{"v":9007199254740993}'],
    ['v = 1979-05-27', '{"v":"1979-05-27"}'],
    ['v = inf', '{"v":Infinity}'],
    ['[a.b]\nc = [1, {d = 2}]', '{"a":{"b":{"c":[1,{"d":2}]}}}'],
    ['', '{}'],
  ])('reads TOML: %s', (text, expected) => {
    expect(encoded('params.toml', text)).toBe(expected);
  });

  it('reads anchors, aliases and merge keys', () => {
    const text = 'base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\nall: {<<: [*b, *m], x: 0}\nsame: *b\n"<<": plain\n';
    expect(encoded('p.yaml', text)).toBe(
      '{"<<":"plain","all":{"x":0,"y":2,"z":4},"base":{"x":1,"y":2},"more":{"y":3,"z":4},"same":{"x":1,"y":2}}',
    );
  });

  it('reads keys of any scalar kind as text, and hostile names as ordinary keys', () => {
    expect(encoded('p.yaml', '1: a\n1.0: b\ntrue: c\nnull: d\n__proto__: {x: 1}\nconstructor: e\n')).toBe(
      '{"1":"a","1.0":"b","__proto__":{"x":1},"constructor":"e","null":"d","true":"c"}',
    );
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(encoded('p.toml', '__proto__ = 1')).toBe('{"__proto__":1}');
  });

  it.each(['', '\n', '# nothing here\n', '---\n', '\uFEFF'])('an empty file (%j) is an empty map', (text) => {
    expect(encoded('params.yaml', text)).toBe('{}');
    expect(encoded('params.yml', text)).toBe('{}');
  });

  it('30. keys may be in any script', () => {
    expect(encoded('params.yaml', 'größe: {学習率: 0.1}')).toBe('{"größe":{"学習率":0.1}}');
  });

  it.each([
    ['p.yaml', 'a: 1\nb: [1\n', /^p\.yaml:3:1: flow sequence/],
    ['p.yaml', 'a: 1\nb: 2\na: 3\n', /^p\.yaml:3:1: duplicate key "a"$/],
    ['p.yaml', '1: a\n"1": b\n', /^p\.yaml:2:1: duplicate key "1"$/],
    ['p.yaml', 'a: *b\n', /^p\.yaml:1:4: no anchor &b/],
    ['p.yaml', 'a: &a [*a]\n', /^p\.yaml:1:8: the alias \*a lies inside/],
    ['p.yaml', 'a: !!binary aGk=\n', /^p\.yaml:1:4: unresolved tag/],
    ['p.yaml', '? [a]\n: 1\n', /^p\.yaml:1:3: a key must be text/],
    ['p.yaml', 'a: 1\n---\nb: 2\n', /^p\.yaml:2:1: a second YAML document/],
    ['p.yaml', '<<: 3\n', /^p\.yaml:1:5: "<<" merges maps/],
    ['p.json', '{"a": 1,\n "a": 2}', /^p\.json:2:2: duplicate key "a"$/],
    ['p.json', '{"a": nope}', /^p\.json:1:7: /],
    ['p.toml', 'a = 1\na = 2\n', /^p\.toml:2:\d+: /],
    ['p.toml', 'a = \n', /^p\.toml:1:\d+: /],
    ['p.py', 'a = 1\n', /^p\.py:1:1: "p\.py" is a Python file/],
    ['p.constructor', 'a', /^p\.constructor:1:1: "p\.constructor" is not a parameter file/],
    ['params', 'a: 1', /is not a parameter file/],
  ])('%s with %j is refused with its place', (file, text, expected) => {
    expect(fault(file, text)).toMatch(expected);
  });
});

describe('hostile parameter files fail quickly', () => {
  const laughs = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 12; i++)
    laughs.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  const chain = ['a0: &a0 [x]'];
  for (let i = 1; i < 300; i++) chain.push(`a${i}: &a${i} [*a${i - 1}]`);
  const merges = ['m0: &m0 {a: 1}'];
  for (let i = 1; i < 40; i++) merges.push(`m${i}: &m${i} {x${i}: *m${i - 1}, y${i}: *m${i - 1}}`);
  const long = `s: &s "${'x'.repeat(100_000)}"\nl: [${Array(2000).fill('*s').join(', ')}]`;

  it.each([
    ['billion laughs', 'p.yaml', laughs.join('\n'), /expand to more than/],
    ['doubling maps', 'p.yaml', merges.join('\n'), /expand to more than/],
    ['long text, many times', 'p.yaml', long, /expand to more than/],
    ['a chain of aliases', 'p.yaml', chain.join('\n'), /nested more than/],
    ['open brackets', 'p.yaml', '['.repeat(50_000), /nested more than/],
    ['balanced brackets', 'p.json', '['.repeat(50_000) + ']'.repeat(50_000), /nested more than/],
    ['block sequences', 'p.yaml', '- '.repeat(50_000), /nested more than/],
    ['explicit keys', 'p.yaml', '? '.repeat(50_000), /nested more than/],
    ['inline tables', 'p.toml', `a = ${'{a = '.repeat(5000)}1${'}'.repeat(5000)}`, /./],
    ['dotted tables', 'p.toml', `[${Array(5000).fill('a').join('.')}]\nx = 1`, /nested more than/],
  ])('%s', (_name, file, text, expected) => {
    expect(fault(file, text)).toMatch(expected);
  });

  it('sharing within reason is fine', () => {
    const text = `d: &d {a: 1, b: 2}\n${Array.from({ length: 5000 }, (_, i) => `k${i}: {<<: *d, c: ${i}}`).join('\n')}`;
    expect(parseValues('p.yaml', text).ok).toBe(true);
  });
});
