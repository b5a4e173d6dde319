import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { loadDigest } from '../core/digest.ts';
import { FilesRig, plainDigest, settle } from './files-rig.ts';

let rig: FilesRig;
beforeAll(loadDigest);
beforeEach(() => {
  rig = new FilesRig();
  mkdirSync(rig.at('data/sub/tmp'), { recursive: true });
  writeFileSync(rig.at('data/a'), 'a');
  writeFileSync(rig.at('data/sub/b'), 'b');
});
afterEach(() => rig.close());

async function look(path: string): Promise<{ seen: unknown; read: number }> {
  const files = await rig.open();
  const seen = await files.observe(path);
  files.save();
  return { seen, read: files.filesRead };
}

describe.each(['.dagrunignore', '.dvcignore'])('%s', (name) => {
  it('keeps ignored files from counting, and a change of the rules counts at once', async () => {
    const digest = plainDigest(rig.at('data'));
    writeFileSync(rig.at('data/x.tmp'), 'x');
    await settle();
    const without = await look('data');
    writeFileSync(rig.at(name), '*.tmp\n!keep.tmp\n');
    const { seen, read } = await look('data');
    expect(seen).toEqual({ kind: 'tree', digest, size: 2, files: 2 });
    expect(read).toBe(0);
    writeFileSync(rig.at('data/sub/y.tmp'), 'y');
    rmSync(rig.at('data/x.tmp'));
    expect((await look('data')).seen).toEqual(seen);
    writeFileSync(rig.at('data/keep.tmp'), 'k');
    expect((await look('data')).seen).not.toEqual(seen);
    rmSync(rig.at('data/keep.tmp'));
    rmSync(rig.at('data/sub/y.tmp'));
    writeFileSync(rig.at('data/x.tmp'), 'x');
    rmSync(rig.at(name));
    expect((await look('data')).seen).toEqual(without.seen);
  });

  it('tells folders from files', async () => {
    writeFileSync(rig.at(name), 'tmp/\n');
    writeFileSync(rig.at('data/sub/tmp/x'), 'x');
    await settle();
    const ignored = await look('data');
    expect(ignored.seen).toMatchObject({ files: 2 });
    rmSync(rig.at('data/sub/tmp'), { recursive: true });
    writeFileSync(rig.at('data/sub/tmp'), 'now a file');
    expect((await look('data')).seen).toMatchObject({ files: 3 });
  });

  it('does not empty a folder that is asked for by name', async () => {
    writeFileSync(rig.at(name), 'data\n');
    expect((await look('data')).seen).toMatchObject({ files: 2 });
    expect((await look('data/sub')).seen).toMatchObject({ files: 1 });
  });

  it('a new folder that holds only ignored files changes nothing', async () => {
    writeFileSync(rig.at(name), '*.pyc\n');
    const before = await look('data');
    mkdirSync(rig.at('data/__pycache__'));
    writeFileSync(rig.at('data/__pycache__/x.pyc'), 'x');
    expect((await look('data')).seen).toEqual(before.seen);
  });

  it('says what it names', async () => {
    writeFileSync(rig.at(name), 'build/\n/out\n');
    writeFileSync(rig.at('build'), '');
    const files = await rig.open();
    expect(files.ignores('out')).toBe(true);
    expect(files.ignores('out/model')).toBe(true);
    expect(files.ignores('data/out')).toBe(false);
    expect(files.ignores('data/build')).toBe(true);
    expect(files.ignores('build')).toBe(false);
    expect(files.ignores('../out')).toBe(false);
  });
});
