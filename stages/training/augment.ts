// Random changes of training images, on uint8 pixels. Every draw belongs to (seed, epoch, image), whatever the batch it comes in.

import type { Augmentation } from '../config/definition.ts';
import { randomOf, type Random } from '../random/random.ts';

/** Height, width, channels. */
type Shape = readonly [number, number, number];

export interface Augmenter {
  /** Writes a changed copy of `image` (row-major, `shape`) to `target`, which has the same length; `image` stays as it is. */
  readonly augment: (image: Uint8Array, target: Float32Array, epoch: number, index: number) => void;
}

/**
 * In this order: pad-crop (the image is shifted by up to `padCrop` pixels each way, and black where nothing is), flip (mirrored left–right with
 * probability ½), cutout (DeVries and Taylor 2017: a square around a random pixel, clipped at the border, gets the mean colour).
 * @param fill - colour of the cut-out square, a value (0–255) a channel
 */
export function createAugmenter(
  settings: Augmentation,
  shape: Shape,
  fill: readonly number[],
  seed: number,
): Augmenter {
  const isPlain = !settings.flip && settings.padCrop === 0 && settings.cutout === 0;
  if (isPlain) return { augment: (image, target) => target.set(image) };
  return {
    augment: (image, target, epoch, index) => {
      const random = randomOf(seed, 'augment', epoch, index);
      const { padCrop } = settings;
      const down = padCrop === 0 ? 0 : random.integer(2 * padCrop + 1) - padCrop;
      const right = padCrop === 0 ? 0 : random.integer(2 * padCrop + 1) - padCrop;
      const mirrored = settings.flip && random.uniform() < 0.5;
      copyShifted({ image, target, shape, down, right, mirrored });
      if (settings.cutout > 0) cutSquare(target, shape, settings.cutout, fill, random);
    },
  };
}

interface Shift {
  readonly image: Uint8Array;
  readonly target: Float32Array;
  readonly shape: Shape;
  /** Pixels by which the cropping window lies below and to the right of the image. */
  readonly down: number;
  readonly right: number;
  readonly mirrored: boolean;
}

function copyShifted({ image, target, shape: [height, width, channels], down, right, mirrored }: Shift): void {
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = y + down;
    for (let x = 0; x < width; x++) {
      const column = (mirrored ? width - 1 - x : x) + right;
      const isInside = row >= 0 && row < height && column >= 0 && column < width;
      const from = (row * width + column) * channels;
      for (let channel = 0; channel < channels; channel++) target[to++] = isInside ? image[from + channel]! : 0;
    }
  }
}

function cutSquare(
  target: Float32Array,
  [height, width, channels]: Shape,
  side: number,
  fill: readonly number[],
  random: Random,
): void {
  const top = random.integer(height) - Math.floor(side / 2);
  const left = random.integer(width) - Math.floor(side / 2);
  for (let y = Math.max(0, top); y < Math.min(height, top + side); y++)
    for (let x = Math.max(0, left); x < Math.min(width, left + side); x++)
      for (let channel = 0; channel < channels; channel++)
        target[(y * width + x) * channels + channel] = fill[channel]!;
}
