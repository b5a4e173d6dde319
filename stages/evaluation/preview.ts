// The prediction preview: a few test images with what the model says of them. Choice and pictures; knows nothing of the report that shows them.

import { join } from 'node:path';

import sharp from 'sharp';

import { permutation, randomOf } from '../random/random.ts';
import type { ImageShape } from '../model/logits.ts';

export interface PreviewSize {
  /** Images in the preview. */
  readonly images: number;
  /** Of them, how many right and how many wrong ones at least, as far as there are such. */
  readonly ofEach: number;
}

export const previewSize: PreviewSize = { images: 12, ofEach: 3 };

/**
 * Chooses images from a fixed permutation: its first ones, which are the same for every model of a data set, the last of them exchanged for the
 * next right (or wrong) ones where there are too few of these. So the preview shows how a model errs, not how often.
 * @param correct - whether the model is right, for each image
 * @returns indices in the order of the permutation
 */
export function choosePreview(correct: readonly boolean[], { images, ofEach }: PreviewSize): number[] {
  const order = Array.from(permutation(correct.length, randomOf(0, 'preview')));
  const right = order.filter((index) => correct[index]!);
  const wrong = order.filter((index) => !correct[index]!);
  const first = order.slice(0, images).filter((index) => correct[index]!).length;
  const most = Math.min(right.length, images - Math.min(ofEach, wrong.length));
  const least = Math.min(right.length, Math.max(ofEach, images - wrong.length));
  const rights = Math.min(most, Math.max(least, first));
  const chosen = new Set([...right.slice(0, rights), ...wrong.slice(0, images - rights)]);
  return order.filter((index) => chosen.has(index));
}

/** Side that small images are enlarged to, in pixels. */
const shownSide = 128;

/** Writes one uint8 image [h, w, c] of 1 or 3 channels as PNG, small ones enlarged by a whole factor so that pixels stay squares. */
export async function writePicture(pixels: Uint8Array, shape: ImageShape, file: string): Promise<void> {
  const [height, width, channels] = shape;
  const factor = Math.max(1, Math.floor(shownSide / Math.max(height, width)));
  await sharp(pixels, { raw: { width, height, channels: channels as 1 | 3 } })
    .resize(width * factor, height * factor, { kernel: 'nearest' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png({ compressionLevel: 9 })
    .toFile(file);
}

/** Name of the nth picture (from 0). */
export function pictureName(index: number): string {
  return `${String(index + 1).padStart(2, '0')}.png`;
}

/** Path of the nth picture in a folder. */
export function pictureFile(folder: string, index: number): string {
  return join(folder, pictureName(index));
}
