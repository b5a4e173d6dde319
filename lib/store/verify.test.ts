import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFileSync, chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { digestText, loadDigest } from '../core/digest.ts';
import type { Present } from '../core/observation.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { RunEntry } from '../plan/record.ts';
import { listAll, makeEntry, makeTestbed, put, runPath } from './testbed.ts';
import type { Testbed } from './testbed.ts';
import type { VerifyReport } from './verify.ts';

let bed: Testbed;
let tree: Present;
let file: Present;
let entry: RunEntry;
beforeAll(loadDigest);
beforeEach(async () => {
  bed = makeTestbed();
  bed.write('tree/a', 'aaaa');
  bed.write('tree/b', 'bbbb');
  bed.write('file', 'ffff');
  tree = await put(bed, 'tree');
  file = await put(bed, 'file');
  entry = makeEntry([tree, file]);
  await bed.store.record(entry);
});
afterEach(() => bed.dispose());

async function verify(repair: boolean, target = bed.reopen()): Promise<VerifyReport> {
  const result = await target.verify({ repair }, () => undefined);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function overwrite(path: string, text: string): void {
  chmodSync(path, 0o644);
  writeFileSync(path, text);
}

describe('verify', () => {
  it('finds nothing wrong with a sound cache, whatever a crash left in it', async () => {
    writeFileSync(`${bed.dir}/tmp/left`, 'over');
    rmSync(`${bed.dir}/history`, { recursive: true });
    const seen: number[] = [];
    const result = await bed.store.verify({ repair: false }, (progress) => seen.push(progress.objects));
    expect(result).toMatchObject({ ok: true, value: { objects: 4, entries: 1, problems: [], repaired: 0 } });
    expect(seen).toEqual([1, 2, 3, 4]);
    await verify(true);
    expect(bed.store.history('train').length).toBe(1);
  });

  it('reports a corrupt object and the entry that needs it; repair removes the object, and the next put heals', async () => {
    overwrite(bed.object(file), 'evil');
    const kinds = (report: VerifyReport): readonly string[] => report.problems.map((problem) => problem.kind);
    expect(kinds(await verify(false))).toEqual(['object-corrupt', 'entry-incomplete']);
    expect(existsSync(bed.object(file))).toBe(true);
    expect((await verify(true)).repaired).toBe(1);
    expect(existsSync(bed.object(file))).toBe(false);
    expect(kinds(await verify(false))).toEqual(['entry-incomplete']);
    expect(bed.store.candidates(entry.fingerprint).length).toBe(1);
    await put(bed, 'file');
    expect(kinds(await verify(false))).toEqual([]);
  });

  it('reports a missing file of a tree, and a damaged manifest', async () => {
    const { digest } = await put(bed, 'tree/a');
    rmSync(bed.object({ ...file, digest }));
    expect((await verify(false)).problems).toMatchObject([
      { kind: 'entry-incomplete', missing: digest, stage: 'train@a' },
    ]);
    overwrite(bed.object(tree), 'dagrun-manifest 1\n');
    expect((await verify(true)).problems.map((problem) => problem.kind)).toEqual([
      'object-corrupt',
      'entry-incomplete',
    ]);
    expect(existsSync(bed.object(tree))).toBe(false);
  });

  it('reports a damaged entry and its marker; repair removes both', async () => {
    appendFileSync(runPath(bed, entry), 'x');
    expect((await verify(true)).problems.map((problem) => problem.kind)).toEqual(['entry-corrupt', 'marker-dangling']);
    expect(existsSync(runPath(bed, entry))).toBe(false);
    expect((await verify(false)).problems).toEqual([]);
    expect(bed.store.historyDigest('train')).toBe(bed.store.historyDigest('never'));
  });
});

describe('merge', () => {
  it('takes over objects, runs, markers, logs and hits, once', async () => {
    const other = makeTestbed();
    try {
      bed.store.noteHit(entry);
      bed.store.flushHits();
      writeFileSync(bed.write('x', ''), '');
      bed.store.writeExecution({
        runId: 'run-1',
        stage: 'train@a',
        fingerprint: null,
        command: 'c',
        startedAt: '2024-05-01T10:00:00Z',
        seconds: 1,
        outcome: 'succeeded',
        exitCode: 0,
        signal: null,
        peakMemory: null,
        host: 'box',
        attempt: 1,
      });
      writeFileSync(bed.store.logPath('train@a', 'run-1'), 'hello\n');
      expect(await other.store.merge(bed.dir)).toMatchObject({
        ok: true,
        value: { objects: 4, runs: 1, logs: 1, skipped: [] },
      });
      expect(other.store.history('train').length).toBe(1);
      expect(other.store.historyDigest('train')).toBe(bed.store.historyDigest('train'));
      expect(other.store.holds([tree, file])).toBe(true);
      expect(other.store.executions('train@a').length).toBe(1);
      expect(other.store.logTail(other.store.logPath('train@a', 'run-1'), 1)).toEqual(['hello']);
      expect(await other.store.stats()).toMatchObject({ ok: true, value: { hits: 1 } });
      const before = listAll(other.dir);
      expect(await other.store.merge(bed.dir)).toMatchObject({
        ok: true,
        value: { objects: 0, bytes: 0, runs: 0, logs: 0, skipped: [] },
      });
      expect(listAll(other.dir)).toEqual(before);
      expect((await verify(false, other.store)).problems).toEqual([]);
    } finally {
      other.dispose();
    }
  });

  it('skips and reports what is damaged there, and never overwrites', async () => {
    const other = makeTestbed();
    try {
      other.write('file', 'ffff');
      await put(other, 'file');
      const mine = { ...makeEntry([file]), runId: 'mine' };
      await other.store.record(mine);
      await bed.store.record({ ...mine, runId: 'theirs' });
      overwrite(bed.object(file), 'evil');
      const { digest } = await put(bed, 'tree/a');
      overwrite(bed.object({ ...file, digest }), 'evil');
      overwrite(runPath(bed, entry), 'damaged');
      const merged = await other.store.merge(bed.dir);
      expect(merged).toMatchObject({ ok: true, value: { objects: 2, runs: 0 } });
      expect(merged.ok && merged.value.skipped.length).toBe(2);
      expect(other.store.candidates(mine.fingerprint).map((found) => found.runId)).toEqual(['mine']);
      expect((await verify(false, other.store)).problems).toEqual([]);
    } finally {
      other.dispose();
    }
  });

  it('of what is no cache folder is refused', async () => {
    expect(await bed.store.merge(`${bed.base}/nothing`)).toMatchObject({ ok: false, error: { kind: 'missing' } });
    expect(await bed.store.merge(bed.root)).toMatchObject({ ok: false, error: { kind: 'missing' } });
  });

  it('leaves nothing in tmp and no registration', async () => {
    const other = makeTestbed();
    await other.store.merge(bed.dir);
    expect(readdirSync(`${other.dir}/tmp`)).toEqual([]);
    expect(readdirSync(`${other.dir}/active`)).toEqual([]);
    other.dispose();
  });
});

describe('stats', () => {
  it('counts objects, runs by group, logs and what hits saved', async () => {
    const second = makeEntry([file], { fingerprint: digestText('2') as Fingerprint, group: 'evaluate', seconds: 2 });
    await bed.store.record(second);
    bed.store.noteHit(entry);
    bed.store.noteHit(second);
    bed.store.flushHits();
    const other = bed.reopen();
    other.noteHit(second);
    other.flushHits();
    writeFileSync(runPath(bed, makeEntry([tree, file])).replace(/[^/]*$/, `${'0'.repeat(32)}.json`), 'damaged');
    const stats = await bed.store.stats();
    expect(stats).toMatchObject({
      ok: true,
      value: {
        objects: 4,
        runs: 2,
        damaged: 1,
        hits: 3,
        saved: 16.5,
        groups: [
          { group: 'evaluate', runs: 1, seconds: 2, hits: 2, saved: 4 },
          { group: 'train', runs: 1, seconds: 12.5, hits: 1, saved: 12.5 },
        ],
      },
    });
  });

  it('of a cache that does not exist is empty', async () => {
    rmSync(bed.dir, { recursive: true });
    expect(await bed.store.stats()).toMatchObject({
      ok: true,
      value: { objects: 0, runs: 0, logs: 0, hits: 0, groups: [] },
    });
  });
});
