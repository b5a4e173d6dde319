// Evaluates a model on one split of a data set.

import type * as tfl from '@tensorflow/tfjs-layers';

import { StageFailure } from '../context/fail.ts';
import type { SplitName } from '../data/manifest.ts';
import { batchSizeFor, predictLogits, type ImageShape } from './prediction.ts';
import { addLogits, emptyTally, type Tally } from './tally.ts';

export interface LabelledImages {
  readonly count: number;
  /** [count, h, w, c]. */
  readonly images: Uint8Array;
  readonly labels: Uint16Array;
}

export interface SplitOptions {
  readonly model: tfl.LayersModel;
  readonly name: SplitName;
  readonly split: LabelledImages;
  readonly shape: ImageShape;
  readonly classes: number;
  /** Called after each batch. */
  readonly onProgress: (images: number) => void;
}

/** Predicts every image of the split, in order. Throws a StageFailure for an empty split and for a model that gives no finite numbers. */
export function evaluateSplit({ model, name, split, shape, classes, onProgress }: SplitOptions): Tally {
  if (split.count === 0)
    throw new StageFailure(`the ${name} split has no images: give the data more images, or change prepare.split`);
  const tally = emptyTally(classes, split.count);
  const batch = batchSizeFor(shape);
  const pixels = shape[0] * shape[1] * shape[2];
  for (let start = 0; start < split.count; start += batch) {
    const end = Math.min(start + batch, split.count);
    const logits = predictLogits(model, split.images.subarray(start * pixels, end * pixels), shape);
    addLogits(tally, logits, split.labels.subarray(start, end));
    onProgress(end);
  }
  return tally;
}
