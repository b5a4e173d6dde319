import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { digestText, loadDigest } from '../core/digest.ts';
import { encodeManifest } from '../core/manifest.ts';
import type { RepoPath } from '../core/path.ts';
import { FilesRig, settle } from './files-rig.ts';

let rig: FilesRig;
beforeAll(loadDigest);
beforeEach(() => {
  rig = new FilesRig();
  mkdirSync(rig.at('data/sub'), { recursive: true });
  for (const path of ['data/a.csv', 'data/b.csv', 'data/sub/c.csv', 'data/sub/n.txt', 'data/.hidden.csv'])
    writeFileSync(rig.at(path), path);
});
afterEach(() => rig.close());

async function look(pattern: string): Promise<{ seen: unknown; read: number }> {
  const files = await rig.open({ excluded: ['cache'] });
  const seen = await files.observeGlob(pattern);
  files.save();
  return { seen, read: files.filesRead };
}

function tree(...paths: string[]): unknown {
  const entries = paths.map(
    (path) =>
      ({
        kind: 'file',
        path: path as RepoPath,
        digest: digestText(path),
        size: path.length,
        executable: false,
      }) as const,
  );
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  return { kind: 'tree', digest: digestText(encodeManifest(entries)), size, files: paths.length };
}

describe('a glob dep', () => {
  it('is the tree of its matches, by path from the root', async () => {
    expect((await look('data/*.csv')).seen).toEqual(tree('data/a.csv', 'data/b.csv'));
    expect((await look('data/**/*.{csv,txt}')).seen).toEqual(
      tree('data/a.csv', 'data/b.csv', 'data/sub/c.csv', 'data/sub/n.txt'),
    );
    expect((await look('**')).seen).toEqual(tree('data/a.csv', 'data/b.csv', 'data/sub/c.csv', 'data/sub/n.txt'));
    expect((await look('none/*')).seen).toEqual(tree());
  });

  it('notices added, removed and edited matches, and reads only those', async () => {
    await settle();
    expect((await look('data/**/*.csv')).read).toBe(3);
    writeFileSync(rig.at('data/sub/other'), 'no match');
    expect((await look('data/**/*.csv')).read).toBe(0);
    writeFileSync(rig.at('data/new.csv'), 'data/new.csv');
    await settle();
    const added = await look('data/**/*.csv');
    expect(added).toEqual({ seen: tree('data/a.csv', 'data/b.csv', 'data/new.csv', 'data/sub/c.csv'), read: 1 });
    rmSync(rig.at('data/a.csv'));
    expect((await look('data/**/*.csv')).seen).toEqual(tree('data/b.csv', 'data/new.csv', 'data/sub/c.csv'));
    writeFileSync(rig.at('data/b.csv'), 'edited');
    expect((await look('data/**/*.csv')).seen).not.toEqual(tree('data/b.csv', 'data/new.csv', 'data/sub/c.csv'));
  });

  it('skips folders and the cache, follows links to files only', async () => {
    mkdirSync(rig.at('cache'));
    mkdirSync(rig.at('data/dir.csv'));
    writeFileSync(rig.at('cache/x.csv'), '');
    symlinkSync('sub', rig.at('data/link.csv'));
    expect((await look('**/*.csv')).seen).toEqual(tree('data/a.csv', 'data/b.csv', 'data/sub/c.csv'));
    symlinkSync('sub/n.txt', rig.at('data/l.csv'));
    await settle();
    const linked = await look('data/*.csv');
    expect(linked.seen).not.toEqual(tree('data/a.csv', 'data/b.csv'));
    writeFileSync(rig.at('data/sub/n.txt'), 'edited');
    expect((await look('data/*.csv')).seen).not.toEqual(linked.seen);
  });

  it('honours the ignore rules', async () => {
    writeFileSync(rig.at('.dagrunignore'), 'sub/\n');
    expect((await look('data/**/*.csv')).seen).toEqual(tree('data/a.csv', 'data/b.csv'));
  });

  it('is looked at again after anything was forgotten', async () => {
    const files = await rig.open();
    const before = await files.observeGlob('data/*.csv');
    renameSync(rig.at('data/a.csv'), rig.at('data/z.csv'));
    expect(await files.observeGlob('data/*.csv')).toEqual(before);
    files.forget('data/z.csv');
    expect(await files.observeGlob('data/*.csv')).not.toEqual(before);
  });
});
