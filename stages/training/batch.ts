// Images from a split, in batches ready for a model. Knows nothing of models.

import type { Split } from '../data/dataset.ts';
import type { Augmenter } from './augment.ts';

export interface Batch {
  /** Raw pixels 0–255, [n, height, width, channels] in row-major order. */
  readonly images: Float32Array;
  readonly labels: Uint16Array;
}

/** Cuts an order of images into parts of `size`; the last one may be smaller. */
export function* partsOf(order: Uint32Array, size: number): Generator<Uint32Array> {
  for (let start = 0; start < order.length; start += size) yield order.subarray(start, start + size);
}

/**
 * The images of the given indices, each changed by the augmenter for this epoch.
 * @param memory - where the pixels go, if it is long enough: they are overwritten by the next batch
 */
export function gatherAugmented(
  set: Split,
  indices: Uint32Array,
  {
    augmenter,
    epoch,
    memory,
  }: { readonly augmenter: Augmenter; readonly epoch: number; readonly memory?: Float32Array },
): Batch {
  const size = set.images.length / set.count;
  const length = indices.length * size;
  const images =
    memory !== undefined && memory.length >= length ? memory.subarray(0, length) : new Float32Array(length);
  const labels = new Uint16Array(indices.length);
  indices.forEach((index, row) => {
    const image = set.images.subarray(index * size, (index + 1) * size);
    augmenter.augment(image, images.subarray(row * size, (row + 1) * size), epoch, index);
    labels[row] = set.labels[index]!;
  });
  return { images, labels };
}
