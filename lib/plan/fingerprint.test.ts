import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { makeStage } from '../../test/make-pipeline.ts';
import type { StageSketch } from '../../test/make-pipeline.ts';
import { digestText, loadDigest } from '../core/digest.ts';
import type { Present } from '../core/observation.ts';
import { differences, fingerprintOf, fingerprintParts, locateReasons } from './fingerprint.ts';
import type { StageInputs } from './fingerprint.ts';
import type { Fingerprint, FingerprintParts } from './parts.ts';

await loadDigest();

function file(content: string): Present {
  return { kind: 'file', digest: digestText(content), size: content.length, executable: false };
}

function inputs(over: Partial<StageInputs> = {}): StageInputs {
  return { deps: [], params: [], code: [], env: [], host: {}, runs: [], ...over };
}

function fingerprint(sketch: StageSketch, over: Partial<StageInputs> = {}, name = 'stage'): Fingerprint {
  return fingerprintOf(fingerprintParts(makeStage(name, sketch), inputs(over)));
}

describe('what an ordinary stage is identified by', () => {
  const sketch: StageSketch = {
    deps: ['a', 'b'],
    outs: ['x', 'y'],
    params: [
      ['p.yaml', 'k'],
      ['p.yaml', 'l'],
    ],
    env: ['A'],
    runs: ['r'],
  };
  const values = (): Partial<StageInputs> => ({
    deps: [file('1'), file('2')],
    params: ['1', '2'],
    env: ['unset'],
    runs: ['h'],
  });

  it('does not depend on the order of lists', () => {
    const other = fingerprint(
      {
        ...sketch,
        deps: ['b', 'a'],
        outs: ['y', 'x'],
        params: [
          ['p.yaml', 'l'],
          ['p.yaml', 'k'],
        ],
      },
      { ...values(), deps: [file('2'), file('1')], params: ['2', '1'] },
    );
    expect(other).toBe(fingerprint(sketch, values()));
  });

  it.each<[string, StageSketch, Partial<StageInputs>]>([
    ['the command', { ...sketch, cmd: 'other' }, {}],
    ['the content of a dep', sketch, { deps: [file('1'), file('changed')] }],
    ['which dep has which content', sketch, { deps: [file('2'), file('1')] }],
    ['the executable bit of a dep', sketch, { deps: [file('1'), { ...file('2'), executable: true } as Present] }],
    ['a param', sketch, { params: ['1', '3'] }],
    ['the type of a param', sketch, { params: ['1', '2.0'] }],
    ['a variable', sketch, { env: [''] }],
    ['the history', sketch, { runs: ['other'] }],
    ['the host', sketch, { host: { cpu: 'x' } }],
    ['an added out', { ...sketch, outs: ['x', 'y', 'z'] }, {}],
    ['a removed dep', { ...sketch, deps: ['a'] }, { deps: [file('1')] }],
  ])('depends on %s', (_, changed, over) => {
    expect(fingerprint(changed, { ...values(), ...over })).not.toBe(fingerprint(sketch, values()));
  });

  it('depends on the name', () =>
    expect(fingerprint(sketch, values(), 'other')).not.toBe(fingerprint(sketch, values())));
});

describe('what a relocatable stage is identified by', () => {
  const at = (folder: string): StageSketch => ({
    relocatable: true,
    cmd: 'train',
    deps: [`${folder}/data`],
    outs: [`${folder}/model`],
    code: ['stages/train.ts'],
  });
  const trace = (prefix: string) => ({
    files: { [`${prefix}stages/train.ts`]: digestText('t'), [`${prefix}shared/model.ts`]: digestText('m') },
    packages: { yaml: '2.0.0' },
  });

  it('neither name nor path', () => {
    const here = fingerprint(at('a'), { deps: [file('1')], code: [trace('')] }, 'train@a');
    const there = fingerprint(
      { ...at('b'), code: ['moved/stages/train.ts'] },
      { deps: [file('1')], code: [trace('moved/')] },
      'train@b',
    );
    expect(there).toBe(here);
  });

  it('the positions of its deps, its params before templating, and its code', () => {
    const base = fingerprint(at('a'), { deps: [file('1')], code: [trace('')] });
    expect(fingerprint(at('a'), { deps: [file('2')], code: [trace('')] })).not.toBe(base);
    expect(fingerprint(at('a'), { deps: [file('1')], code: [{ ...trace(''), packages: { yaml: '2.0.1' } }] })).not.toBe(
      base,
    );
    const two: StageSketch = { relocatable: true, deps: ['a', 'b'], outs: ['x'] };
    expect(fingerprint(two, { deps: [file('1'), file('2')] })).not.toBe(
      fingerprint(two, { deps: [file('2'), file('1')] }),
    );
    const param = (template: string): FingerprintParts => {
      const stage = makeStage('train@a', { relocatable: true, params: [['params.yaml', 'models.a']] });
      return fingerprintParts({ ...stage, params: [{ ...stage.params[0]!, template }] }, inputs({ params: ['1'] }));
    };
    expect(param('models.${key}').param).toEqual({ 'params.yaml:models.${key}': '1' });
    expect(fingerprintOf(param('models.${key}'))).not.toBe(fingerprintOf(param('other.${key}')));
  });
});

describe('locateReasons', () => {
  it('names the paths that a relocatable stage has now', () => {
    const stage = makeStage('train', { relocatable: true, deps: ['data/a'], outs: ['x'], code: ['src/train.ts'] });
    const reasons = differences(
      { dep: { '0': '1', '1': '2' }, code: { '0:../lib/a.ts': '1' } },
      { dep: { '0': '2' }, code: { '0:../lib/a.ts': '2' }, out: { '0': '' } },
    );
    expect(locateReasons(stage, reasons).map((reason) => 'key' in reason && `${reason.kind} ${reason.key}`)).toEqual([
      'dep data/a',
      'dep 1',
      'code lib/a.ts',
      'out x',
    ]);
  });

  it('leaves those of an ordinary stage alone', () => {
    const reasons = differences({ dep: { '0': '1' } }, { dep: { '0': '2' } });
    expect(locateReasons(makeStage('train', { deps: ['data/a'] }), reasons)).toEqual(reasons);
  });
});

describe('differences', () => {
  const section = fc.dictionary(
    fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'x y'), fc.string()),
    fc.oneof(fc.constantFrom('1', '2'), fc.string()),
    { maxKeys: 3 },
  );
  const parts = fc
    .record({ cmd: section, dep: section, param: section, runs: section }, { requiredKeys: [] })
    .map((found) => {
      // A kind without keys is absent, as fingerprintParts leaves it.
      return Object.fromEntries(Object.entries(found).filter(([, keys]) => Object.keys(keys).length > 0));
    });

  it('are empty exactly where the fingerprints are equal', () => {
    fc.assert(
      fc.property(parts, parts, (a, b) => (differences(a, b).length === 0) === (fingerprintOf(a) === fingerprintOf(b))),
    );
  });

  it('name kind, key, old and new value', () => {
    expect(
      differences({ param: { 'p:a': '1', 'p:b': '2' }, runs: { r: 'x' } }, { param: { 'p:a': '1.0', 'p:c': '3' } }),
    ).toEqual([
      { kind: 'param', key: 'p:a', from: '1', to: '1.0' },
      { kind: 'param', key: 'p:b', from: '2', to: null },
      { kind: 'param', key: 'p:c', from: null, to: '3' },
      { kind: 'history', key: 'r', from: 'x', to: null },
    ]);
  });
});
