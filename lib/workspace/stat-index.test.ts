import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DigestStream, digestText, loadDigest } from '../core/digest.ts';
import { Pace } from './files-pace.ts';
import { FilesRig, plainDigest, settle } from './files-rig.ts';
import { decodeSegment, encodeSegment } from './stat-index-format.ts';
import { StatIndex } from './stat-index.ts';
import { Rows } from './tree-rows.ts';
import { prepare, startHelper, verifyTree } from './tree-verify.ts';

let rig: FilesRig;
beforeAll(loadDigest);
beforeEach(() => {
  rig = new FilesRig();
  mkdirSync(rig.at('d/e'), { recursive: true });
  writeFileSync(rig.at('d/x'), 'x');
  writeFileSync(rig.at('d/e/y'), 'y');
  writeFileSync(rig.at('f'), 'f');
});
afterEach(() => rig.close());

const indexPath = (): string => rig.at('.dagrun/stat.idx');

async function look(): Promise<{ seen: unknown[]; read: number }> {
  const files = await rig.open();
  const seen = [await files.observe('d'), await files.observe('f')];
  files.save();
  return { seen, read: files.filesRead };
}

function copyOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

describe('the stat index', () => {
  it('reads back what it wrote, byte for byte', async () => {
    await look();
    const bytes = readFileSync(indexPath());
    const segment = decodeSegment(copyOf(bytes))!;
    expect(segment.keys).toEqual(['f']);
    expect(segment.trees.map((tree) => [tree.meta.key, tree.meta.digest, tree.paths])).toEqual([
      ['d', plainDigest(rig.at('d')), ['', 'e']],
    ]);
    expect(Buffer.from(encodeSegment(segment)).equals(bytes)).toBe(true);
  });

  it('is dropped, never believed and never fatal, whatever byte is damaged', async () => {
    await settle();
    const truth = (await look()).seen;
    const bytes = readFileSync(indexPath());
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= bits;
        expect(decodeSegment(copyOf(damaged))).toBeUndefined();
        writeFileSync(indexPath(), damaged);
        expect(await look()).toEqual({ seen: truth, read: 3 });
      }),
      { numRuns: 60 },
    );
  });

  it('is dropped where it is cut short, longer, empty, of another kind or random', () => {
    const index = (bytes: Uint8Array): unknown => decodeSegment(copyOf(bytes));
    const empty = encodeSegment({ columns: new Rows(0).columns, keys: [], trees: [] });
    expect(index(empty)).toBeDefined();
    fc.assert(fc.property(fc.nat(empty.length - 1), (length) => index(empty.subarray(0, length)) === undefined));
    expect(index(Buffer.concat([empty, Buffer.alloc(8)]))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => index(bytes) === undefined));
  });

  it('does not crash on a file that was made to look right', async () => {
    await look();
    const bytes = readFileSync(indexPath());
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 33), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (edits) => {
          const forged = Buffer.from(bytes);
          for (const [at, byte] of edits) forged[32 + at] = byte;
          forged.write(checksum(forged), 16, 'hex');
          const segment = decodeSegment(copyOf(forged));
          for (const tree of segment?.trees ?? [])
            for (let folder = 0; folder < tree.meta.folders; folder++) tree.joinedNames(folder);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('forgets what is gone once there is much of it', () => {
    const options = { folder: rig.stateDir, placeOf: (key: string) => rig.at(key) };
    const stat = lstatSync(rig.at('f'));
    const first = new StatIndex(options);
    for (let file = 0; file < 1500; file++)
      first.setFile(`gone${file}`, { digest: digestText('f'), stat, settled: true });
    first.setFile('f', { digest: digestText('f'), stat, settled: true });
    first.save();
    const second = new StatIndex(options);
    second.setFile('d/x', { digest: digestText('x'), stat: lstatSync(rig.at('d/x')), settled: true });
    second.save();
    const third = decodeSegment(copyOf(readFileSync(indexPath())))!;
    expect(third.keys).toEqual(['f', 'd/x']);
  });

  it('gives a large folder a file of its own, and takes it back when it shrinks or goes', async () => {
    const trees = (): number => (existsSync(rig.at('.dagrun/trees')) ? readdirSync(rig.at('.dagrun/trees')).length : 0);
    for (let file = 0; file < 4000; file++) writeFileSync(rig.at(`d/${file}`), '');
    await settle();
    await look();
    expect(trees()).toBe(1);
    expect((await look()).read).toBe(0);
    for (let file = 0; file < 3000; file++) rmSync(rig.at(`d/${file}`));
    await settle();
    await look();
    expect(trees()).toBe(0);
    expect((await look()).read).toBe(0);
  });

  it('lets a helper thread check a record, alone or along with the main one', async () => {
    for (let file = 0; file < 4500; file++) writeFileSync(rig.at(`d/e/${file}`), '');
    await settle();
    await look();
    const record = new StatIndex({ folder: rig.stateDir, placeOf: () => undefined }).tree('d')!;
    const home = process.cwd();
    for (const last of [1, 2]) {
      process.chdir(rig.at('d'));
      for (const base of [rig.at('d'), '.']) {
        const job = prepare(record, base, null);
        const [code] = (await once(startHelper(job)!, 'exit')) as [number];
        expect(code).toBe(0);
        expect([...job.states].sort()).toEqual([1, 1, 1, 1, 1, last]);
      }
      process.chdir(home);
      const both = verifyTree(record, { base: rig.at('d'), pace: new Pace(), listed: null, helped: true });
      expect([...(await new Pace().drive(both))]).toEqual([1, last === 1 ? 1 : 0]);
      writeFileSync(rig.at('d/e/4321'), 'edited');
    }
  });
});

function checksum(bytes: Uint8Array): string {
  return new DigestStream().update(bytes.subarray(8, 16)).update(bytes.subarray(32)).digest();
}
