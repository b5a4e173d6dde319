// Reads a prepared data set. Whoever trains or evaluates gets its images from here, in the order in which they are stored: that of the source, so
// that a sample which is not drawn at random may have one class only.

import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StageFailure } from '../context/fail.ts';
import { splitNames } from './manifest.ts';
import type { DatasetManifest, SplitName } from './manifest.ts';

export interface Split {
  readonly count: number;
  /** [count, height, width, channels], 0–255. */
  readonly images: Uint8Array;
  /** Class indices, [count]. */
  readonly labels: Uint16Array;
}

export interface Dataset {
  readonly manifest: DatasetManifest;
  /**
   * Reads a split whole. @throws StageFailure where a label is none of the classes
   * @param options - shared: into memory that other threads see
   */
  readonly read: (split: SplitName, options?: ReadOptions) => Split;
}

export interface ReadOptions {
  readonly shared: boolean;
}

/**
 * Opens a prepared data set (a folder with manifest.json).
 * @throws StageFailure where it is not whole: no manifest, or files whose sizes are others than it says
 */
export function openDataset(folder: string): Dataset {
  const manifest = readManifest(folder);
  for (const name of splitNames) checkSizes(folder, manifest, name);
  return { manifest, read: (name, options) => readSplit(folder, manifest, name, options) };
}

function readManifest(folder: string): DatasetManifest {
  const path = join(folder, 'manifest.json');
  let manifest: DatasetManifest;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8')) as DatasetManifest;
  } catch (error) {
    throw broken(folder, `its manifest.json cannot be read (${(error as Error).message})`);
  }
  if ((manifest.version as number) === 1) return manifest;
  throw broken(folder, `its manifest.json has version ${String(manifest.version)}, and 1 is known`);
}

function checkSizes(folder: string, { splits, shape }: DatasetManifest, name: SplitName): void {
  const { count, images, labels } = splits[name];
  const expected = [
    [images, count * shape[0] * shape[1] * shape[2]],
    [labels, count * 2],
  ] as const;
  for (const [file, bytes] of expected) {
    const actual = statSync(join(folder, file), { throwIfNoEntry: false })?.size;
    if (actual === undefined) throw broken(folder, `its file ${file} is missing`);
    if (actual !== bytes) throw broken(folder, `its file ${file} has ${actual} bytes instead of ${bytes}`);
  }
}

function readSplit(folder: string, { splits, classes }: DatasetManifest, name: SplitName, options: ReadOptions = { shared: false }): Split {
  const { count, images, labels: file } = splits[name];
  const bytes = readWhole(join(folder, file), { shared: false });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const labels = new Uint16Array(options.shared ? new SharedArrayBuffer(2 * count) : new ArrayBuffer(2 * count));
  for (let index = 0; index < count; index++) labels[index] = view.getUint16(index * 2, true);
  const wrong = labels.findIndex((label) => label >= classes.length);
  if (wrong >= 0) throw broken(folder, `image ${wrong} of ${name} has the label ${labels[wrong]}, but there are ${classes.length} classes`);
  return { count, images: readWhole(join(folder, images), options), labels };
}

/** A file of any size: readFileSync ends at 2 GiB. */
function readWhole(path: string, { shared }: ReadOptions): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const { size } = statSync(path);
    const bytes = new Uint8Array(shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
    for (let done = 0; done < bytes.length;) {
      const read = readSync(file, bytes, done, Math.min(bytes.length - done, 1 << 28), done);
      if (read === 0) throw new Error(`${path} became shorter while it was read`);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

function broken(folder: string, why: string): StageFailure {
  return new StageFailure(`${folder} is no whole data set: ${why}. Make it again: dagrun repro prepare --force`);
}
