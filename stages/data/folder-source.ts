// A folder of pictures as a source of images: decoded in one pass, a few at a time, in every size that is asked for.

import { readFile } from 'node:fs/promises';
import { StageFailure } from '../context/fail.ts';
import type { Pair } from '../config/definition.ts';
import { digestTexts, hexOf, startDigest } from './digest.ts';
import { decodeImage } from './image-decode.ts';
import { bullets, listImages } from './image-list.ts';
import type { ListedImage } from './image-list.ts';
import { parts } from './image-source.ts';
import type { ImageBatch, ImageSource, Part } from './image-source.ts';
import type { SourceManifest } from './manifest.ts';
import { holdOut } from './stratify.ts';

type ImagesManifest = Extract<SourceManifest, { readonly kind: 'images' }>;
type Images = Readonly<Record<Part, readonly ListedImage[]>>;

/** Pictures that are in memory at a time. */
const batchSize = 8;

/**
 * The source in a folder of pictures (see image-list.ts). Where it has no test part, `testSplit` of each class becomes one.
 * `batches` fails after the last picture where some cannot be read, and names them.
 */
export function openFolder(folder: string, manifest: ImagesManifest): ImageSource {
  const { name, testSplit, seed } = manifest;
  const { classes, train, test } = listImages(folder);
  const images = test === undefined ? splitOff(train, testSplit, seed) : { train, test };
  const digests: string[] = [];
  return {
    name,
    classes,
    labels: { train: labelsOf(images.train), test: labelsOf(images.test) },
    batches: (sizes) => readBatches(images, sizes, digests),
    digest: () => digestTexts(...classes, '', ...digests),
  };
}

function splitOff(images: readonly ListedImage[], fraction: number, seed: number): Images {
  const held = holdOut(labelsOf(images), fraction, seed, 'test');
  const test = images.filter((_, index) => held[index] === 1);
  if (test.length === 0) throw new StageFailure('no class has two images, so that none can be kept for testing: add images');
  return { train: images.filter((_, index) => held[index] === 0), test };
}

const labelsOf = (images: readonly ListedImage[]): Uint16Array => Uint16Array.from(images, ({ label }) => label);

async function* readBatches(images: Images, sizes: readonly Pair[], digests: string[]): AsyncGenerator<ImageBatch> {
  const faults: string[] = [];
  digests.length = 0;
  for (const part of parts) {
    for (let start = 0; start < images[part].length; start += batchSize) {
      const listed = images[part].slice(start, start + batchSize);
      const read = await Promise.all(listed.map((image) => readImage(image, sizes)));
      faults.push(...read.flatMap(({ fault }) => fault ?? []));
      for (const [index, { digest }] of read.entries()) digests.push(`${part} ${listed[index]!.label} ${digest}`);
      if (faults.length > 0) continue;
      const pixels = sizes.map((_, size) => Buffer.concat(read.map((image) => image.pixels[size]!)));
      yield { part, start, count: listed.length, pixels };
    }
  }
  if (faults.length > 0)
    throw new StageFailure(`${faults.length} of the images cannot be read; mend or remove:\n${bullets(faults)}`);
}

interface ReadImage {
  readonly digest: string;
  /** By size. */
  readonly pixels: readonly Uint8Array[];
  readonly fault?: string;
}

async function readImage({ path }: ListedImage, sizes: readonly Pair[]): Promise<ReadImage> {
  try {
    const bytes = await readFile(path);
    const digest = hexOf((await startDigest()).update(bytes));
    return { digest, pixels: await Promise.all(sizes.map((size) => decodeImage(bytes, size))) };
  } catch (error) {
    return { digest: '', pixels: [], fault: `${path}: ${(error as Error).message.split('\n')[0]}` };
  }
}
