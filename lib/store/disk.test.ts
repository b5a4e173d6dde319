// A full disk and a read-only cache, on small file systems made for the test. That takes the right to mount.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDigest } from '../core/digest.ts';
import { CacheStore } from './store.ts';
import { listAll, makeEntry, makeTestbed, observe, put } from './testbed.ts';
import type { Testbed } from './testbed.ts';

const mountPoint = mkdtempSync(join(tmpdir(), 'dagrun-mount-'));

function mount(...options: string[]): boolean {
  return spawnSync('mount', [...options, mountPoint]).status === 0;
}

function unmount(): void {
  spawnSync('umount', ['-l', mountPoint]);
}

const canMount = mount('-t', 'tmpfs', '-o', 'size=64k', 'tmpfs');
if (canMount) unmount();

let bed: Testbed;
let warnings: string[];
beforeAll(loadDigest);
beforeEach(() => {
  bed = makeTestbed();
  warnings = [];
});
afterEach(() => {
  unmount();
  bed.dispose();
});
afterAll(() => rmSync(mountPoint, { recursive: true }));

function openMounted(): CacheStore {
  return CacheStore.open({
    dir: `${mountPoint}/cache`,
    root: bed.root,
    onWarning: (message) => warnings.push(message),
  });
}

function defineMounted(): void {
  it('a full disk is a problem in words, leaves nothing in tmp, and no partial object', async () => {
    mount('-t', 'tmpfs', '-o', 'size=256k', 'tmpfs');
    const store = openMounted();
    bed.write('fits', 'x');
    const fits = await observe(bed.write('fits', 'x'));
    expect((await store.put({ path: bed.at('fits'), content: fits })).ok).toBe(true);
    for (const size of [300_000, 3_000_000]) {
      const content = await observe(bed.write('out', Buffer.alloc(size, 'x')));
      const stored = await store.put({ path: bed.at('out'), content });
      expect(stored).toMatchObject({
        ok: false,
        error: { kind: 'io', message: expect.stringContaining('no space left on the device') },
      });
      expect(store.holds([content])).toBe(false);
    }
    for (let index = 0; index < 100; index++) bed.write(`tree/${index}`, Buffer.alloc(5000, `${index}`));
    const tree = await observe(bed.at('tree'));
    expect(await store.put({ path: bed.at('tree'), content: tree })).toMatchObject({
      ok: false,
      error: { kind: 'io' },
    });
    expect(readdirSync(`${mountPoint}/cache/tmp`)).toEqual([]);
    expect(await store.verify({ repair: false }, () => undefined)).toMatchObject({ ok: true, value: { problems: [] } });
    expect(store.holds([fits])).toBe(true);
  });

  it('an entry that finds no room is a warning, and no part of one is left', async () => {
    mount('-t', 'tmpfs', '-o', 'size=256k', 'tmpfs');
    const store = openMounted();
    const content = await observe(bed.write('out', 'x'));
    await store.put({ path: bed.at('out'), content });
    const params = { 'p.yaml': { big: 'x'.repeat(400_000) } };
    await store.record(makeEntry([content], { params }));
    expect(warnings.join()).toMatch(/the run of train@a is not remembered.*no space left on the device/);
    expect(readdirSync(`${mountPoint}/cache/tmp`)).toEqual([]);
    expect(store.candidates(makeEntry([content]).fingerprint)).toEqual([]);
  });

  it('a workspace that is full keeps what it had', async () => {
    mount('-t', 'tmpfs', '-o', 'size=256k', 'tmpfs');
    bed.write('out/a', Buffer.alloc(200_000, 'a'));
    bed.write('out/b', Buffer.alloc(200_000, 'b'));
    const content = await put(bed, 'out');
    const store = CacheStore.open({ dir: bed.dir, root: mountPoint, onWarning: () => undefined });
    mkdirSync(`${mountPoint}/out`);
    writeFileSync(`${mountPoint}/out/mine`, 'mine');
    const restored = await store.checkout({ path: `${mountPoint}/out`, content }, 'reflink');
    expect(restored).toMatchObject({
      ok: false,
      error: { kind: 'io', message: expect.stringContaining('no space left') },
    });
    expect(listAll(mountPoint)).toEqual(['out/mine']);
  });

  it('a read-only cache restores, stores nothing, and says so', async () => {
    bed.write('out/a', 'aaaa');
    bed.write('out/run', 'bbbb', 0o755);
    const content = await put(bed, 'out');
    const entry = makeEntry([content]);
    await bed.store.record(entry);
    rmSync(`${bed.dir}/history`, { recursive: true });
    expect(spawnSync('mount', ['--bind', bed.base, mountPoint]).status).toBe(0);
    expect(mount('-o', 'remount,bind,ro')).toBe(true);
    const store = openMounted();
    const before = listAll(bed.dir);
    expect(store.candidates(entry.fingerprint).length).toBe(1);
    for (const link of ['reflink', 'copy', 'hardlink', 'symlink'] as const) {
      rmSync(bed.at('out'), { recursive: true });
      expect(await store.checkout({ path: bed.at('out'), content }, link)).toEqual({ ok: true, value: undefined });
      expect(readFileSync(bed.at('out/a'), 'utf8')).toBe('aaaa');
    }
    const fresh = await observe(bed.write('new', 'new'));
    const stored = await store.put({ path: bed.at('new'), content: fresh });
    expect(stored).toMatchObject({ ok: false, error: { kind: 'io', message: expect.stringContaining('read-only') } });
    await store.record({ ...entry, at: '2025-01-01T00:00:00Z' });
    store.noteHit(entry);
    store.flushHits();
    expect(warnings.join()).toContain('the run of train@a is not remembered');
    const guard = store.beginActivity('dagrun repro');
    expect(guard.ok).toBe(true);
    if (guard.ok) guard.value.release();
    expect(await store.gc({ keep: () => false, keepObjects: new Set(), dry: false })).toMatchObject({
      ok: false,
      error: { kind: 'io' },
    });
    expect(listAll(bed.dir)).toEqual(before);
    expect(readdirSync(bed.root).sort()).toEqual(['new', 'out']);
  });
}

if (canMount) describe('small file systems', defineMounted);
else
  it('full disk and read-only cache are NOT tested here: mounting is not permitted', () =>
    expect(canMount).toBe(false));
