// A model's logits for uint8 images, batch by batch. Needs an open engine; knows nothing of labels or metrics.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { StageFailure } from '../context/fail.ts';

/** Height, width, channels. */
export type ImageShape = readonly [number, number, number];

/** Pixels of a batch at most, so that memory does not grow with the images: 128 images of 32×32. */
const pixelsOfBatch = 128 * 32 * 32;

/** How many images of a shape are predicted at a time. */
export function batchSizeFor([height, width]: ImageShape): number {
  return Math.max(1, Math.floor(pixelsOfBatch / (height * width)));
}

/** Throws a StageFailure unless the model takes images of this shape and gives one logit for each class. */
export function checkModel(model: tfl.LayersModel, shape: ImageShape, classes: number): void {
  const input = model.inputs.map((tensor) => tensor.shape.slice(1).join('×')).join(' and ');
  if (input !== shape.join('×'))
    throw new StageFailure(`the model takes images of ${input}, the data has ${shape.join('×')}: train it again`);
  const output = model.outputs.map((tensor) => tensor.shape.slice(1).join('×')).join(' and ');
  if (output !== String(classes))
    throw new StageFailure(
      `the model gives ${output} logits, the data has ${classes} classes: set output_classes: ${classes} in params.yaml`,
    );
}

/** @param pixels - [n, h, w, c], uint8; @returns logits [n, classes] */
export function predictLogits(model: tfl.LayersModel, pixels: Uint8Array, shape: ImageShape): Float32Array {
  const [height, width, channels] = shape;
  const count = pixels.length / (height * width * channels);
  const logits = tf.tidy(() => {
    const input = tf.tensor4d(Float32Array.from(pixels), [count, height, width, channels]);
    return model.predictOnBatch(input) as tf.Tensor;
  });
  const values = logits.dataSync<'float32'>();
  logits.dispose();
  return values;
}
