import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { digestText, loadDigest } from '../core/digest.ts';
import type { LinkKind } from '../pipeline/pipeline.ts';
import { CacheStore } from './store.ts';
import { listAll, makeEntry, makeTestbed, observe, put } from './testbed.ts';
import type { Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(loadDigest);
beforeEach(() => {
  bed = makeTestbed();
});
afterEach(() => bed.dispose());

const kinds: readonly LinkKind[] = ['reflink', 'copy', 'hardlink', 'symlink'];
const big = Buffer.alloc(5 * 1024 * 1024 + 17, 'dagrun');

/** A folder with everything that a tree can hold. */
function writeTree(path: string): void {
  bed.write(`${path}/plain.txt`, 'plain');
  bed.write(`${path}/bin/run.sh`, '#!/bin/sh\n', 0o755);
  bed.write(`${path}/empty`, '');
  bed.write(`${path}/big.bin`, big);
  bed.write(`${path}/tief/ü ñ "x"\n$(y)/データ.json`, '{}');
  bed.write(`${path}/copy of plain`, 'plain');
  mkdirSync(bed.at(`${path}/hollow/inner`), { recursive: true });
  symlinkSync('../plain.txt', bed.at(`${path}/bin/link`));
  symlinkSync('nowhere', bed.at(`${path}/dangling`));
  symlinkSync('bin', bed.at(`${path}/folder link`));
}

describe('opening', () => {
  it('touches no disk', () => {
    CacheStore.open({ dir: `${bed.base}/none`, root: `${bed.base}/nothing`, onWarning: () => undefined });
    expect(readdirSync(bed.base)).toEqual(['workspace']);
  });
});

describe.each(kinds)('round trip by %s', (link) => {
  it.each([
    ['a file', 'text', 0o644],
    ['an executable', '#!/bin/sh\n', 0o755],
    ['an empty file', '', 0o644],
    ['5 MB', big, 0o644],
    ['5 MB, executable', big, 0o755],
  ])('%s', async (_name, bytes, mode) => {
    bed.write('a b/out', bytes, mode);
    const content = await put(bed, 'a b/out');
    rmSync(bed.at('a b'), { recursive: true });
    expect(await bed.store.checkout({ path: bed.at('a b/out'), content }, link)).toEqual({
      ok: true,
      value: undefined,
    });
    expect(readFileSync(bed.at('a b/out')).equals(Buffer.from(bytes))).toBe(true);
    expect((statSync(bed.at('a b/out')).mode & 0o111) !== 0).toBe(mode === 0o755);
    expect(statSync(bed.object(content)).mode & 0o777).toBe(0o444);
    expect(readdirSync(`${bed.dir}/tmp`)).toEqual([]);
  });

  it('a tree with links, empty folders and odd names', async () => {
    writeTree('out');
    const content = await put(bed, 'out');
    const before = listAll(bed.at('out'));
    rmSync(bed.at('out'), { recursive: true });
    expect((await bed.reopen().checkout({ path: bed.at('out'), content }, link)).ok).toBe(true);
    expect(listAll(bed.at('out'))).toEqual(before);
    expect(await observe(bed.at('out'))).toEqual(content);
    expect(readlinkSync(bed.at('out/bin/link'))).toBe('../plain.txt');
    expect(readlinkSync(bed.at('out/dangling'))).toBe('nowhere');
    expect(statSync(bed.at('out/hollow/inner')).isDirectory()).toBe(true);
    expect(statSync(bed.at('out/bin/run.sh')).mode & 0o111).not.toBe(0);
    expect(readdirSync(`${bed.dir}/tmp`)).toEqual([]);
  });

  it('an empty folder', async () => {
    mkdirSync(bed.at('out'));
    const content = await put(bed, 'out');
    rmSync(bed.at('out'), { recursive: true });
    expect((await bed.store.checkout({ path: bed.at('out'), content }, link)).ok).toBe(true);
    expect(readdirSync(bed.at('out'))).toEqual([]);
  });

  it('gives what the link kind says', async () => {
    bed.write('out', 'text');
    const content = await put(bed, 'out');
    rmSync(bed.at('out'));
    await bed.store.checkout({ path: bed.at('out'), content }, link);
    const stats = lstatSync(bed.at('out'));
    expect(stats.isSymbolicLink()).toBe(link === 'symlink');
    expect(statSync(bed.at('out')).ino === statSync(bed.object(content)).ino).toBe(
      link === 'hardlink' || link === 'symlink',
    );
    expect((statSync(bed.at('out')).mode & 0o200) !== 0).toBe(link === 'copy' || link === 'reflink');
  });

  it('leaves alone what is right already', async () => {
    bed.write('out/a', 'a');
    const content = await put(bed, 'out');
    rmSync(bed.at('out'), { recursive: true });
    await bed.store.checkout({ path: bed.at('out'), content }, link);
    const before = lstatSync(bed.at('out/a'), { bigint: true });
    await bed.store.checkout({ path: bed.at('out'), content }, link);
    expect(lstatSync(bed.at('out/a'), { bigint: true })).toMatchObject({
      ino: before.ino,
      mtimeNs: before.mtimeNs,
      ctimeNs: before.ctimeNs,
    });
  });
});

describe('checkout', () => {
  it('replaces only what differs and removes what does not belong (behaviour 58)', async () => {
    writeTree('out');
    const content = await put(bed, 'out');
    const kept = lstatSync(bed.at('out/plain.txt'), { bigint: true });
    writeFileSync(bed.at('out/copy of plain'), 'PLAIN');
    chmodSync(bed.at('out/bin/run.sh'), 0o644);
    bed.write('out/extra/more', 'x');
    rmSync(bed.at('out/hollow'), { recursive: true });
    writeFileSync(bed.at('out/hollow'), 'a file where a folder was');
    rmSync(bed.at('out/empty'));
    bed.write('out/empty/now', 'a folder where a file was');
    unlinkSync(bed.at('out/dangling'));
    symlinkSync('elsewhere', bed.at('out/dangling'));
    expect(await bed.store.checkout({ path: bed.at('out'), content }, 'copy')).toEqual({ ok: true, value: undefined });
    expect(await observe(bed.at('out'))).toEqual(content);
    expect(existsSync(bed.at('out/extra'))).toBe(false);
    const after = lstatSync(bed.at('out/plain.txt'), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([kept.ino, kept.mtimeNs]);
  });

  it.each(['file', 'folder', 'link'])('replaces a %s that stands where another kind belongs', async (kind) => {
    bed.write('file', 'f');
    bed.write('tree/x', 'x');
    const contents = [await put(bed, 'file'), await put(bed, 'tree')];
    for (const content of contents) {
      rmSync(bed.at('out'), { recursive: true, force: true });
      if (kind === 'file') bed.write('out', 'old');
      if (kind === 'folder') bed.write('out/deep/old', 'old');
      if (kind === 'link') symlinkSync('file', bed.at('out'));
      expect((await bed.store.checkout({ path: bed.at('out'), content }, 'copy')).ok).toBe(true);
      expect(await observe(bed.at('out'))).toEqual(content);
      expect(readFileSync(bed.at('file'), 'utf8')).toBe('f');
    }
  });

  it('changes nothing where an object is missing or corrupt', async () => {
    bed.write('out/a', 'aaaa');
    bed.write('out/b', 'bbbb');
    const content = await put(bed, 'out');
    const b = await observe(bed.at('out/b'));
    bed.write('out/a', 'edited');
    bed.write('out/b', 'edited');
    rmSync(bed.object(b));
    expect(bed.store.holds([content])).toBe(false);
    const missing = await bed.store.checkout({ path: bed.at('out'), content }, 'copy');
    expect(missing).toMatchObject({ ok: false, error: { kind: 'missing' } });
    expect(readFileSync(bed.at('out/a'), 'utf8')).toBe('edited');
    writeFileSync(bed.object(b), 'evil');
    expect(bed.store.holds([content])).toBe(true);
    const corrupt = await bed.store.checkout({ path: bed.at('out'), content }, 'copy');
    expect(corrupt).toMatchObject({ ok: false, error: { kind: 'corrupt' } });
    expect(readFileSync(bed.at('out/a'), 'utf8')).toBe('edited');
    expect(existsSync(bed.object(b))).toBe(false);
    expect(bed.warnings.join()).toContain('corrupt');
    expect(readdirSync(`${bed.dir}/tmp`)).toEqual([]);
  });

  it('copies a large object that has just come, but not one that was touched since', async () => {
    bed.write('out', big);
    const content = await observe(bed.at('out'));
    const sharing = bed.store.sharing();
    const incoming = await sharing.receive(content.digest, { isCopiedSoon: false });
    await incoming.write(big, 0, { isKept: false });
    expect((await incoming.store()).ok).toBe(true);
    for (const [name, mode] of [
      ['copy', 0o644],
      ['run', 0o755],
    ] as const) {
      const placement = { path: bed.at(name), content: { ...content, executable: mode === 0o755 } };
      expect((await bed.store.checkout(placement, 'copy')).ok).toBe(true);
      expect(readFileSync(bed.at(name)).equals(big)).toBe(true);
      expect(lstatSync(bed.at(name)).mode & 0o777).toBe(mode);
    }
    // The clock of a file system goes in steps of some milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 50));
    chmodSync(bed.object(content), 0o644);
    writeFileSync(bed.object(content), Buffer.alloc(big.length, 'evil'));
    const touched = await bed.store.checkout({ path: bed.at('touched'), content }, 'copy');
    expect(touched).toMatchObject({ ok: false, error: { kind: 'corrupt' } });
    expect(existsSync(bed.at('touched'))).toBe(false);
  });

  it('restores a tree through a link that stays in the workspace', async () => {
    bed.write('out/a', 'a');
    const content = await put(bed, 'out');
    mkdirSync(bed.at('real'));
    symlinkSync('real', bed.at('way'));
    expect((await bed.store.checkout({ path: bed.at('way/deep/out'), content }, 'copy')).ok).toBe(true);
    expect(readFileSync(bed.at('real/deep/out/a'), 'utf8')).toBe('a');
  });

  it('restores from a cache that is on another file system', async () => {
    const other = makeTestbed('/dev/shm');
    try {
      bed.write('out/a', 'a');
      const content = await observe(bed.at('out'));
      const store = CacheStore.open({ dir: other.dir, root: bed.root, onWarning: () => undefined });
      expect((await store.put({ path: bed.at('out'), content })).ok).toBe(true);
      for (const link of kinds) {
        rmSync(bed.at('out'), { recursive: true });
        expect((await store.checkout({ path: bed.at('out'), content }, link)).ok).toBe(true);
        expect(await observe(bed.at('out'))).toEqual(content);
      }
      expect(readdirSync(bed.root)).toEqual(['out']);
    } finally {
      other.dispose();
    }
  });

  it('removes what a killed process left beside a target, once it is old', async () => {
    const other = makeTestbed('/dev/shm');
    try {
      bed.write('folder/out', 'a');
      bed.write('folder/.dagrun-tmp-old', 'x');
      bed.write('folder/.dagrun-tmp-new', 'x');
      utimesSync(bed.at('folder/.dagrun-tmp-old'), 1, 1);
      const store = CacheStore.open({ dir: other.dir, root: bed.root, onWarning: () => undefined });
      const content = await observe(bed.at('folder/out'));
      await store.put({ path: bed.at('folder/out'), content });
      rmSync(bed.at('folder/out'));
      await store.checkout({ path: bed.at('folder/out'), content }, 'copy');
      expect(readdirSync(bed.at('folder')).sort()).toEqual(['.dagrun-tmp-new', 'out']);
    } finally {
      other.dispose();
    }
  });
});

describe('put', () => {
  it('keeps an object that is there', async () => {
    bed.write('out', 'text');
    const content = await put(bed, 'out');
    const before = statSync(bed.object(content), { bigint: true });
    await put(bed, 'out');
    expect(statSync(bed.object(content), { bigint: true })).toMatchObject({ ino: before.ino, mtimeNs: before.mtimeNs });
  });

  it('replaces an object of the wrong size, one that is a folder, and one that was edited through a hard link', async () => {
    bed.write('out', 'text');
    const content = await put(bed, 'out');
    const object = bed.object(content);
    chmodSync(object, 0o644);
    writeFileSync(object, 'longer than before');
    await put(bed, 'out');
    expect(readFileSync(object, 'utf8')).toBe('text');
    rmSync(object);
    mkdirSync(`${object}/x`, { recursive: true });
    await put(bed, 'out');
    expect(readFileSync(object, 'utf8')).toBe('text');
    rmSync(bed.at('out'));
    await bed.store.checkout({ path: bed.at('out'), content }, 'hardlink');
    writeFileSync(bed.at('out'), 'TEXT');
    bed.write('again', 'text');
    await put(bed, 'again');
    expect(readFileSync(object, 'utf8')).toBe('text');
    expect(readFileSync(bed.at('out'), 'utf8')).toBe('TEXT');
  });

  it.each(['same size', 'other size', 'gone', 'a folder', 'large'])(
    'notices a file that changed since it was observed: %s',
    async (how) => {
      bed.write('out', how === 'large' ? big : 'text');
      const content = await observe(bed.at('out'));
      if (how === 'same size') bed.write('out', 'TEXT');
      if (how === 'other size') appendFileSync(bed.at('out'), 'x');
      if (how === 'gone' || how === 'a folder') rmSync(bed.at('out'));
      if (how === 'a folder') mkdirSync(bed.at('out'));
      if (how === 'large') bed.write('out', Buffer.alloc(big.length, 'x'));
      const stored = await bed.store.put({ path: bed.at('out'), content });
      expect(stored).toMatchObject({ ok: false, error: { kind: how === 'gone' ? 'missing' : 'refused' } });
      expect(bed.store.holds([content])).toBe(false);
      expect(listAll(bed.dir)).toEqual([]);
    },
  );

  it('notices a tree that changed since it was observed', async () => {
    writeTree('out');
    const content = await observe(bed.at('out'));
    bed.write('out/plain.txt', 'PLAIN');
    const stored = await bed.store.put({ path: bed.at('out'), content });
    expect(stored).toMatchObject({
      ok: false,
      error: { kind: 'refused', message: expect.stringContaining('changed while it was stored') },
    });
    expect(bed.store.holds([content])).toBe(false);
  });

  it('stores what a restored symlink leads to', async () => {
    bed.write('out', 'a');
    const content = await put(bed, 'out');
    rmSync(bed.at('out'));
    await bed.store.checkout({ path: bed.at('out'), content }, 'symlink');
    expect(lstatSync(bed.at('out')).isSymbolicLink()).toBe(true);
    expect((await bed.store.put({ path: bed.at('out'), content })).ok).toBe(true);
  });

  it('keeps links to what lies elsewhere in the workspace, by the digest of what they lead to', async () => {
    bed.write('data/x', 'x');
    mkdirSync(bed.at('out'));
    symlinkSync('../data/x', bed.at('out/file'));
    symlinkSync('../data', bed.at('out/folder'));
    symlinkSync('..', bed.at('out/around'));
    symlinkSync('../nowhere', bed.at('out/dangling'));
    const content = await put(bed, 'out');
    const manifest = bed.store.manifest(content.digest);
    const digests = manifest.ok ? manifest.value.map((entry) => entry.kind === 'link' && entry.digest) : [];
    expect(digests).toEqual([
      null,
      null,
      (await observe(bed.at('data/x'))).digest,
      (await observe(bed.at('data'))).digest,
    ]);
    rmSync(bed.at('out'), { recursive: true });
    expect((await bed.store.checkout({ path: bed.at('out'), content }, 'copy')).ok).toBe(true);
    expect(await observe(bed.at('out'))).toEqual(content);
    bed.write('data/x', 'y');
    expect(await observe(bed.at('out'))).not.toEqual(content);
  });

  it('takes the manifest from the workspace where it is given one (ignored files)', async () => {
    bed.write('out/a', 'a');
    const content = await observe(bed.at('out'));
    const manifest = await (async () => {
      await put(bed, 'out');
      return bed.store.manifest(content.digest);
    })();
    bed.write('out/ignored.log', 'noise');
    if (!manifest.ok) throw new Error('no manifest');
    const store = CacheStore.open({
      dir: `${bed.base}/other`,
      root: bed.root,
      onWarning: () => undefined,
      readTree: () => manifest,
    });
    expect((await store.put({ path: bed.at('out'), content })).ok).toBe(true);
    expect(store.holds([content])).toBe(true);
    expect(listAll(`${bed.base}/other/objects`).length).toBe(2);
  });

  it('stores many small files and large ones together', async () => {
    for (let index = 0; index < 300; index++) bed.write(`out/${index % 7}/f${index}`, `content ${index % 250}`);
    bed.write('out/large', big);
    const content = await put(bed, 'out');
    rmSync(bed.at('out'), { recursive: true });
    expect((await bed.store.checkout({ path: bed.at('out'), content }, 'reflink')).ok).toBe(true);
    expect(await observe(bed.at('out'))).toEqual(content);
    expect(listAll(`${bed.dir}/objects`).length).toBe(252);
  });

  it('keeps few files open, also where much is put at once', async () => {
    const open = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);
    const before = open();
    let most = 0;
    const timer = setInterval(() => (most = Math.max(most, open())));
    const texts = Array.from({ length: 4 }, (_, put) => Array.from({ length: 200 }, (_, file) => `${put} ${file}`));
    const objects = texts.map((put) => put.map((text) => ({ digest: digestText(text), bytes: Buffer.from(text) })));
    const stored = await Promise.all(objects.map((some) => bed.store.sharing().takeBytes(some)));
    clearInterval(timer);
    expect(stored.every(({ ok }) => ok)).toBe(true);
    expect(most - before).toBeLessThanOrEqual(4 * 64 + 10);
  });

  it('is safe to do twice at once', async () => {
    writeTree('out');
    const content = await observe(bed.at('out'));
    const placement = { path: bed.at('out'), content };
    const results = await Promise.all([
      bed.store.put(placement),
      bed.reopen().put(placement),
      bed.store.put(placement),
    ]);
    expect(results.every((result) => result.ok)).toBe(true);
    expect(readdirSync(`${bed.dir}/tmp`)).toEqual([]);
  });
});

describe('a linked out that was edited in place (behaviour 56)', () => {
  it.each(['hardlink', 'symlink'] as const)('%s: is noticed on restoring and heals', async (link) => {
    bed.write('out', 'good');
    const content = await put(bed, 'out');
    rmSync(bed.at('out'));
    await bed.store.checkout({ path: bed.at('out'), content }, link);
    chmodSync(bed.at('out'), 0o644);
    writeFileSync(bed.at('out'), 'evil');
    const restored = await bed.store.checkout({ path: bed.at('elsewhere'), content }, 'copy');
    expect(restored).toMatchObject({ ok: false, error: { kind: 'corrupt' } });
    expect(existsSync(bed.at('elsewhere'))).toBe(false);
    expect(bed.store.holds([content])).toBe(false);
    rmSync(bed.at('out'));
    bed.write('out', 'good');
    await put(bed, 'out');
    expect((await bed.store.checkout({ path: bed.at('elsewhere'), content }, link)).ok).toBe(true);
    expect(readFileSync(bed.at('elsewhere'), 'utf8')).toBe('good');
  });
});

describe('recording', () => {
  it('registers the workspace, and forgets none that exists', async () => {
    bed.write('out', 'x');
    await bed.store.record(makeEntry([await put(bed, 'out')]));
    expect(bed.reopen().workspaces()).toEqual([bed.root]);
  });
});
