import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lstatSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeStandstill, encodeStandstill, readStandstill, stillStands } from './standstill.ts';
import type { Claims, Standstill } from './standstill.ts';
import { Rows } from './tree-rows.ts';

const claims: Claims = { build: 'b', root: '/', pipeline: 'pipeline.yaml', cacheDir: null, stages: 2, absent: ['no'] };

function standstillOf(folder: string, names: readonly string[]): Standstill {
  const rows = new Rows(names.length);
  for (const name of names) rows.push(lstatSync(join(folder, name)), 0);
  return { claims: { ...claims, root: folder }, seen: { columns: rows.columns, keys: names, trees: [] } };
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
