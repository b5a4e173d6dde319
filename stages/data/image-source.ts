// What preparing needs of a source of images, wherever they come from: CIFAR records (here) or a folder of pictures (folder-source.ts).

import { join } from 'node:path';
import type { Pair } from '../config/definition.ts';
import { imageBytes, imageSide } from './cifar-format.ts';
import { interleave, readChunks, readLabels } from './cifar-records.ts';
import type { RecordFile } from './cifar-records.ts';
import type { SourceManifest } from './manifest.ts';
import { makeResize } from './pixels.ts';

/** The two parts that a source has before a validation set is split off. */
export type Part = 'train' | 'test';
export const parts: readonly Part[] = ['train', 'test'];

/** Consecutive images of one part, in every size that was asked for. Valid until the next batch is asked for. */
export interface ImageBatch {
  readonly part: Part;
  /** Index of the first image within the part. */
  readonly start: number;
  readonly count: number;
  /** By size: red, green, blue, [count, height, width, 3]. */
  readonly pixels: readonly Uint8Array[];
}

export interface ImageSource {
  readonly name: string;
  readonly classes: readonly string[];
  /** The class of each image. */
  readonly labels: Readonly<Record<Part, Uint16Array>>;
  /** All images of train, then all of test, each in the order of its labels: one pass for all sizes. */
  batches(sizes: readonly Pair[]): AsyncIterable<ImageBatch>;
  /** What the images and their parts are; known when all batches were read. */
  digest(): Promise<string>;
}

type CifarManifest = Extract<SourceManifest, { readonly kind: 'cifar' }>;

/** The source in a folder with train.bin and test.bin. */
export function openCifar(folder: string, manifest: CifarManifest): ImageSource {
  const { name, classes, labelBytes, digest } = manifest;
  const fileOf = (part: Part): RecordFile => ({
    path: join(folder, `${part}.bin`),
    labelBytes,
    classes: classes.length,
  });
  return {
    name,
    classes,
    labels: { train: readLabels(fileOf('train')), test: readLabels(fileOf('test')) },
    batches: async function* (sizes) {
      await Promise.resolve();
      for (const part of parts) yield* readBatches(part, fileOf(part), sizes);
    },
    digest: () => Promise.resolve(digest),
  };
}

function* readBatches(part: Part, file: RecordFile, sizes: readonly Pair[]): Generator<ImageBatch> {
  const resizes = sizes.map((size) => makeResize([imageSide, imageSide], size));
  let pixels = new Uint8Array(0);
  for (const chunk of readChunks(file)) {
    const { start, count } = chunk;
    if (pixels.length < count * imageBytes) pixels = new Uint8Array(count * imageBytes);
    interleave(chunk, file.labelBytes, pixels);
    const images = pixels.subarray(0, count * imageBytes);
    yield { part, start, count, pixels: resizes.map((resize) => resize(images, count)) };
  }
}
