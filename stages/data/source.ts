// Makes `data/source/` of what params.yaml names: the synthetic set, CIFAR from an archive, a folder or the network, or (for images that lie in the
// project already) only a note of where they are.

import { existsSync, mkdirSync, rmSync, statSync, writeFileSync, writeSync, openSync, closeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DataSource } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import { unpackFiles } from './cifar-archive.ts';
import { cifarLayouts, filesOf, findFolder, joinRecords, readClassNames } from './cifar-files.ts';
import type { CifarLayout } from './cifar-files.ts';
import { digestRecords, readLabels } from './cifar-records.ts';
import { digestTexts } from './digest.ts';
import { fetchArchive, verifyArchive } from './fetch.ts';
import type { FetchOptions } from './fetch.ts';
import type { SourceManifest } from './manifest.ts';
import { drawRecords, syntheticNames } from './synthetic.ts';

export interface SourceOptions extends FetchOptions {
  /** Absolute path of the project: paths in the source are relative to it. */
  readonly root: string;
  /** The folder to fill. */
  readonly folder: string;
}

type CifarSource = Extract<DataSource, { readonly kind: 'cifar-10' | 'cifar-100' }>;

/** Fills `folder` with source.json and, but for a folder of images, train.bin and test.bin. */
export async function makeSource(source: DataSource, options: SourceOptions): Promise<SourceManifest> {
  mkdirSync(options.folder, { recursive: true });
  const manifest = await sourceOf(source, options);
  writeFileSync(join(options.folder, 'source.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

async function sourceOf(source: DataSource, options: SourceOptions): Promise<SourceManifest> {
  switch (source.kind) {
    case 'synthetic':
      drawFiles(source, options);
      return describeCifar('synthetic', 2, syntheticNames, options.folder);
    case 'cifar-10':
    case 'cifar-100': {
      const layout = cifarLayouts[source.kind];
      const classes = await placeFiles(source, layout, options);
      return describeCifar(layout.title, layout.labelBytes, classes, options.folder);
    }
    case 'images': {
      const { path, testSplit, seed } = source;
      if (statSync(resolve(options.root, path), { throwIfNoEntry: false })?.isDirectory() !== true)
        throw new StageFailure(`params.yaml: data.path: there is no folder "${path}"; paths start at the folder of pipeline.yaml`);
      return { version: 1, kind: 'images', name: path.split('/').at(-1) ?? path, path, testSplit, seed };
    }
  }
}

function drawFiles(
  { seed, train, test }: Extract<DataSource, { readonly kind: 'synthetic' }>,
  { folder, onProgress }: SourceOptions,
): void {
  let done = 0;
  for (const [name, count] of [['train', train], ['test', test]] as const) {
    const file = openSync(join(folder, `${name}.bin`), 'w');
    try {
      for (const chunk of drawRecords(seed, name, count)) {
        writeSync(file, chunk);
        done++;
        onProgress(done / (train + test), `drawing, ${done * syntheticNames.length} images`);
      }
    } finally {
      closeSync(file);
    }
  }
}

/** Puts train.bin and test.bin into the folder; the class names. */
async function placeFiles(source: CifarSource, layout: CifarLayout, options: SourceOptions): Promise<readonly string[]> {
  const { folder } = options;
  const local = /^https?:/i.test(source.from) ? undefined : resolve(options.root, source.from);
  if (local !== undefined && !existsSync(local))
    throw new StageFailure(`params.yaml: data.from: there is no file or folder "${source.from}"; paths start at the folder of pipeline.yaml`);
  if (local !== undefined && statSync(local).isDirectory()) {
    const found = findFolder(local, layout);
    return collect(found, layout, folder, { move: false });
  }
  const archive = local ?? (await fetchArchive(source.from, source.checksum, options));
  if (local !== undefined) await verifyArchive(archive, source.checksum, options.onProgress);
  const unpacked = join(folder, 'unpacked');
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked);
  await unpackFiles(archive, filesOf(layout), unpacked, (fraction) => options.onProgress(fraction, 'unpacking'));
  const classes = await collect(unpacked, layout, folder, { move: true });
  rmSync(unpacked, { recursive: true });
  return classes;
}

async function collect(
  from: string,
  layout: CifarLayout,
  to: string,
  options: { readonly move: boolean },
): Promise<readonly string[]> {
  const classes = readClassNames(join(from, layout.names), layout);
  const paths = (names: readonly string[]): readonly string[] => names.map((name) => join(from, name));
  await joinRecords(paths(layout.train), join(to, 'train.bin'), layout, options);
  await joinRecords(paths([layout.test]), join(to, 'test.bin'), layout, options);
  return classes;
}

/** Checks the labels of the files in the folder and takes their digest. */
async function describeCifar(
  name: string,
  labelBytes: 1 | 2,
  classes: readonly string[],
  folder: string,
): Promise<SourceManifest> {
  const files = ['train.bin', 'test.bin'].map((file) => ({ path: join(folder, file), labelBytes, classes: classes.length }));
  for (const file of files) readLabels(file);
  const digest = await digestTexts(name, ...classes, await digestRecords(files));
  return { version: 1, kind: 'cifar', name, labelBytes, classes, digest };
}
