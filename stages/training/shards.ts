// How a batch is cut into the parts that go through the model on their own. It follows from the settings and the size of the batch alone, so that
// results do not depend on who computes a part.

import type { TrainSettings } from '../config/definition.ts';

/** Rows of a batch, from `start` to before `end`. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts `images` rows, at most `batch` of them, into contiguous parts whose sizes differ by one at most. A whole batch has `shards` parts; a smaller
 * one has fewer, so that no part is much smaller than those of a whole batch: batch normalisation takes its statistics from a part.
 */
export function cutBatch(images: number, { batch, shards }: Pick<TrainSettings, 'batch' | 'shards'>): readonly Part[] {
  const parts = Math.ceil((images * shards) / batch);
  const edge = (index: number): number => Math.floor((images * index) / parts);
  return Array.from({ length: parts }, (_, index) => ({ start: edge(index), end: edge(index + 1) }));
}
