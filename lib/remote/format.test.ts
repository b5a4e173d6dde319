import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { digestText, loadDigest } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { decodeContents, encodeContents } from './contents.ts';
import type { Located } from './contents.ts';
import { stretchesOf } from './download.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import type { Sha256 } from './keys.ts';
import { parseRunKey, runKey } from './keys.ts';
import { PackBuilder, decodeIndex, encodeIndex, sha256 } from './pack.ts';
import { pieceSize } from './storage.ts';

await loadDigest();

const sha = (text: string): Sha256 => sha256(text);
const digest = (text: string): Digest => digestText(text);

function objects(): Located[] {
  return [
    { kind: 'packed', digest: digest('a'), size: 3, sha: sha('a'), blob: sha('pack'), offset: 0 },
    { kind: 'packed', digest: digest('b'), size: 0, sha: sha(''), blob: sha('pack'), offset: 3 },
    { kind: 'large', digest: digest('c'), size: pieceSize + 1, pieces: [sha('1'), sha('2')] },
  ];
}

describe('contents', () => {
  it('come back as they were, sorted', () => {
    const decoded = decodeContents(encodeContents(objects()));
    expect(decoded.ok && new Set(decoded.value)).toEqual(new Set(objects()));
    expect(encodeContents(objects().reverse())).toBe(encodeContents(objects()));
    expect(decodeContents(encodeContents([]))).toEqual({ ok: true, value: [] });
  });

  it.each([
    ['a part', (text: string) => text.slice(0, -5)],
    ['a piece too few', (text: string) => text.replace(/,[0-9a-f]{64}/, '')],
    ['an offset beyond the pack', (text: string) => text.replace(/ 0\n/, ` ${pieceSize}\n`)],
    ['a line twice', (text: string) => text + text.split('\n').at(-2)! + '\n'],
    ['another header', (text: string) => text.replace('contents 1', 'contents 2')],
    ['a number with a zero in front', (text: string) => text.replace(/ 3 /, ' 03 ')],
  ])('refuse %s', (_name, change) => {
    expect(decodeContents(change(encodeContents(objects()))).ok).toBe(false);
  });

  it('never throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void decodeContents(`dagrun-contents 1\n${text}\n`)));
  });
});

describe('packs', () => {
  it('hold objects one after the other, up to their size', () => {
    const builder = new PackBuilder();
    expect(builder.finish()).toBeUndefined();
    expect(builder.add(digest('one'), Buffer.from('one'))).toBe(true);
    expect(builder.add(digest(''), Buffer.alloc(0))).toBe(true);
    expect(builder.add(digest('big'), Buffer.alloc(pieceSize))).toBe(false);
    expect(builder.add(digest('two'), Buffer.from('two'))).toBe(true);
    const pack = builder.finish()!;
    expect(pack.bytes.toString()).toBe('onetwo');
    expect(pack.sha).toBe(sha('onetwo'));
    expect(pack.objects.map(({ offset, size }) => [offset, size])).toEqual([
      [0, 3],
      [3, 0],
      [3, 3],
    ]);
    expect(builder.add(digest('big'), Buffer.alloc(pieceSize))).toBe(true);
    expect(decodeIndex(encodeIndex(pack.objects), pack.sha)).toEqual({ ok: true, value: pack.objects });
  });

  it('a changed index is none', () => {
    const builder = new PackBuilder();
    builder.add(digest('one'), Buffer.from('one'));
    const pack = builder.finish()!;
    const text = encodeIndex(pack.objects);
    for (let at = 0; at < text.length; at += 7)
      expect(decodeIndex(`${text.slice(0, at)}#${text.slice(at + 1)}`, pack.sha).ok).toBe(false);
  });

  it('neighbours are read together, and what is far apart is not', () => {
    const at = (offset: number, size: number, blob = sha('p')): Extract<Located, { kind: 'packed' }> => ({
      kind: 'packed',
      digest: digest(`${offset}`),
      size,
      sha: sha('x'),
      blob,
      offset,
    });
    const found = stretchesOf([at(500_000, 10), at(0, 10), at(20, 10), at(0, 5, sha('q'))]);
    expect(found.map(({ range }) => [range.offset, range.length])).toEqual([
      [0, 30],
      [500_000, 10],
      [0, 5],
    ]);
  });
});

describe('envelopes', () => {
  const run = { fingerprint: digest('fingerprint'), result: digest('result') };
  const contents = encodeContents([]);

  it('give back what was put in, and only with the right key', () => {
    const { text } = encodeEnvelope(run, 'entry\n', contents, 'key');
    const good = { ok: true, value: { entry: 'entry\n', contents: sha(contents), inline: contents } };
    expect(decodeEnvelope(run, text, 'key')).toEqual(good);
    expect(decodeEnvelope(run, text, null)).toEqual(good);
    expect(decodeEnvelope(run, text, 'other')).toMatchObject({ error: { kind: 'forged' } });
    const { text: unsigned } = encodeEnvelope(run, 'entry\n', contents, null);
    expect(decodeEnvelope(run, unsigned, 'key')).toMatchObject({ error: { kind: 'unsigned' } });
    expect(decodeEnvelope(run, text.replace('entry\n', 'Entry\n'), 'key')).toMatchObject({ error: { kind: 'forged' } });
    expect(decodeEnvelope({ ...run, result: digest('x') }, text, 'key')).toMatchObject({ error: { kind: 'forged' } });
  });

  it('long contents stand in a file of their own', () => {
    const long = contents.padEnd(50_000, 'x');
    expect(encodeEnvelope(run, 'entry\n', long, null).envelope).toMatchObject({ inline: null, contents: sha(long) });
  });

  it('never throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void decodeEnvelope(run, `{"version":1,${text}\n`, 'key')));
  });
});

describe('keys', () => {
  it('of runs come back, and others are none', () => {
    const run = { fingerprint: digest('f'), result: digest('r') };
    expect(parseRunKey(runKey(run))).toEqual(run);
    expect(parseRunKey(runKey(run).replace(/^runs\/../, 'runs/zz'))).toBeUndefined();
    expect(parseRunKey('runs/../../etc/passwd')).toBeUndefined();
  });
});
