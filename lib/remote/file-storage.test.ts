import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStorage } from './file-storage.ts';
import { partKey } from './keys.ts';
import { findLeftovers } from './leftovers.ts';
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

describe('a folder', () => {
  it('that cannot be written to is a problem of the remote, whatever stands in the way', async () => {
    writeFileSync(join(root, 'tmp'), 'of somebody');
    await expect(storage.write('active/a', bytes)).rejects.toMatchObject({ problem: { kind: 'other' } });
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
    expect((await findLeftovers(storage, Date.now())).map(({ key }) => key)).toEqual(['tmp/1-2-3.part']);
  });

  it('may have parts that older pushes left beside the markers: no catalogue names them', async () => {
    const name = `${'0'.repeat(32)}-${'1'.repeat(32)}`;
    for (const file of [name, '.tmp-1-2-3']) await storage.write(`history/group/${file}`, bytes);
    await writeCatalogue(storage);
    expect((await storage.read('catalogue')).toString()).toBe(`${name} group\n`);
  });
});
