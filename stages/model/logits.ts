// A model's logits for uint8 images, batch by batch. Needs an open engine; knows nothing of labels or metrics.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

/** Height, width, channels. */
export type ImageShape = readonly [number, number, number];

/**
 * The logits in inference mode. Intermediate results are given back layer by layer.
 * @param pixels - [n, h, w, c], uint8; @returns logits [n, classes]
 */
export async function predictLogits(
  model: tfl.LayersModel,
  pixels: Uint8Array,
  shape: ImageShape,
): Promise<Float32Array> {
  const [height, width, channels] = shape;
  const count = pixels.length / (height * width * channels);
  const logits = tf.tidy(() => {
    const input = tf.tensor4d(Float32Array.from(pixels), [count, height, width, channels]);
    return model.predictOnBatch(input) as tf.Tensor;
  });
  try {
    return await logits.data<'float32'>();
  } finally {
    logits.dispose();
  }
}
