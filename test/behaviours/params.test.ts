// Behaviours 26–32: parameters are values with types, found by their keys.

import { describe, expect, it } from '@jest/globals';
import { step, useRig } from '../rig.ts';

const rig = useRig();

async function settled(params: string, keys: readonly unknown[] = ['p']): Promise<void> {
  rig.write({ 'params.yaml': params });
  rig.pipeline({
    stages: {
      only: { cmd: step('only', 'cp "$DAGRUN_CONTEXT" ../context.json; echo 1 > out'), params: keys, outs: ['out'] },
    },
  });
  await rig.settle();
}

/** What the stage was given at its last execution. */
function given(): Record<string, Record<string, unknown>> {
  return (rig.readJson('../context.json') as { params: Record<string, Record<string, unknown>> }).params;
}

async function stateAfter(params: string): Promise<string | undefined> {
  rig.write({ 'params.yaml': params });
  return (await rig.states())['only'];
}

describe('params', () => {
  it('26. a nested key is tracked, an unrelated key is not', async () => {
    await settled('train:\n  lr: 0.1\n  epochs: 3\nlayers:\n  - units: 8\n', ['train.lr', 'layers[0].units']);
    expect(await stateAfter('train:\n  lr: 0.1\n  epochs: 4\nlayers:\n  - units: 8\nnew: 1\n')).toBe('fresh');
    expect(await stateAfter('train:\n  lr: 0.1\n  epochs: 4\nlayers:\n  - units: 9\n')).toBe('stale');
    expect(await stateAfter('train:\n  lr: 0.2\n  epochs: 4\nlayers:\n  - units: 8\n')).toBe('stale');
    expect((await rig.status())['only']!.reasons).toEqual([
      expect.objectContaining({ kind: 'param', from: '0.1', to: '0.2' }),
    ]);
    expect((await rig.run(['status'])).stdout).toMatch(/train\.lr.*0\.1.*0\.2/);
  });

  it('26. a key that names a group tracks all below it', async () => {
    await settled('train: {lr: 0.1, epochs: 3}\n', ['train']);
    expect(await stateAfter('train: {epochs: 3, lr: 0.1}\n')).toBe('fresh');
    expect(await stateAfter('train: {lr: 0.1, epochs: 4}\n')).toBe('stale');
  });

  it('26. keys of JSON and TOML files are tracked as well', async () => {
    rig.write({ 'a.json': '{"x": {"y": 1}, "z": 1}', 'b.toml': '[x]\ny = 1\nz = 1\n' });
    await settled('p: 1\n', ['p', { 'a.json': ['x.y'], 'b.toml': ['x.y'] }]);
    rig.write({ 'a.json': '{"x": {"y": 1}, "z": 2}', 'b.toml': '[x]\ny = 1\nz = 2\n' });
    expect(await rig.states()).toEqual({ only: 'fresh' });
    rig.write({ 'a.json': '{"x": {"y": 2}}' });
    expect(await rig.states()).toEqual({ only: 'stale' });
    rig.write({ 'a.json': '{"x": {"y": 1}}', 'b.toml': '[x]\ny = 2\n' });
    expect(await rig.states()).toEqual({ only: 'stale' });
  });

  it.each([
    ['key', 'other: 1\n'],
    ['file', null],
    ['readable file', 'p: [unclosed\n'],
  ])(
    '27. a missing %s is an error before any command starts; status reports it and does not crash',
    async (_, params) => {
      rig.write({ 'params.yaml': params, seed: '1' });
      rig.pipeline({
        stages: {
          first: { cmd: step('first', 'cp seed one'), deps: ['seed'], outs: ['one'] },
          only: { cmd: step('only', 'cp one out'), deps: ['one'], params: ['p'], outs: ['out'] },
        },
      });
      const status = await rig.status();
      expect(status['only']!.reasons).toContainEqual(expect.objectContaining({ kind: 'param-missing' }));
      const run = await rig.run(['repro']);
      expect(run.code).toBeGreaterThan(0);
      expect(run.output).toContain('params.yaml');
      expect(run.output).toMatch(/\bonly\b/);
      expect(rig.executed()).toEqual([]);
    },
  );

  it.each(['""', 'false', '[]', '{}', 'null', '0', '0.0'])(
    '28. a falsy value is a value, not an absence: %s',
    async (value) => {
      await settled(`p: ${value}\n`);
      expect(Object.keys(given()['params.yaml']!)).toEqual(['p']);
      expect(await rig.states()).toEqual({ only: 'fresh' });
      expect(await stateAfter('p: something\n')).toBe('stale');
    },
  );

  it('28. falsy values differ from each other', async () => {
    const values = ['""', 'false', '[]', '{}', 'null', '0'];
    await settled(`p: ${values[0]}\n`);
    for (const value of values.slice(1)) {
      expect(await stateAfter(`p: ${value}\n`)).toBe('stale');
      expect((await rig.repro()).executed).toEqual(['only']);
    }
  });

  it.each([
    ['list of one null key', { 'other.yaml': null }],
    ['empty list', { 'other.yaml': [] }],
  ])('29. a whole-file entry notices changed, added and removed keys: %s', async (_, entry) => {
    rig.write({ 'other.yaml': 'a: 1\nb: 1\n' });
    await settled('p: 1\n', [entry]);
    // The whole file stands under the empty key.
    expect(given()['other.yaml']).toEqual({ '': { a: 1, b: 1 } });
    rig.write({ 'other.yaml': '# only a comment\nb: 1\na: 1\n' });
    expect(await rig.states()).toEqual({ only: 'fresh' });
    for (const text of ['a: 1\nb: 2\n', 'a: 1\nb: 1\nc: 1\n', 'a: 1\n']) {
      rig.write({ 'other.yaml': text });
      expect(await rig.states()).toEqual({ only: 'stale' });
    }
  });

  it('30. Unicode keys work', async () => {
    await settled('größe: 1\n学習:\n  率: 0.1\n', ['größe', '学習.率']);
    expect(given()['params.yaml']).toEqual({ größe: 1, '学習.率': 0.1 });
    expect(await stateAfter('größe: 1\n学習:\n  率: 0.1\nändern: 1\n')).toBe('fresh');
    expect(await stateAfter('größe: 2\n学習:\n  率: 0.1\n')).toBe('stale');
    expect(await stateAfter('größe: 1\n学習:\n  率: 0.2\n')).toBe('stale');
  });

  it('30. keys that are names in JavaScript objects work', async () => {
    await settled('constructor: 1\n__proto__: 2\ntoString: 3\n', ['constructor', '__proto__', 'toString']);
    expect(await stateAfter('constructor: 1\n__proto__: 4\ntoString: 3\n')).toBe('stale');
    expect(await stateAfter('constructor: 1\n__proto__: 2\ntoString: 4\n')).toBe('stale');
  });

  it('31. 1, 1.0, true and "1" are four different values', async () => {
    const values = ['1', '1.0', 'true', '"1"'];
    await settled(`p: ${values[0]}\n`);
    for (const value of values.slice(1)) {
      expect(await stateAfter(`p: ${value}\n`)).toBe('stale');
      expect((await rig.repro()).executed).toEqual(['only']);
    }
    // Each has its own run in the cache.
    rig.executed();
    for (const value of values) {
      rig.write({ 'params.yaml': `p: ${value}\n` });
      expect((await rig.repro()).executed).toEqual([]);
    }
  });

  it('31. JSON and TOML keep 1 and 1.0 apart too', async () => {
    rig.write({ 'a.json': '{"x": 1}', 'b.toml': 'x = 1\n' });
    await settled('p: 1\n', [{ 'a.json': ['x'], 'b.toml': ['x'] }]);
    rig.write({ 'a.json': '{"x": 1.0}' });
    expect(await rig.states()).toEqual({ only: 'stale' });
    rig.write({ 'a.json': '{"x": 1}', 'b.toml': 'x = 1.0\n' });
    expect(await rig.states()).toEqual({ only: 'stale' });
  });

  it('32. YAML 1.2 core schema: no and off are strings, 1e-3 is a number', async () => {
    await settled('a: no\nb: off\nc: 1e-3\nd: 0o17\ne: 1_000\nf: 012\ng: 2024-01-01\nh: yes\ni: ~\n', [
      'a',
      'b',
      'c',
      'd',
      'e',
      'f',
      'g',
      'h',
      'i',
    ]);
    expect(given()['params.yaml']).toEqual({
      a: 'no',
      b: 'off',
      c: 0.001,
      d: 15,
      e: '1_000',
      f: 12,
      g: '2024-01-01',
      h: 'yes',
      i: null,
    });
  });
});
