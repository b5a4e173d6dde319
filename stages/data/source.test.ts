import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, symlinkSync, writeFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { create } from 'tar';
import type { DataSource } from '../config/definition.ts';
import { cifarLayouts, filesOf } from './cifar-files.ts';
import { cifarFiles, inTempFolder, packCifar, packFiles, put, record, serve, serveBody } from './data-rig.ts';
import { makeSource } from './source.ts';
import type { SourceManifest } from './manifest.ts';

const checksumOf = (path: string): string => `sha256:${createHash('sha256').update(readFileSync(path)).digest('hex')}`;

/** Runs makeSource with `root` as the project. */
function make(root: string, source: DataSource): Promise<SourceManifest> {
  return makeSource(source, {
    root,
    folder: join(root, 'data/source'),
    downloads: join(root, 'data/.downloads'),
    onProgress: () => undefined,
    onNotice: () => undefined,
    patience: { attempts: 2, backoff: 1, stall: 500 },
  });
}

const cifar100 = (from: string, checksum: string | null): DataSource => ({ kind: 'cifar-100', from, checksum });
const concatenated = (files: ReadonlyMap<string, Uint8Array>, names: readonly string[]): Buffer =>
  Buffer.concat(names.map((name) => files.get(name)!));

async function makeFromArchive(root: string, archive: string): Promise<SourceManifest> {
  return make(root, cifar100(archive, checksumOf(join(root, archive))));
}

describe('makeSource', () => {
  it('takes CIFAR-100 out of its archive', () =>
    inTempFolder(async (root) => {
      await packCifar(root, 'cifar-100');
      const manifest = await makeFromArchive(root, 'archive.tar.gz');
      const files = cifarFiles('cifar-100');
      expect(manifest).toMatchObject({ version: 1, kind: 'cifar', name: 'CIFAR-100', labelBytes: 2 });
      expect(manifest.kind === 'cifar' && manifest.classes.slice(0, 2)).toEqual(['class_0', 'class_1']);
      expect(readdirSync(join(root, 'data/source'))).toEqual(['source.json', 'test.bin', 'train.bin']);
      expect(readFileSync(join(root, 'data/source/train.bin'))).toEqual(files.get('train.bin'));
      expect(readFileSync(join(root, 'data/source/test.bin'))).toEqual(files.get('test.bin'));
      expect(JSON.parse(readFileSync(join(root, 'data/source/source.json'), 'utf8'))).toEqual(manifest);
    }));

  it('joins the five batches of CIFAR-10 in their order', () =>
    inTempFolder(async (root) => {
      const archive = await packCifar(root, 'cifar-10');
      const manifest = await make(root, { kind: 'cifar-10', from: archive, checksum: checksumOf(archive) });
      const files = cifarFiles('cifar-10');
      expect(manifest).toMatchObject({ name: 'CIFAR-10', labelBytes: 1 });
      const train = readFileSync(join(root, 'data/source/train.bin'));
      expect(train).toEqual(concatenated(files, cifarLayouts['cifar-10'].train));
      expect(train.length).toBe(30 * 3073);
    }));

  it('gives the same from archive, folder and network, and leaves the folder as it is', () =>
    inTempFolder(async (root) => {
      const archive = await packCifar(root, 'cifar-100');
      const server = await serve(() => serveBody(readFileSync(archive)));
      const fromArchive = await makeFromArchive(root, 'archive.tar.gz');
      for (const folder of ['packed', 'packed/cifar-100-binary']) {
        expect(await make(join(root), cifar100(folder, null))).toEqual(fromArchive);
        expect(readdirSync(join(root, 'packed/cifar-100-binary')).length).toBe(3);
      }
      expect(await make(root, cifar100(server.url, checksumOf(archive)))).toEqual(fromArchive);
      await server.close();
    }));

  it('has another digest for other images, other names and another order', () =>
    inTempFolder(async (root) => {
      const digests = new Set<string>();
      const files = cifarFiles('cifar-100');
      const write = async (): Promise<void> => {
        for (const [name, content] of files) put(join(root, 'set', name), content);
        const manifest = await make(root, cifar100('set', null));
        digests.add(manifest.kind === 'cifar' ? manifest.digest : '');
      };
      await write();
      await write();
      expect(digests.size).toBe(1);
      const train = Buffer.from(files.get('train.bin')!);
      train[500]! ^= 1;
      files.set('train.bin', train);
      await write();
      files.set('train.bin', Buffer.concat([train.subarray(3074), train.subarray(0, 3074)]));
      await write();
      files.set('fine_label_names.txt', Buffer.from(Array.from({ length: 100 }, (_, index) => `x${index}`).join('\n')));
      await write();
      expect(digests.size).toBe(4);
    }));

  it('draws the synthetic set', () =>
    inTempFolder(async (root) => {
      const manifest = await make(root, { kind: 'synthetic', seed: 1, train: 2, test: 1 });
      expect(manifest).toMatchObject({ kind: 'cifar', name: 'synthetic', labelBytes: 2 });
      expect(statSync(join(root, 'data/source/train.bin')).size).toBe(2 * 100 * 3074);
      expect(statSync(join(root, 'data/source/test.bin')).size).toBe(100 * 3074);
    }));

  it('notes where a folder of images lies', () =>
    inTempFolder(async (root) => {
      put(join(root, 'data/raw/pets/cat/1.png'), '');
      const manifest = await make(root, { kind: 'images', path: 'data/raw/pets', testSplit: 0.3, seed: 4 });
      expect(manifest).toEqual({ version: 1, kind: 'images', name: 'pets', path: 'data/raw/pets', testSplit: 0.3, seed: 4 });
      expect(readdirSync(join(root, 'data/source'))).toEqual(['source.json']);
      const missing = make(root, { kind: 'images', path: 'data/raw/pest', testSplit: 0.3, seed: 4 });
      await expect(missing).rejects.toThrow('there is no folder "data/raw/pest"');
    }));

  it('says so where there is nothing, or not what was expected', () =>
    inTempFolder(async (root) => {
      await expect(make(root, cifar100('no/such.tar.gz', 'md5:0'))).rejects.toThrow('there is no file or folder "no/such.tar.gz"');
      put(join(root, 'half/train.bin'), record([0, 0], 0));
      await expect(make(root, cifar100('half', null))).rejects.toThrow('it has no test.bin, fine_label_names.txt');
    }));
});

describe('damaged archives', () => {
  const cases: readonly (readonly [string, (archive: Buffer) => Uint8Array, RegExp])[] = [
    ['cut in the middle', (archive) => archive.subarray(0, archive.length / 2), /no sound \.tar\.gz archive/],
    ['cut in its header', (archive) => archive.subarray(0, 300), /no sound|has no/],
    ['empty', () => new Uint8Array(0), /has no|no sound/],
    ['another kind of file', () => Buffer.from('<html>moved</html>'.repeat(100)), /no sound|has no/],
    ['compressed noise', () => gzipSync(Buffer.alloc(5000, 'noise')), /no sound/],
    [
      'bitten',
      (archive) => {
        const bitten = Buffer.from(archive);
        bitten.fill(0xff, archive.length >> 1, (archive.length >> 1) + 64);
        return bitten;
      },
      /no sound/,
    ],
  ];
  it.each(cases)('%s', (_, damage, message) =>
    inTempFolder(async (root) => {
      const noise = Uint8Array.from({ length: 40 * 3074 }, (_unused, index) => (index % 3074 < 2 ? 1 : (index * index) >> 5));
      const files = cifarFiles('cifar-100').set('train.bin', noise);
      const archive = await packFiles(root, files, { inside: 'cifar-100-binary' });
      const sound = readFileSync(archive);
      await makeFromArchive(root, 'archive.tar.gz');
      writeFileSync(archive, damage(sound));
      await expect(makeFromArchive(root, 'archive.tar.gz')).rejects.toThrow(message);
    }),
  );

  it('refuses files that are not made of whole records, or empty', () =>
    inTempFolder(async (root) => {
      const files = cifarFiles('cifar-100');
      await packFiles(root, new Map(files).set('test.bin', new Uint8Array(3073)), { inside: 'x' });
      await expect(makeFromArchive(root, 'archive.tar.gz')).rejects.toThrow(
        'test.bin is not as CIFAR-100 has it: its 3073 bytes are no whole number of records of 3074 bytes',
      );
      await packFiles(root, new Map(files).set('train.bin', new Uint8Array(0)), { inside: 'x' });
      await expect(makeFromArchive(root, 'archive.tar.gz')).rejects.toThrow('train.bin is not as CIFAR-100 has it: it is empty');
    }));

  it('refuses labels that are none, and lists of names that do not fit', () =>
    inTempFolder(async (root) => {
      const files = cifarFiles('cifar-100');
      const wrong = Buffer.concat([record([0, 1], 5), record([0, 100], 5)]);
      await packFiles(root, new Map(files).set('test.bin', wrong), { inside: 'x' });
      await expect(makeFromArchive(root, 'archive.tar.gz')).rejects.toThrow('test.bin: record 1 has the label 100, but there are 100 classes');
      await packFiles(root, new Map(files).set('fine_label_names.txt', Buffer.from('cat\ndog\ncat\n')), { inside: 'x' });
      await expect(makeFromArchive(root, 'archive.tar.gz')).rejects.toThrow('100 different class names, one a line; here are 2');
    }));

  it('says which file is missing', () =>
    inTempFolder(async (root) => {
      await packCifar(root, 'cifar-10');
      await expect(makeFromArchive(root, 'archive.tar.gz')).rejects.toThrow(
        'has no train.bin, test.bin, fine_label_names.txt; is it the binary version?',
      );
    }));
});

describe('hostile archives', () => {
  it('writes under its own names only, whatever the paths in the archive are', () =>
    inTempFolder(async (root) => {
      const inner = join(root, 'a/b/c');
      for (const [name, content] of cifarFiles('cifar-100')) put(join(root, name === 'train.bin' ? name : join('a/b/c', name)), content);
      put(join(root, 'evil.txt'), 'evil');
      const names = ['../../../train.bin', '../../../evil.txt', ...filesOf(cifarLayouts['cifar-100']).slice(1)];
      await create({ file: join(root, 'archive.tar.gz'), cwd: inner, gzip: true, preservePaths: true }, names);
      await makeFromArchive(root, 'archive.tar.gz');
      expect(readdirSync(join(root, 'data/source'))).toEqual(['source.json', 'test.bin', 'train.bin']);
      expect(readdirSync(join(root, 'data'))).toEqual(['source']);
    }));

  it('refuses links and doubles', () =>
    inTempFolder(async (root) => {
      const files = cifarFiles('cifar-100');
      await packFiles(root, files, { inside: 'x' });
      put(join(root, 'packed/y/train.bin'), files.get('train.bin')!);
      await create({ file: join(root, 'archive.tar.gz'), cwd: join(root, 'packed'), gzip: true }, ['x', 'y']);
      await expect(makeFromArchive(root, 'archive.tar.gz')).rejects.toThrow('"y/train.bin" is in it twice');
      symlinkSync('/etc/passwd', join(root, 'packed/test.bin'));
      await create({ file: join(root, 'archive.tar.gz'), cwd: join(root, 'packed'), gzip: true }, ['test.bin', 'x']);
      await expect(makeFromArchive(root, 'archive.tar.gz')).rejects.toThrow('"test.bin" is no regular file but SymbolicLink');
    }));

  it('notices a .tar that ends too early', () =>
    inTempFolder(async (root) => {
      const archive = await packFiles(root, cifarFiles('cifar-100'), { inside: 'x', name: 'archive.tar', gzip: false });
      await makeFromArchive(root, 'archive.tar');
      truncateSync(archive, 5000);
      await expect(makeFromArchive(root, 'archive.tar')).rejects.toThrow(/no sound .*Truncated input/);
    }));
});
