// How many images go through a model at a time, for memory to stay within bounds whatever their size.

import type * as tfl from '@tensorflow/tfjs-layers';

/** Pixels of a batch at most, where they are most: 128 images of 32×32. */
const pixelsOfBatch = 128 * 32 * 32;

/** How many images of so many pixels (height × width) are predicted at a time. */
export function batchSizeOf(pixels: number): number {
  return Math.max(1, Math.floor(pixelsOfBatch / pixels));
}

/** How many images a model predicts at a time. What counts is the largest image in it: it may enlarge what it is given. */
export function batchSizeFor(model: tfl.LayersModel): number {
  const inner = model.layers.flatMap(({ inboundNodes }) => inboundNodes.flatMap(({ outputTensors }) => outputTensors));
  const areas = [...model.inputs, ...inner].map(({ shape }) => (shape.length === 4 ? shape[1]! * shape[2]! : 1));
  return batchSizeOf(Math.max(...areas));
}
