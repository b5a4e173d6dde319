import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { digestText, loadDigest } from '../core/digest.ts';
import type { Present } from '../core/observation.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { RunEntry } from '../plan/record.ts';
import { Layout } from './layout.ts';
import { makeEntry, makeTestbed } from './testbed.ts';
import type { Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(loadDigest);
beforeEach(() => {
  bed = makeTestbed();
});
afterEach(() => bed.dispose());

function run(text: string, fields: Partial<RunEntry> = {}): RunEntry {
  const content: Present = { kind: 'file', digest: digestText(text), size: text.length, executable: false };
  return makeEntry([content], fields);
}

function print(text: string): Fingerprint {
  return digestText(text) as Fingerprint;
}

describe('candidates', () => {
  it('are the recorded entries, newest first, also where times are written differently', async () => {
    const entries = [
      run('a', { at: '2024-05-01T10:00:00Z' }),
      run('b', { at: '2024-05-01T10:00:02.5Z' }),
      run('c', { at: '2024-05-01T10:00:02.25Z' }),
    ];
    for (const entry of entries) await bed.store.record(entry);
    const found = bed.reopen().candidates(entries[0]!.fingerprint);
    expect(found.map((entry) => entry.result)).toEqual(
      [entries[1], entries[2], entries[0]].map((entry) => entry!.result),
    );
    expect(JSON.parse(JSON.stringify(found[2]))).toEqual(entries[0]);
    expect(bed.store.candidates(print('unknown'))).toEqual([]);
    expect(bed.warnings).toEqual([]);
  });

  it('a second run with the same result renews the entry (behaviour 46: the newest wins)', async () => {
    await bed.store.record(run('a', { at: '2024-05-01T10:00:00Z', runId: 'one' }));
    await bed.store.record(run('b', { at: '2024-05-01T11:00:00Z', runId: 'two' }));
    await bed.store.record(run('a', { at: '2024-05-01T12:00:00Z', runId: 'three' }));
    expect(bed.store.candidates(run('a').fingerprint).map((entry) => entry.runId)).toEqual(['three', 'two']);
  });

  it('an entry whose result is not that of its outs is a bug', async () => {
    await expect(bed.store.record({ ...run('a'), result: digestText('x') })).rejects.toThrow(
      'not the digest of its outs',
    );
  });
});

describe('history', () => {
  it('holds every run of a group, sorted, and its digest changes with it and only with it', async () => {
    const digests = [bed.store.historyDigest('train')];
    const entries = ['a', 'b', 'c'].map((text) => run(text, { fingerprint: print(text) }));
    for (const entry of entries) {
      await bed.store.record(entry);
      digests.push(bed.store.historyDigest('train'));
    }
    await bed.store.record(run('d', { group: 'evaluate', fingerprint: print('d') }));
    await bed.store.record({ ...entries[0]!, at: '2025-01-01T00:00:00Z' });
    expect(new Set(digests).size).toBe(4);
    expect(bed.reopen().historyDigest('train')).toBe(digests[3]);
    const names = bed
      .reopen()
      .history('train')
      .map((entry) => entry.fingerprint);
    expect(names).toEqual(entries.map((entry) => entry.fingerprint).sort());
    expect(bed.store.history('other')).toEqual([]);
  });

  it('a marker that a crash left out is written again when the run is found', async () => {
    await bed.store.record(run('a'));
    const digest = bed.store.historyDigest('train');
    rmSync(`${bed.dir}/history`, { recursive: true });
    expect(bed.store.historyDigest('train')).not.toBe(digest);
    bed.reopen().candidates(run('a').fingerprint);
    expect(bed.store.historyDigest('train')).toBe(digest);
  });

  it('what is handed out and what the digest says are the same, also where entries are gone or damaged', async () => {
    const [kept, gone, damaged] = ['a', 'b', 'c'].map((text) => run(text, { fingerprint: print(text) }));
    await bed.store.record(kept!);
    const digest = bed.store.historyDigest('train');
    await bed.store.record(gone!);
    await bed.store.record(damaged!);
    const whole = bed.store.historyDigest('train');
    rmSync(new Layout(bed.dir).run(gone!.fingerprint, gone!.result));
    writeFileSync(new Layout(bed.dir).run(damaged!.fingerprint, damaged!.result), 'nonsense');
    expect(bed.store.history('train')).toHaveLength(1);
    expect(bed.store.historyDigest('train')).toBe(whole);
    expect(bed.store.history('train', { trim: true }).map(({ fingerprint }) => fingerprint)).toEqual([
      kept!.fingerprint,
    ]);
    expect(bed.store.historyDigest('train')).toBe(digest);
    await bed.store.record(gone!);
    await bed.store.record(damaged!);
    expect(bed.store.historyDigest('train')).toBe(whole);
  });

  it('groups with odd names have histories of their own', async () => {
    const groups = ['../x', 'a/b', 'a%2Fb', '.', 'ü', 'x'.repeat(300), `${'x'.repeat(300)}y`];
    for (const [index, group] of groups.entries())
      await bed.store.record(run(`${index}`, { group, fingerprint: print(group) }));
    for (const group of groups) expect(bed.store.history(group).map((entry) => entry.group)).toEqual([group]);
    expect(readdirSync(`${bed.dir}/history`).length).toBe(groups.length);
  });
});

describe('the folder is a set', () => {
  it('copying two caches together in any order gives the same candidates and histories', async () => {
    const other = makeTestbed();
    try {
      for (const [index, text] of ['a', 'b', 'c'].entries()) {
        if (index < 2) await bed.store.record(run(text, { fingerprint: print(text) }));
        if (index > 0) await other.store.record(run(text, { fingerprint: print(text) }));
      }
      const sides = [bed.dir, other.dir];
      for (const order of [sides, sides.toReversed()]) {
        const merged = makeTestbed();
        for (const side of order) cpSync(side, merged.dir, { recursive: true });
        expect(merged.store.history('train').map((entry) => entry.fingerprint)).toEqual(
          ['a', 'b', 'c'].map(print).sort(),
        );
        expect(merged.store.candidates(print('b')).length).toBe(1);
        merged.dispose();
      }
    } finally {
      other.dispose();
    }
  });
});
