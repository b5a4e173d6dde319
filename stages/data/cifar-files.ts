// Which files CIFAR-10 and CIFAR-100 consist of, and how they become one `train.bin`, one `test.bin` and a list of class names.

import { copyFileSync, createReadStream, createWriteStream, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { StageFailure } from '../context/fail.ts';
import { recordBytes } from './cifar-format.ts';

export type CifarKind = 'cifar-10' | 'cifar-100';

export interface CifarLayout {
  readonly title: string;
  readonly labelBytes: 1 | 2;
  readonly classes: number;
  /** Files whose records, one after the other, are the train set. */
  readonly train: readonly string[];
  readonly test: string;
  /** Class names, one a line. */
  readonly names: string;
  /** Folder that the published archive has around them. */
  readonly folder: string;
}

export const cifarLayouts: Readonly<Record<CifarKind, CifarLayout>> = {
  'cifar-10': {
    title: 'CIFAR-10',
    labelBytes: 1,
    classes: 10,
    train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`),
    test: 'test_batch.bin',
    names: 'batches.meta.txt',
    folder: 'cifar-10-batches-bin',
  },
  'cifar-100': {
    title: 'CIFAR-100',
    labelBytes: 2,
    classes: 100,
    train: ['train.bin'],
    test: 'test.bin',
    names: 'fine_label_names.txt',
    folder: 'cifar-100-binary',
  },
};

/** Every file that a source of this layout must have. */
export function filesOf(layout: CifarLayout): readonly string[] {
  return [...layout.train, layout.test, layout.names];
}

/** The class names of the names file. */
export function readClassNames(file: string, layout: CifarLayout): readonly string[] {
  const names = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length === layout.classes && new Set(names).size === names.length) return names;
  throw new StageFailure(
    `${file}: ${layout.title} has ${layout.classes} different class names, one a line; here are ${new Set(names).size}`,
  );
}

/**
 * Makes one file of the records of several.
 * @param options.move - the files are not needed afterwards, and are gone then
 * @throws StageFailure where a file is empty or not made of whole records
 */
export async function joinRecords(
  files: readonly string[],
  target: string,
  layout: CifarLayout,
  options: { readonly move: boolean },
): Promise<void> {
  for (const file of files) checkRecordSize(file, layout);
  for (const [index, file] of files.entries()) {
    if (index === 0 && options.move) renameSync(file, target);
    else if (index === 0) copyFileSync(file, target);
    else await pipeline(createReadStream(file), createWriteStream(target, { flags: 'a' }));
    if (options.move) rmSync(file, { force: true });
  }
}

function checkRecordSize(file: string, layout: CifarLayout): void {
  const { size } = statSync(file);
  const record = recordBytes(layout.labelBytes);
  if (size > 0 && size % record === 0) return;
  const what = size === 0 ? 'it is empty' : `its ${size} bytes are no whole number of records of ${record} bytes`;
  throw new StageFailure(`${basename(file)} is not as ${layout.title} has it: ${what}; is it damaged, or another data set?`);
}

/** The folder with the .bin files: `folder` itself, or the one that the published archive makes in it. */
export function findFolder(folder: string, layout: CifarLayout): string {
  const complete = (path: string): boolean => missingFrom(path, layout).length === 0;
  const found = [folder, join(folder, layout.folder)].find(complete);
  if (found !== undefined) return found;
  throw new StageFailure(
    `${folder} is no ${layout.title} folder: it has no ${missingFrom(folder, layout).join(', ')} (the binary version is needed)`,
  );
}

function missingFrom(folder: string, layout: CifarLayout): readonly string[] {
  return filesOf(layout).filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() !== true);
}
