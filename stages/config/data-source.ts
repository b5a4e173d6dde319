// Reads the `data` key of params.yaml: where the images come from. Knows nothing of how they are fetched; looks at no disk.

import { posix } from 'node:path';
import type { DataSource } from './definition.ts';
import type { Fault } from './faults.ts';
import { throwFaults } from './faults.ts';
import { checkAgainst } from './schema.ts';

/** The official archives, as their authors publish them. */
const official = {
  'cifar-10': {
    from: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    checksum: 'md5:c32a1d4ab5d03f1284b67883e8d87530',
  },
  'cifar-100': {
    from: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
    checksum: 'md5:03b5dce01913d631647c71ecec9e9cb8',
  },
} as const;

/** The key as the schema allows it. */
interface RawSource {
  readonly source: DataSource['kind'];
  readonly from?: string;
  readonly checksum?: string | null;
  readonly path?: string;
  readonly test_split?: number;
  readonly train?: number;
  readonly test?: number;
  readonly seed?: number;
}

/** The value of `data`; undefined where params.yaml does not have it. Throws a StageFailure with all its faults. */
export function readDataSource(value: unknown): DataSource {
  const faults = value === undefined ? [] : checkAgainst('params#/$defs/data', value, ['data']);
  throwFaults('params.yaml', faults);
  const found = parseDataSource(value);
  throwFaults('params.yaml', found.faults);
  return found.source;
}

/** Of a value that the schema allows. */
export function parseDataSource(value: unknown): { readonly source: DataSource; readonly faults: readonly Fault[] } {
  const raw = expand(value);
  switch (raw.source) {
    case 'synthetic': {
      const { seed = 77, train = 50, test = 10 } = raw;
      return { source: { kind: 'synthetic', seed, train, test }, faults: [] };
    }
    case 'images':
      return parseImages(raw);
    case 'cifar-10':
    case 'cifar-100':
      return parseCifar(raw.source, raw);
  }
}

/** How many classes the data has, where that is known without looking at it. */
export function classCount(source: DataSource): number | null {
  if (source.kind === 'images') return null;
  return source.kind === 'cifar-10' ? 10 : 100;
}

function expand(value: unknown): RawSource {
  if (value === undefined) return { source: 'synthetic' };
  if (typeof value !== 'string') return value as RawSource;
  if (value === 'synthetic' || value === 'cifar-10' || value === 'cifar-100') return { source: value };
  return { source: 'images', path: value };
}

function parseImages({ path = '', test_split: testSplit = 0.2, seed = 77 }: RawSource) {
  const normal = posix.normalize(path).replace(/\/$/, '');
  const inside = normal === 'data/raw' || normal.startsWith('data/raw/');
  const message = `"${path}" leads out of data/raw`;
  const faults = inside ? [] : [{ path: ['data'], message, hint: 'put the images into a folder in data/raw' }];
  return { source: { kind: 'images', path: normal, testSplit, seed } as const, faults };
}

function parseCifar(kind: 'cifar-10' | 'cifar-100', raw: RawSource) {
  const from = raw.from ?? official[kind].from;
  const form = formOf(from);
  const faults: Fault[] = [];
  if (form === 'other archive')
    faults.push({ path: ['data', 'from'], message: `"${from}" is neither a .tar.gz nor a folder`, hint: 'unpack it' });
  if (form === 'archive' && raw.checksum === null)
    faults.push({
      path: ['data', 'checksum'],
      message: 'an archive needs a checksum: it is what identifies the data',
      hint: 'leave the key out for that of the official archive',
    });
  if (form === 'folder' && typeof raw.checksum === 'string')
    faults.push({
      path: ['data', 'checksum'],
      message: 'a folder has no checksum',
      hint: 'remove the key, or name the .tar.gz in `from`',
    });
  const checksum = form === 'folder' ? null : (raw.checksum ?? official[kind].checksum).toLowerCase();
  return { source: { kind, from, checksum } as const, faults };
}

function formOf(from: string): 'archive' | 'folder' | 'other archive' {
  if (/^https?:/.test(from) || /\.(?:tar\.gz|tgz)$/i.test(from)) return 'archive';
  return /\.(?:zip|7z|rar|tar|gz|bz2|xz|zst)$/i.test(from) ? 'other archive' : 'folder';
}
