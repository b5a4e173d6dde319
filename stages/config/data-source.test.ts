import { describe, expect, it } from '@jest/globals';
import { classCount, readDataSource } from './data-source.ts';
import { faultsOf } from './testing.ts';

const official100 = {
  kind: 'cifar-100',
  from: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
  checksum: 'md5:03b5dce01913d631647c71ecec9e9cb8',
};
const official10 = {
  kind: 'cifar-10',
  from: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  checksum: 'md5:c32a1d4ab5d03f1284b67883e8d87530',
};
const synthetic = { kind: 'synthetic', seed: 77, train: 50, test: 10 };
const sha = `sha256:${'0123456789abcdef'.repeat(4)}`;
const images = { kind: 'images', path: 'data/raw/flowers', testSplit: 0.2, seed: 77 };

describe('readDataSource', () => {
  it.each([
    [undefined, synthetic],
    ['synthetic', synthetic],
    [{ source: 'synthetic' }, synthetic],
    [
      { source: 'synthetic', train: 20, test: 5, seed: 1 },
      { kind: 'synthetic', seed: 1, train: 20, test: 5 },
    ],
    ['cifar-100', official100],
    [{ source: 'cifar-100' }, official100],
    ['cifar-10', official10],
    [
      { source: 'cifar-10', from: 'data/raw/cifar-10-batches-bin' },
      { ...official10, from: 'data/raw/cifar-10-batches-bin', checksum: null },
    ],
    [
      { source: 'cifar-10', from: '../cifar', checksum: null },
      { ...official10, from: '../cifar', checksum: null },
    ],
    [
      { source: 'cifar-100', from: '../c.tar.gz' },
      { ...official100, from: '../c.tar.gz' },
    ],
    [
      { source: 'cifar-100', from: 'http://mirror.example/c', checksum: sha.toUpperCase().replace('SHA', 'sha') },
      { ...official100, from: 'http://mirror.example/c', checksum: sha },
    ],
    [
      { source: 'cifar-100', from: 'c.TGZ', checksum: sha },
      { ...official100, from: 'c.TGZ', checksum: sha },
    ],
    ['data/raw/flowers', images],
    ['./data/raw//flowers/', images],
    [{ source: 'images', path: 'data/raw/flowers' }, images],
    [
      { source: 'images', path: 'data/raw', test_split: 0.5, seed: 3 },
      { kind: 'images', path: 'data/raw', testSplit: 0.5, seed: 3 },
    ],
  ])('%j', (value, source) => expect(readDataSource(value)).toEqual(source));

  const anything =
    'synthetic, cifar-10, cifar-100, a folder of images such as data/raw/flowers, or a map with `source`';
  const digits = 'expected md5: and 32 hexadecimal digits, or sha256: and 64';
  it.each([
    [null, [`data: expected ${anything}, got nothing`]],
    ['cifar100', [`data: expected ${anything}, got text "cifar100"`]],
    ['images', [`data: expected ${anything}, got text "images"`]],
    ['data/rawer', [`data: expected ${anything}, got text "data/rawer"`]],
    [3, [`data: expected ${anything}, got 3`]],
    [{}, ['data: "source" is missing']],
    [
      { source: 'cifar-1000' },
      [
        'data.source: expected synthetic, cifar-10, cifar-100, images, got text "cifar-1000" (did you mean "cifar-100"?)',
      ],
    ],
    [
      { source: 'synthetic', size: 3 },
      ['data: unknown key "size" (known keys: source, from, checksum, path, test_split, train, test, seed)'],
    ],
    [{ source: 'synthetic', train: 1 }, ['data.train: expected a whole number from 2 to 10000, got 1']],
    [
      { source: 'synthetic', from: 'x' },
      ['data.from: expected no `from`: it belongs to cifar-10 and cifar-100, got text "x"'],
    ],
    [
      { source: 'synthetic', test_split: 0.1 },
      ['data.test_split: expected no `test_split`: it belongs to source: images, got 0.1'],
    ],
    [
      { source: 'cifar-10', path: 'data/raw/x' },
      ['data.path: expected no `path`: where CIFAR lies is said by `from`, got text "data/raw/x"'],
    ],
    [{ source: 'cifar-10', train: 10 }, ['data.train: expected no `train`: it belongs to source: synthetic, got 10']],
    [
      { source: 'cifar-10', from: 'ftp://x/y.tar.gz' },
      ['data.from: expected a path, or a URL that starts with https:// or http://, got text "ftp://x/y.tar.gz"'],
    ],
    [
      { source: 'cifar-10', checksum: 'c32a1d4ab5d03f1284b67883e8d87530' },
      [`data.checksum: ${digits}, got text "c32a1d4ab5d03f1284b67883e8d87530"`],
    ],
    [{ source: 'cifar-10', checksum: 'sha256:12' }, [`data.checksum: ${digits}, got text "sha256:12"`]],
    [
      { source: 'cifar-10', from: 'x.tar.gz', checksum: null },
      [
        'data.checksum: an archive needs a checksum: it is what identifies the data (leave the key out for that of the official archive)',
      ],
    ],
    [
      { source: 'cifar-10', from: 'folder', checksum: sha },
      ['data.checksum: a folder has no checksum (remove the key, or name the .tar.gz in `from`)'],
    ],
    [{ source: 'cifar-10', from: 'x.zip' }, ['data.from: "x.zip" is neither a .tar.gz nor a folder (unpack it)']],
    [{ source: 'images' }, ['data: "path" is missing']],
    [
      { source: 'images', path: 'photos' },
      ['data.path: expected a folder in data/raw, such as data/raw/flowers, got text "photos"'],
    ],
    [
      { source: 'images', path: 'data/raw/../..' },
      ['data: "data/raw/../.." leads out of data/raw (put the images into a folder in data/raw)'],
    ],
    ['data/raw/../x', ['data: "data/raw/../x" leads out of data/raw (put the images into a folder in data/raw)']],
    [
      { source: 'images', path: 'data/raw/x', test_split: 0 },
      ['data.test_split: expected a fraction between 0 and 1, such as 0.2, got 0'],
    ],
  ])('refuses %j', (value, messages) => {
    expect(faultsOf(() => readDataSource(value))).toEqual(messages.map((message) => `params.yaml: ${message}`));
  });
});

describe('classCount', () => {
  it('knows the data sets, and not what lies in a folder', () => {
    const counts = ['synthetic', 'cifar-100', 'cifar-10', 'data/raw/x'].map((data) => classCount(readDataSource(data)));
    expect(counts).toEqual([100, 100, 10, null]);
  });
});
