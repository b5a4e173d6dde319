import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestBytes, loadDigest } from '../core/digest.ts';
import type { Present } from '../core/observation.ts';
import type { IncomingFile } from './incoming.ts';
import { CacheStore } from './store.ts';
import { makeTestbed, put } from './testbed.ts';
import type { Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(loadDigest);
beforeEach(() => {
  bed = makeTestbed();
});
afterEach(() => bed.dispose());

const half = 1 << 20;
const bytes = Buffer.concat([Buffer.alloc(half, 'one'), Buffer.alloc(half + 17, 'two')]);

function contentOf(executable = false): Extract<Present, { kind: 'file' }> {
  return { kind: 'file', digest: digestBytes(bytes), size: bytes.length, executable };
}

const tmp = (dir = bed.dir): readonly string[] => readdirSync(`${dir}/tmp`);
const partial = (): string => `part-${digestBytes(bytes)}`;

/** The second half comes first. */
async function receive(store: CacheStore, options = { isCopiedSoon: true }): Promise<IncomingFile> {
  const incoming = await store.sharing().receive(contentOf().digest, options);
  await Promise.all([
    incoming.write(bytes.subarray(half), half, { isKept: false }),
    incoming.write(bytes.subarray(0, half), 0, { isKept: false }),
  ]);
  return incoming;
}

async function checkout(store: CacheStore, name: string, executable = false): Promise<void> {
  const placed = { path: bed.at(name), content: contentOf(executable) };
  expect(await store.checkout(placed, 'reflink')).toEqual({ ok: true, value: undefined });
  expect(readFileSync(bed.at(name)).equals(bytes)).toBe(true);
  expect(lstatSync(bed.at(name)).mode & 0o777).toBe(executable ? 0o755 : 0o644);
}

/** Where copies take neither time nor space, none is made in advance. */
function canClone(folder: string): boolean {
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  writeFileSync(from, '');
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE);
    rmSync(to);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(from);
  }
}

describe('a large object that comes', () => {
  it.each([false, true])(
    'is in the cache and, as a copy made on the way, in the workspace (executable: %s)',
    async (executable) => {
      const incoming = await receive(bed.store);
      const spare = tmp().find((name) => name !== partial());
      expect(spare === undefined).toBe(canClone(bed.base));
      const inode = spare === undefined ? undefined : lstatSync(`${bed.dir}/tmp/${spare}`).ino;
      expect((await incoming.store()).ok).toBe(true);
      await incoming.close();
      expect(readFileSync(bed.object(contentOf())).equals(bytes)).toBe(true);
      expect(lstatSync(bed.object(contentOf())).mode & 0o777).toBe(0o444);
      await checkout(bed.store, 'first', executable);
      if (inode !== undefined) expect(lstatSync(bed.at('first')).ino).toBe(inode);
      expect(tmp()).toEqual([]);
      // There was one copy.
      await checkout(bed.store, 'second');
      writeFileSync(bed.at('first'), 'edited');
      expect(readFileSync(bed.at('second')).equals(bytes)).toBe(true);
      expect(readFileSync(bed.object(contentOf())).equals(bytes)).toBe(true);
    },
  );

  it.each(['out', 'folder/in/out'])('need not be read to know what it is at %s', async (path) => {
    const told: unknown[] = [];
    const store = CacheStore.open({
      dir: bed.dir,
      root: bed.root,
      onWarning: () => undefined,
      onVerified: (...what) => told.push(what),
    });
    const [out = ''] = path.split('/');
    bed.write(path, bytes);
    bed.write('folder/other', 'other');
    const content = await put(bed, out);
    rmSync(bed.object(contentOf()));
    rmSync(bed.at(out), { recursive: true });
    const incoming = await receive(store);
    expect((await incoming.store()).ok).toBe(true);
    await incoming.close();
    const placed = { path: bed.at(out), content };
    expect((await store.checkout(placed, 'reflink')).ok).toBe(true);
    const expected = [bed.at(path), contentOf().digest, lstatSync(bed.at(path))];
    expect(told).toEqual(canClone(bed.base) ? [] : [expected]);
    // A copy that is made now is read by whoever wants to know.
    rmSync(bed.at(out), { recursive: true });
    expect((await store.checkout(placed, 'reflink')).ok).toBe(true);
    expect(told.length).toBeLessThanOrEqual(1);
  });

  it('leaves no copy where none is wanted, and none that nobody took', async () => {
    const guard = bed.store.beginActivity('dagrun pull');
    const unwanted = await receive(bed.store, { isCopiedSoon: false });
    expect(tmp()).toEqual([partial()]);
    expect((await unwanted.store()).ok).toBe(true);
    await unwanted.close();
    rmSync(bed.object(contentOf()));
    const untaken = await receive(bed.store);
    expect((await untaken.store()).ok).toBe(true);
    await untaken.close();
    if (guard.ok) guard.value.release();
    expect(tmp()).toEqual([]);
    await checkout(bed.store, 'copied');
  });

  it('is copied where somebody has touched the copy', async () => {
    const incoming = await receive(bed.store);
    expect((await incoming.store()).ok).toBe(true);
    await incoming.close();
    for (const name of tmp()) writeFileSync(`${bed.dir}/tmp/${name}`, 'evil');
    await checkout(bed.store, 'out');
    expect(tmp()).toEqual([]);
  });

  it('that was interrupted stays as far as it came, and is gone on with; its copy is whole then', async () => {
    const first = await bed.store.sharing().receive(contentOf().digest, { isCopiedSoon: true });
    await first.write(bytes.subarray(0, half), 0, { isKept: false });
    await first.close();
    expect(tmp()).toEqual([partial()]);
    const second = await bed.reopen().sharing().receive(contentOf().digest, { isCopiedSoon: true });
    expect(second.kept).toBe(half);
    const kept = Buffer.alloc(half);
    expect(await second.read(kept, 0)).toBe(half);
    expect(kept.equals(bytes.subarray(0, half))).toBe(true);
    await second.close();
    const store = bed.reopen();
    const third = await store.sharing().receive(contentOf().digest, { isCopiedSoon: true });
    await third.write(kept, 0, { isKept: true });
    await third.write(bytes.subarray(half), half, { isKept: false });
    expect((await third.store()).ok).toBe(true);
    await third.close();
    await checkout(store, 'out');
    expect(readFileSync(bed.object(contentOf())).equals(bytes)).toBe(true);
  });

  it('that is not what it should be goes, and its copy with it', async () => {
    const incoming = await receive(bed.store);
    await incoming.discard();
    await incoming.close();
    expect(tmp()).toEqual([]);
  });
});

const mountPoint = mkdtempSync(join(tmpdir(), 'dagrun-mount-'));
const mount = (): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mountPoint]).status === 0;
const unmount = (): void => void spawnSync('umount', ['-l', mountPoint]);
const canMount = mount();
if (canMount) unmount();
afterAll(() => rmSync(mountPoint, { recursive: true }));

(canMount ? describe : describe.skip)('on a small file system', () => {
  beforeEach(() => void mount());
  afterEach(unmount);

  const open = (root: string): CacheStore =>
    CacheStore.open({ dir: `${mountPoint}/cache`, root, onWarning: () => undefined });

  it('the object comes also where there is no room for a copy', async () => {
    mkdirSync(`${mountPoint}/workspace`);
    const store = open(`${mountPoint}/workspace`);
    const incoming = await receive(store);
    expect((await incoming.store()).ok).toBe(true);
    await incoming.close();
    expect(tmp(`${mountPoint}/cache`)).toEqual([]);
    // The workspace is elsewhere, where there is room.
    await checkout(open(bed.root), 'out');
  });

  it('no copy is made for a workspace on another file system', async () => {
    const store = open(bed.root);
    const incoming = await receive(store);
    expect(tmp(`${mountPoint}/cache`)).toEqual([partial()]);
    expect((await incoming.store()).ok).toBe(true);
    await incoming.close();
    await checkout(store, 'out');
  });
});
