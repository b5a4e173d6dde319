import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDigest } from '../core/digest.ts';
import { FilesRig, settle } from './files-rig.ts';
import type { Segment } from './segment-parts.ts';
import { decodeStandstill, encodeStandstill, readStandstill, stillStands } from './standstill.ts';
import type { Claims, Standstill } from './standstill.ts';
import { Rows } from './tree-rows.ts';

const claims: Claims = { build: 'b', root: '/', pipeline: 'pipeline.yaml', cacheDir: null, stages: 2, absent: ['no'] };

function standstillOf(folder: string, names: readonly string[]): Standstill {
  const rows = new Rows(names.length);
  for (const name of names) rows.push(lstatSync(join(folder, name)), 0);
  return { claims: { ...claims, root: folder }, seen: { columns: rows.columns, keys: names, trees: [] } };
}

async function rowsOf(rig: FilesRig, paths: readonly string[]): Promise<Segment> {
  const files = await rig.open();
  for (const path of paths) await files.observe(path);
  return files.rowsOf(paths)!;
}

function copied(bytes: Uint8Array): ArrayBuffer {
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

describe('standstill', () => {
  it('comes back as it was written, and stands until something changes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'standstill-'));
    try {
      writeFileSync(join(folder, 'a'), 'a');
      writeFileSync(join(folder, 'ü b'), 'b');
      const path = join(folder, 'kept');
      writeFileSync(path, encodeStandstill(standstillOf(folder, ['a', 'ü b'])));
      const read = readStandstill(path)!;
      expect(read.claims).toEqual({ ...claims, root: folder });
      expect(read.seen.keys).toEqual(['a', 'ü b']);
      expect(stillStands(read)).toBe(true);
      utimesSync(join(folder, 'a'), 5, 5);
      expect(stillStands(read)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('falls with a path that may not exist', () => {
    const folder = mkdtempSync(join(tmpdir(), 'standstill-'));
    try {
      writeFileSync(join(folder, 'a'), 'a');
      const standstill = standstillOf(folder, ['a']);
      writeFileSync(join(folder, 'no'), '');
      expect(stillStands(standstill)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('looks from inside the workspace and its folders, and leaves the working folder as it was', async () => {
    await loadDigest();
    const rig = new FilesRig();
    const home = process.cwd();
    try {
      mkdirSync(rig.at('d/inner'), { recursive: true });
      for (const path of ['a', 'd/b', 'd/inner/c']) writeFileSync(rig.at(path), path);
      await settle();
      const standstill = {
        claims: { ...claims, root: rig.root },
        seen: await rowsOf(rig, ['a', 'd', rig.at('d/inner')]),
      };
      for (const folder of [home, rig.root, rig.at('d/inner')]) {
        process.chdir(folder);
        expect(stillStands(standstill)).toBe(true);
        expect(process.cwd()).toBe(folder);
      }
      renameSync(rig.at('d/inner/c'), rig.at('d/inner/e'));
      expect(stillStands(standstill)).toBe(false);
      expect(process.cwd()).toBe(rig.at('d/inner'));
    } finally {
      process.chdir(home);
      rig.close();
    }
  });

  it('falls where the working folder is gone: there would be no way back into it', () => {
    const [folder, gone] = [mkdtempSync(join(tmpdir(), 'standstill-')), mkdtempSync(join(tmpdir(), 'standstill-'))];
    const home = process.cwd();
    try {
      writeFileSync(join(folder, 'a'), 'a');
      const standstill = standstillOf(folder, ['a']);
      process.chdir(gone);
      rmdirSync(gone);
      expect(stillStands(standstill)).toBe(false);
      process.chdir(home);
      expect(stillStands(standstill)).toBe(true);
    } finally {
      process.chdir(home);
      rmSync(folder, { recursive: true });
    }
  });

  it('is never read from bytes that encodeStandstill did not write', () => {
    const good = encodeStandstill(standstillOf(tmpdir(), ['.']));
    expect(decodeStandstill(copied(good))).toBeDefined();
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = copied(good);
        new Uint8Array(bytes)[at]! ^= by;
        expect(decodeStandstill(bytes)).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), (length) => {
        expect(decodeStandstill(copied(good.subarray(0, length)))).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeStandstill(copied(bytes))).toBeUndefined();
      }),
    );
  });
});
