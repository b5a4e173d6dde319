// What a cache from strangers, or an odd workspace, may try: no write outside the workspace, no false hit, always a typed error.

import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { digestText, loadDigest } from '../core/digest.ts';
import { encodeManifest } from '../core/manifest.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Present } from '../core/observation.ts';
import type { RepoPath } from '../core/path.ts';
import { encodeRunEntry } from './entry.ts';
import { listAll, makeEntry, makeTestbed, put, runPath } from './testbed.ts';
import type { Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(loadDigest);
beforeEach(() => {
  bed = makeTestbed();
  mkdirSync(`${bed.base}/outside`);
  writeFileSync(`${bed.base}/outside/victim`, 'safe');
});
afterEach(() => {
  expect(listAll(`${bed.base}/outside`)).toEqual(['victim']);
  expect(readFileSync(`${bed.base}/outside/victim`, 'utf8')).toBe('safe');
  bed.dispose();
});

/** Plants bytes as an object, whatever they are, and returns the content that names them as a tree. */
function plantTree(text: string): Present {
  const content: Present = { kind: 'tree', digest: digestText(text), size: 0, files: 0 };
  mkdirSync(dirname(bed.object(content)), { recursive: true });
  writeFileSync(bed.object(content), text);
  return content;
}

async function checkOutTree(manifest: Manifest | string) {
  const content = plantTree(typeof manifest === 'string' ? manifest : encodeManifest(manifest));
  return bed.store.checkout({ path: bed.at('out'), content }, 'copy');
}

function link(target: string, path = 'l'): Manifest {
  return [{ kind: 'link', path: path as RepoPath, target, digest: null }];
}

describe('hostile manifests', () => {
  it.each([
    ['a path that leaves the folder', '../../outside/evil'],
    ['an absolute path', '/tmp/evil'],
    ['a path that is not normal', 'a/../../outside/evil'],
    ['the folder itself', '.'],
    ['a NUL byte', 'a\0b'],
    ['a backslash', 'a\\b'],
  ])('%s is corrupt and yields nothing', async (_name, path) => {
    bed.write('x', 'x');
    const x = await put(bed, 'x');
    const entries: Manifest = [{ kind: 'file', path: path as RepoPath, digest: x.digest, size: 1, executable: false }];
    expect(await checkOutTree(entries)).toMatchObject({ ok: false, error: { kind: 'corrupt' } });
    expect(bed.store.holds([plantTree(encodeManifest(entries))])).toBe(false);
    expect(readdirSync(bed.root)).toEqual(['x']);
  });

  it('a file below a link, duplicates and wrong order are corrupt', async () => {
    const head = 'dagrun-manifest 1\n';
    const digest = digestText('x');
    const texts = [
      `${head}l - "${bed.base}/outside" "l"\nf ${digest} 1 "l/victim"\n`,
      `${head}f ${digest} 1 "a"\nf ${digest} 1 "a"\n`,
      `${head}f ${digest} 1 "b"\nf ${digest} 1 "a"\n`,
      `${head}f ${digest} 99999999999999999999 "a"\n`,
      'no manifest at all',
    ];
    for (const text of texts) expect(await checkOutTree(text)).toMatchObject({ ok: false, error: { kind: 'corrupt' } });
    expect(existsSync(bed.at('out'))).toBe(false);
  });

  it('a manifest whose bytes have another digest is removed', async () => {
    bed.write('out/a', 'a');
    const content = await put(bed, 'out');
    chmodSync(bed.object(content), 0o644);
    writeFileSync(bed.object(content), 'dagrun-manifest 1\n');
    expect(bed.reopen().manifest(content.digest)).toMatchObject({ ok: false, error: { kind: 'corrupt' } });
    expect(existsSync(bed.object(content))).toBe(false);
  });

  it.each([
    ['an absolute target', '/etc/passwd'],
    ['a target above the workspace', '../../outside/victim'],
    ['a target that goes down and up again', 'a/../../../outside'],
    ['a target that only looks inside', './../../workspace-x'],
  ])('a symlink with %s is refused and nothing is changed', async (_name, target) => {
    bed.write('out/old', 'old');
    expect(await checkOutTree(link(target))).toMatchObject({ ok: false, error: { kind: 'refused' } });
    expect(readFileSync(bed.at('out/old'), 'utf8')).toBe('old');
  });

  it.each(['../in', 'sub/file', '.', '../../workspace/in'])(
    'a symlink to %s stays in the workspace and is restored',
    async (target) => {
      expect((await checkOutTree(link(target))).ok).toBe(true);
      expect(lstatSync(bed.at('out/l')).isSymbolicLink()).toBe(true);
    },
  );

  it('a chain of links cannot lead out: going up behind a link is refused', async () => {
    const chain: Manifest = [
      { kind: 'link', path: 'deep/er/up' as RepoPath, target: '../..', digest: null },
      { kind: 'link', path: 'evil' as RepoPath, target: 'deep/er/up/../../outside', digest: null },
    ];
    expect(await checkOutTree(chain)).toMatchObject({ ok: false, error: { kind: 'refused' } });
  });

  it('symlinks that leave the workspace are not stored either', async () => {
    for (const target of [`${bed.base}/outside`, '../../outside/victim', 'a/../b']) {
      rmSync(bed.at('out'), { recursive: true, force: true });
      mkdirSync(bed.at('out'));
      symlinkSync(target, bed.at('out/l'));
      await expect(put(bed, 'out')).rejects.toThrow(/symbolic link .*out\/l/);
    }
    expect(existsSync(`${bed.dir}/objects`)).toBe(false);
  });
});

describe('odd workspaces', () => {
  it('an out below a symlink that leads out of the workspace is refused', async () => {
    bed.write('file', 'evil');
    bed.write('tree/victim', 'evil');
    const contents = [await put(bed, 'file'), await put(bed, 'tree')];
    symlinkSync(`${bed.base}/outside`, bed.at('way'));
    for (const content of contents) {
      for (const path of ['way/victim', 'way/new', 'way/new/deep']) {
        expect(await bed.store.checkout({ path: bed.at(path), content }, 'copy')).toMatchObject({
          ok: false,
          error: { kind: 'refused' },
        });
      }
    }
  });

  it('a dangling symlink on the way is refused', async () => {
    bed.write('file', 'evil');
    const content = await put(bed, 'file');
    symlinkSync(`${bed.base}/outside/new`, bed.at('way'));
    expect(await bed.store.checkout({ path: bed.at('way/x'), content }, 'copy')).toMatchObject({
      ok: false,
      error: { kind: 'refused' },
    });
  });

  it('an out that is a symlink is replaced, never written through', async () => {
    bed.write('file', 'evil');
    bed.write('tree/victim', 'evil');
    const contents = [await put(bed, 'file'), await put(bed, 'tree')];
    for (const content of contents) {
      for (const target of ['outside', 'outside/victim', 'outside/new']) {
        rmSync(bed.at('out'), { recursive: true, force: true });
        symlinkSync(`${bed.base}/${target}`, bed.at('out'));
        expect((await bed.store.checkout({ path: bed.at('out'), content }, 'copy')).ok).toBe(true);
        expect(lstatSync(bed.at('out')).isSymbolicLink()).toBe(false);
      }
    }
  });

  it('a symlink inside an out is replaced, never written through', async () => {
    bed.write('out/sub/victim', 'good');
    const content = await put(bed, 'out');
    rmSync(bed.at('out/sub'), { recursive: true });
    symlinkSync(`${bed.base}/outside`, bed.at('out/sub'));
    expect((await bed.store.checkout({ path: bed.at('out'), content }, 'copy')).ok).toBe(true);
    rmSync(bed.at('out/sub/victim'));
    symlinkSync(`${bed.base}/outside/victim`, bed.at('out/sub/victim'));
    expect((await bed.store.checkout({ path: bed.at('out'), content }, 'copy')).ok).toBe(true);
    expect(readFileSync(bed.at('out/sub/victim'), 'utf8')).toBe('good');
  });

  it('the workspace itself, what is above it, and the cache are refused', async () => {
    bed.write('file', 'evil');
    const content = await put(bed, 'file');
    const inner = `${bed.root}/cache`;
    symlinkSync(bed.dir, inner);
    for (const path of [
      bed.root,
      bed.base,
      `${bed.root}/../outside/victim`,
      `${bed.base}/workspace-x/a`,
      `${inner}/objects/x`,
    ]) {
      expect(await bed.store.checkout({ path, content }, 'copy')).toMatchObject({
        ok: false,
        error: { kind: 'refused' },
      });
    }
  });

  it('a name that no pipeline can hold, or a pipe, is refused in words', async () => {
    bed.write('out/a\\b', 'x');
    await expect(put(bed, 'out')).rejects.toThrow('cannot hold');
  });
});

describe('hostile objects and entries', () => {
  it('an object that is a symlink or a folder yields nothing', async () => {
    bed.write('out', 'safe');
    const content = await put(bed, 'out');
    for (const plant of ['link', 'folder']) {
      rmSync(bed.object(content), { force: true });
      if (plant === 'link') symlinkSync(`${bed.base}/outside/victim`, bed.object(content));
      else mkdirSync(bed.object(content));
      expect(bed.store.holds([content])).toBe(false);
      expect(await bed.store.checkout({ path: bed.at('new'), content }, 'copy')).toMatchObject({
        ok: false,
        error: { kind: 'corrupt' },
      });
      expect(existsSync(bed.at('new'))).toBe(false);
    }
  });

  it('entries that lie in the wrong place, are links, folders or damaged are left out, warned about once, and rewritten', async () => {
    bed.write('out', 'x');
    const entry = makeEntry([await put(bed, 'out')]);
    await bed.store.record(entry);
    const path = runPath(bed, entry);
    const plants = [
      () =>
        writeFileSync(path, encodeRunEntry({ ...entry, fingerprint: digestText('other') as typeof entry.fingerprint })),
      () => writeFileSync(path, encodeRunEntry(entry).slice(0, 100)),
      () => writeFileSync(path, ''),
      () => symlinkSync(`${bed.base}/outside/victim`, path),
      () => mkdirSync(path),
    ];
    for (const plant of plants) {
      rmSync(path, { recursive: true });
      plant();
      const store = bed.reopen();
      bed.warnings.length = 0;
      expect(store.candidates(entry.fingerprint)).toEqual([]);
      expect(store.history('train')).toEqual([]);
      expect(bed.warnings.length).toBe(1);
      await store.record(entry);
      expect(store.candidates(entry.fingerprint).length).toBe(1);
    }
  });

  it.each([
    'logs',
    'logs/train',
    'tmp',
    'hits',
    'workspaces',
    'objects/ab',
    'runs/ab',
    `runs/ab/ab${'0'.repeat(30)}`,
    'history/train',
  ])('gc and verify remove nothing that lies behind a link at %s', async (place) => {
    bed.write('out', 'x');
    await bed.store.record(makeEntry([await put(bed, 'out')]));
    const hex = '0'.repeat(32);
    const names = ['letter.txt', '1-2-3', 'a.log', 'a.json', hex.slice(2), `${hex}.json`, `${hex}-${hex}`, '1-1.txt'];
    const precious = names.flatMap((name) => [name, `ab${hex.slice(2)}/${name}`, `sub/${name}`]);
    for (const path of precious) {
      mkdirSync(dirname(`${bed.base}/precious/${path}`), { recursive: true });
      writeFileSync(`${bed.base}/precious/${path}`, 'precious');
    }
    const before = listAll(`${bed.base}/precious`);
    rmSync(`${bed.dir}/${place}`, { recursive: true, force: true });
    mkdirSync(dirname(`${bed.dir}/${place}`), { recursive: true });
    symlinkSync(`${bed.base}/precious`, `${bed.dir}/${place}`);
    const store = bed.reopen();
    expect(await store.verify({ repair: true }, () => undefined)).toMatchObject({ ok: true });
    expect(await store.gc({ keep: () => false, keepObjects: new Set(), dry: false })).toMatchObject({ ok: true });
    expect(await store.stats()).toMatchObject({ ok: true });
    expect(listAll(`${bed.base}/precious`)).toEqual(expect.arrayContaining([...before]));
  });

  it('a link that leads to itself is nothing', async () => {
    for (const place of ['logs', 'history', 'objects', 'runs']) {
      mkdirSync(`${bed.dir}/${place}`, { recursive: true });
      symlinkSync('ab', `${bed.dir}/${place}/ab`);
    }
    expect(await bed.store.verify({ repair: false }, () => undefined)).toMatchObject({ ok: true });
    expect(await bed.store.gc({ keep: () => false, keepObjects: new Set(), dry: false })).toMatchObject({ ok: true });
    expect(await bed.store.stats()).toMatchObject({ ok: true });
  });

  it('whatever stands in the cache folder, reading it never throws (fuzz)', async () => {
    bed.write('out/a', 'x');
    const content = await put(bed, 'out');
    const entry = makeEntry([content]);
    await bed.store.record(entry);
    const files = [bed.object(content), runPath(bed, entry)];
    const healthy = files.map((file) => readFileSync(file));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.string().map((text) => Buffer.from(`dagrun-manifest 1\n${text}\n`)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(0, 1), bytes, async (which, evil) => {
        files.forEach((file, index) => {
          rmSync(file, { force: true });
          writeFileSync(file, index === which ? evil : healthy[index]!);
        });
        const store = bed.reopen();
        const [candidate] = store.candidates(entry.fingerprint);
        store.history('train');
        const result = await store.checkout({ path: bed.at('new'), content }, 'copy');
        expect(candidate === undefined).toBe(which === 1);
        expect(result.ok).toBe(which === 1);
        rmSync(bed.at('new'), { recursive: true, force: true });
      }),
      { numRuns: 150 },
    );
  });
});
