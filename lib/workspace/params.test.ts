import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadDigest } from '../core/digest.ts';
import { encodeValue } from '../core/value.ts';
import type { Value } from '../core/value.ts';
import { FilesRig } from './files-rig.ts';
import { decodeTyped, encodeTyped } from './params.ts';

let rig: FilesRig;
beforeAll(loadDigest);
beforeEach(() => {
  rig = new FilesRig();
});
afterEach(() => rig.close());

describe('parameter files', () => {
  it('keep 1, 1.0, true and "1" apart, when parsed and when remembered', async () => {
    writeFileSync(rig.at('params.yaml'), 'a: 1\nb: 1.0\nc: true\nd: "1"\ne: [1e-3, null, {}]\n');
    const expected = '{"a":1,"b":1.0,"c":true,"d":"1","e":[0.001,null,{}]}';
    const first = await (await rig.open()).params('params.yaml');
    expect(first.ok && encodeValue(first.value)).toBe(expected);
    const again = (await rig.open()).params('params.yaml');
    expect(again).not.toBeInstanceOf(Promise);
    const second = await again;
    expect(second.ok && encodeValue(second.value)).toBe(expected);
  });

  it('are parsed again where the remembered form is damaged', async () => {
    writeFileSync(rig.at('p.json'), '{"a": 12345}');
    await (await rig.open()).params('p.json');
    const [name] = readdirSync(rig.at('.dagrun/params'));
    const path = rig.at(`.dagrun/params/${name!}`);
    writeFileSync(path, readFileSync(path, 'utf8').replace('12345', '54321'));
    const read = await (await rig.open()).params('p.json');
    expect(read.ok && encodeValue(read.value)).toBe('{"a":12345}');
  });

  it('that are missing, folders or malformed are named', async () => {
    mkdirSync(rig.at('folder.yaml'));
    writeFileSync(rig.at('bad.json'), '{"a": ');
    const files = await rig.open();
    expect(await files.params('no.yaml')).toEqual({
      ok: false,
      error: { kind: 'missing', message: 'no.yaml does not exist' },
    });
    expect(await files.params('folder.yaml')).toMatchObject({ ok: false, error: { kind: 'malformed' } });
    const bad = await files.params('bad.json');
    expect(bad).toMatchObject({ ok: false, error: { kind: 'malformed' } });
    expect(!bad.ok && bad.error.message).toMatch(/^bad\.json:\d+:\d+: /);
  });

  it('are remembered by the dozen, not without end', async () => {
    const files = await rig.open();
    for (let round = 0; round < 80; round++) {
      writeFileSync(rig.at('p.json'), `{"round": ${round}}`);
      await files.params('p.json');
    }
    expect(readdirSync(rig.at('.dagrun/params')).length).toBeLessThanOrEqual(64);
  });

  it('any value survives being remembered', () => {
    const { value } = fc.letrec<{ value: Value }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<Value>(null, true, false, -0, NaN, Infinity, -Infinity, 1, 1n, '1', []),
        fc.bigInt(),
        fc.double(),
        fc.string({ unit: 'grapheme' }),
        fc.array(tie('value')),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')), tie('value'), {
          noNullPrototype: false,
        }),
      ),
    }));
    fc.assert(
      fc.property(value, (original) => {
        const copy = decodeTyped(JSON.parse(JSON.stringify(encodeTyped(original))));
        expect(encodeValue(copy)).toBe(encodeValue(original));
      }),
    );
  });
});
