import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStorage } from './file-storage.ts';
import { partKey } from './keys.ts';
import { removeLeftovers } from './leftovers.ts';
import { writeCatalogue } from './push.ts';

let root: string;
let storage: FileStorage;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dagrun-folder-'));
  storage = new FileStorage(root, { label: 'folder', jobs: 1 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const bytes = Buffer.from('bytes');

/** A file system that is not the one of `root`; undefined where none is known. */
function elsewhere(): string | undefined {
  const found = statSync('/dev/shm', { throwIfNoEntry: false });
  return found === undefined || found.dev === statSync(tmpdir()).dev ? undefined : mkdtempSync('/dev/shm/dagrun-');
}

async function tidy(): Promise<object> {
  const { removed, problems } = await removeLeftovers(storage, Date.now(), { dry: false });
  return { removed: removed.map(({ key }) => key).sort(), problems: problems.map(({ message }) => message) };
}

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? it : it.skip;
const nobody = 65_534;

/** Runs the work as a user who is not root: one of these paths' own where the tests themselves are root. */
async function unprivileged(own: readonly string[], work: () => Promise<void>): Promise<void> {
  if (!isRoot) return work();
  for (const path of ['', ...own]) chownSync(join(root, path), nobody, nobody);
  process.seteuid!(nobody);
  try {
    await work();
  } finally {
    process.seteuid!(0);
  }
}

describe('a folder', () => {
  it('that cannot be written to is a problem of the remote, whatever stands in the way', async () => {
    writeFileSync(join(root, 'tmp'), 'of somebody');
    const problem = { kind: 'no-place', message: 'folder: "active/a": a part of its path is no folder' };
    await expect(storage.write('active/a', bytes)).rejects.toMatchObject({ problem });
  });

  it('of which a part lies on another file system says what is wrong', async () => {
    const other = elsewhere();
    if (other === undefined) return;
    try {
      symlinkSync(other, join(root, 'blobs'));
      await expect(storage.write('blobs/a', bytes)).rejects.toMatchObject({
        problem: { kind: 'other', hint: 'keep all of the folder on one file system' },
      });
      expect(await storage.list('tmp/')).toEqual([]);
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  it('may have files of others in tmp/: those are no leftovers, however old', async () => {
    const keys = ['tmp/notes', 'tmp/a-b-c', 'tmp/work/1-2-3.part', partKey('1-2-3')];
    for (const key of keys) {
      await storage.write(key, bytes);
      utimesSync(join(root, key), 1, 1);
    }
    expect(await tidy()).toEqual({ removed: ['tmp/1-2-3.part'], problems: [] });
    expect((await storage.list('tmp/')).map(({ key }) => key).sort()).toEqual(keys.slice(0, 3).sort());
  });

  it('may have folders of others in tmp/ that may not be looked into', async () => {
    await storage.write('tmp/theirs/1-2-3.part', bytes);
    await storage.write(partKey('1-2-3'), bytes);
    utimesSync(join(root, 'tmp/1-2-3.part'), 1, 1);
    chmodSync(join(root, 'tmp/theirs'), 0);
    try {
      await unprivileged(['tmp'], async () => {
        await expect(storage.list('tmp/')).rejects.toMatchObject({ problem: { kind: 'denied' } });
        expect(await tidy()).toEqual({ removed: ['tmp/1-2-3.part'], problems: [] });
      });
    } finally {
      chmodSync(join(root, 'tmp/theirs'), 0o700);
    }
  });

  asRoot('may have parts that only somebody else may remove: they are told, and the others go', async () => {
    const keys = ['1-1-1', '2-2-2', '3-3-3'].map(partKey);
    for (const key of keys) {
      await storage.write(key, bytes);
      utimesSync(join(root, key), 1, 1);
    }
    // As in /tmp: everybody may write there, and remove what is their own.
    chmodSync(join(root, 'tmp'), 0o1777);
    await unprivileged([keys[0]!, keys[2]!], async () => {
      expect(await tidy()).toEqual({
        removed: [keys[0], keys[2]],
        problems: ['folder: "tmp/2-2-2.part": permission denied'],
      });
    });
  });

  it('may have parts that older pushes left beside the markers: no catalogue names them', async () => {
    const name = `${'0'.repeat(32)}-${'1'.repeat(32)}`;
    for (const file of [name, '.tmp-1-2-3']) await storage.write(`history/group/${file}`, bytes);
    await writeCatalogue(storage);
    expect((await storage.read('catalogue')).toString()).toBe(`${name} group\n`);
  });
});
