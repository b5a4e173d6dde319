import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { digestText, loadDigest } from '../core/digest.ts';
import type { Present } from '../core/observation.ts';
import type { RunEntry } from '../plan/record.ts';
import { decodeRunEntry, encodeRunEntry, resultDigest } from './entry.ts';
import { makeEntry } from './testbed.ts';

beforeAll(loadDigest);

function file(text: string, executable = false): Present {
  return { kind: 'file', digest: digestText(text), size: text.length, executable };
}

/** The text of an entry whose body is this, with a right checksum. */
function seal(body: string): string {
  return `{"version":1,"checksum":"${digestText(body)}","entry":${body}}\n`;
}

function bodyOf(entry: RunEntry): string {
  return encodeRunEntry(entry)
    .replace(/^\{"version":1,"checksum":"[0-9a-f]{32}","entry":/, '')
    .slice(0, -2);
}

function decode(text: string, entry: RunEntry) {
  return decodeRunEntry(text, entry.fingerprint, entry.result);
}

describe('run entry', () => {
  it('comes back as it was written', () => {
    const entry = makeEntry([file('a'), { kind: 'tree', digest: digestText('t'), size: 3, files: 2 }, file('b', true)]);
    const decoded = decode(encodeRunEntry(entry), entry);
    expect(decoded.ok && JSON.parse(JSON.stringify(decoded.value))).toEqual(entry);
    expect(JSON.parse(encodeRunEntry(entry))).toMatchObject({ version: 1, entry: { stage: 'train@a' } });
  });

  it('keeps odd keys, "__proto__" among them, without touching any prototype', () => {
    const parts = JSON.parse('{"dep":{"__proto__":"x","1":"b","ü\\ud800":"c"}}') as RunEntry['parts'];
    const params = JSON.parse('{"p.yaml":{"__proto__":{"polluted":true},"constructor":1}}') as RunEntry['params'];
    const entry = makeEntry([file('a')], { parts, params });
    const decoded = decode(encodeRunEntry(entry), entry);
    expect(decoded.ok && Object.keys(decoded.value.parts.dep!)).toEqual(['1', '__proto__', 'ü\ud800']);
    expect(decoded.ok && Object.getPrototypeOf(decoded.value.parts.dep)).toBeNull();
    expect('polluted' in {}).toBe(false);
  });

  it.each<[string, (entry: Record<string, unknown>) => void]>([
    ['an unknown field', (entry) => (entry['more'] = 1)],
    ['a missing field', (entry) => delete entry['host']],
    ['a fingerprint that is none', (entry) => (entry['fingerprint'] = '../../x')],
    ['another fingerprint', (entry) => (entry['fingerprint'] = digestText('other'))],
    ['another result', (entry) => (entry['result'] = digestText('other'))],
    ['an out that leaves the workspace', (entry) => ((entry['outs'] as { path: string }[])[0]!.path = '../../x')],
    ['an absolute out', (entry) => ((entry['outs'] as { path: string }[])[0]!.path = '/etc/passwd')],
    ['an out that is not normal', (entry) => ((entry['outs'] as { path: string }[])[0]!.path = 'a//b')],
    ['the root as an out', (entry) => ((entry['outs'] as { path: string }[])[0]!.path = '')],
    ['a number as an out', (entry) => ((entry['outs'] as { path: unknown }[])[0]!.path = 1)],
    ['the same out twice', (entry) => (entry['outs'] as unknown[]).push((entry['outs'] as unknown[])[0])],
    ['an unknown label', (entry) => ((entry['outs'] as { label: string }[])[0]!.label = 'code')],
    [
      'a digest that is none',
      (entry) => ((entry['outs'] as { content: Record<string, unknown> }[])[0]!.content['digest'] = 'ABC'),
    ],
    ['a huge size', (entry) => ((entry['outs'] as { content: Record<string, unknown> }[])[0]!.content['size'] = 1e300)],
    [
      'a negative size',
      (entry) => ((entry['outs'] as { content: Record<string, unknown> }[])[0]!.content['size'] = -1),
    ],
    ['half a byte', (entry) => ((entry['outs'] as { content: Record<string, unknown> }[])[0]!.content['size'] = 0.5)],
    [
      'an unknown kind',
      (entry) => ((entry['outs'] as { content: Record<string, unknown> }[])[0]!.content['kind'] = 'missing'),
    ],
    [
      'other bytes under the same result',
      (entry) => ((entry['outs'] as { content: Record<string, unknown> }[])[0]!.content['digest'] = digestText('evil')),
    ],
    ['an unknown part', (entry) => (entry['parts'] = { secret: {} })],
    ['a part that is no text', (entry) => (entry['parts'] = { dep: { a: 1 } })],
    ['params that are a list', (entry) => (entry['params'] = [])],
    ['a param file that is a number', (entry) => (entry['params'] = { a: 1 })],
    ['a time that is none', (entry) => (entry['at'] = 'yesterday')],
    ['a month that is none', (entry) => (entry['at'] = '2024-13-01T00:00:00Z')],
    ['a negative duration', (entry) => (entry['seconds'] = -1)],
    ['a run id that is a path', (entry) => (entry['runId'] = '../../x')],
    ['an empty stage', (entry) => (entry['stage'] = '')],
    ['a list as host', (entry) => (entry['host'] = [])],
  ])('refuses %s, even with a right checksum', (_name, change) => {
    const entry = makeEntry([file('a'), file('b')]);
    const value = JSON.parse(bodyOf(entry)) as Record<string, unknown>;
    change(value);
    expect(decode(seal(JSON.stringify(value)), entry).ok).toBe(false);
    // The same way of writing it, unchanged, is accepted: it was the change that was refused.
    expect(decode(seal(bodyOf(entry)), entry).ok).toBe(true);
  });

  it('refuses duplicate keys, other spellings, unknown versions and deep nesting', () => {
    const entry = makeEntry([file('a')]);
    const body = bodyOf(entry);
    const texts = [
      seal(body.replace('"host":"box"', '"host":"evil","host":"box"')),
      seal(` ${body}`),
      seal(body.replace('12.5', '12.50')),
      encodeRunEntry(entry).replace('"version":1', '"version":2'),
      encodeRunEntry(entry).slice(0, -10),
      `${encodeRunEntry(entry)}x`,
      '',
      seal(body.replace('"params.yaml":', `"deep":${'['.repeat(200_000)}${']'.repeat(200_000)},"params.yaml":`)),
    ];
    for (const text of texts) expect(decode(text, entry).ok).toBe(false);
  });

  it('notices every damaged character', () => {
    const entry = makeEntry([file('a')]);
    const text = encodeRunEntry(entry);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (at, char) => {
        fc.pre(text[at] !== char);
        expect(decode(text.slice(0, at) + char + text.slice(at + 1), entry).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws, whatever the text is (fuzz)', () => {
    const entry = makeEntry([file('a')]);
    const fields = JSON.parse(bodyOf(entry)) as Record<string, unknown>;
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom(null, {}, [], '', '../x', -1, 1e308, '__proto__'));
    const changed = fc
      .tuple(fc.constantFrom(...Object.keys(fields)), odd)
      .map(([key, value]) => seal(JSON.stringify({ ...fields, [key]: value })));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json().map(seal), changed), (text) => {
        const decoded = decode(text, entry);
        if (decoded.ok) expect(encodeRunEntry(decoded.value)).toBe(text);
        else expect(typeof decoded.error).toBe('string');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('resultDigest', () => {
  it('depends on content, executable bit and order, not on paths', () => {
    const digests = [[file('a'), file('b')], [file('b'), file('a')], [file('a', true), file('b')], [file('a')], []].map(
      (contents) => resultDigest(contents.map((content) => ({ content }))),
    );
    expect(new Set(digests).size).toBe(digests.length);
    expect(resultDigest([{ content: file('a') }])).toBe(makeEntry([file('a')]).result);
  });
});
