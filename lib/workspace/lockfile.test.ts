import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { digestText, loadDigest } from '../core/digest.ts';
import type { RepoPath } from '../core/path.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { LockEntry } from '../plan/record.ts';
import { decodeLock, encodeLock, LockFile, lockFileFor } from './lockfile.ts';

await loadDigest();

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lockfile-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function entry(text: string): LockEntry {
  return {
    fingerprint: digestText(text) as string as Fingerprint,
    parts: { cmd: { '0': text }, param: { 'params.yaml:__proto__': '1' } },
    outs: [
      { path: 'out/ü' as RepoPath, content: { kind: 'tree', digest: digestText(text), size: 3, files: 2 } },
      { path: 'run.sh' as RepoPath, content: { kind: 'file', digest: digestText(text), size: 0, executable: true } },
    ],
  };
}

const lock = (): Map<StageName, LockEntry> =>
  new Map([
    ['b' as StageName, entry('b')],
    ['a@__proto__' as StageName, entry('a')],
  ]);

describe('the text of a lock', () => {
  it('comes back as it was, sorted by stage', () => {
    const text = encodeLock(lock());
    const decoded = decodeLock('pipeline.lock', text);
    expect(decoded.ok && [...decoded.value.keys()]).toEqual(['a@__proto__', 'b']);
    expect(decoded.ok && encodeLock(decoded.value)).toBe(text);
    expect(decoded.ok && decoded.value.get('b' as StageName)?.outs).toEqual(entry('b').outs);
  });

  it.each<[string, (text: string) => string, RegExp, number]>([
    ['a merge conflict', (text) => text.replace('{\n', '{\n<<<<<<< HEAD\n'), /merge conflict/, 2],
    ['another version', (text) => text.replace('"version": 1', '"version": 7'), /version 7/, 2],
    ['half a file', (text) => text.slice(0, 60), /damaged/, 5],
    [
      'an out that leaves the workspace',
      (text) => text.replace('run.sh', '../run.sh'),
      /entry of stage "a@__proto__"/,
      4,
    ],
    ['an absolute out', (text) => text.replace('run.sh', '/etc/passwd'), /entry of stage/, 4],
    ['a wrong digest', (text) => text.replace(/"digest": "[0-9a-f]{32}"/, '"digest": "xyz"'), /entry of stage/, 4],
    ['an empty file', () => '', /damaged/, 1],
    ['a list', () => '[]', /no "stages"/, 1],
  ])('%s is a fault with its line', (_, damage, message, line) => {
    const decoded = decodeLock('pipeline.lock', damage(encodeLock(lock())));
    if (decoded.ok) throw new Error('it was accepted');
    expect(decoded.error.message).toMatch(message);
    expect(decoded.error.at).toMatchObject({ file: 'pipeline.lock', line });
    expect(decoded.error.hint).toBeDefined();
  });

  it('never throws, whatever the text', () => {
    const json = fc.json();
    const damaged = fc.tuple(fc.nat(1000), fc.string({ maxLength: 3 })).map(([at, insert]) => {
      const text = encodeLock(lock());
      return text.slice(0, at % text.length) + insert + text.slice((at % text.length) + 1);
    });
    const shaped = fc
      .record({ version: fc.constant(1), stages: fc.dictionary(fc.string(), fc.jsonValue()) })
      .map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(fc.oneof(fc.string(), json, damaged, shaped), (text) => {
        const decoded = decodeLock('l', text);
        if (!decoded.ok) expect(decoded.error.at?.line).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe('LockFile', () => {
  const open = (): LockFile => {
    const read = LockFile.read(root, 'pipeline.lock');
    if (!read.ok) throw new Error(read.error.faults[0]!.message);
    return read.value;
  };

  it('is empty where there is none, and is not written unless something changed', () => {
    const file = open();
    expect(file.entries.size).toBe(0);
    expect(file.save().ok).toBe(true);
    expect(LockFile.read(root, 'pipeline.lock').ok).toBe(true);
    expect(() => readFileSync(join(root, 'pipeline.lock'))).toThrow();
  });

  it('is written, read back, and pruned', () => {
    const file = open();
    file.set('a' as StageName, entry('a'));
    file.set('gone' as StageName, entry('b'));
    file.prune((name) => name === 'a');
    expect(file.save().ok).toBe(true);
    expect([...open().entries.keys()]).toEqual(['a']);
  });

  it('keeps its very bytes where an entry is set to what it was', () => {
    const file = open();
    file.set('a' as StageName, entry('a'));
    file.save();
    const pretty = readFileSync(join(root, 'pipeline.lock'), 'utf8');
    const again = open();
    again.set('a' as StageName, entry('a'));
    again.save();
    expect(readFileSync(join(root, 'pipeline.lock'), 'utf8')).toBe(pretty);
  });

  it('reports a damaged file instead of overwriting it', () => {
    writeFileSync(join(root, 'pipeline.lock'), '{');
    expect(LockFile.read(root, 'pipeline.lock').ok).toBe(false);
  });
});

it.each([
  ['pipeline.yaml', 'pipeline.lock'],
  ['other.yml', 'other.lock'],
  ['dvc.yaml', 'dvc.dagrun.lock'],
])('the lock of %s is %s', (pipeline, expected) => expect(lockFileFor(pipeline)).toBe(expected));
