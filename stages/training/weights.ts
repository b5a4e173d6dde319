// Weights of a model as plain numbers and back; all of them, moving statistics of batch normalisation too.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

/** A copy of every weight, in the order of the model. */
export async function readWeights(model: tfl.LayersModel): Promise<readonly Float32Array[]> {
  return Promise.all(model.weights.map(async (weight) => (await weight.read().data<'float32'>()).slice()));
}

/** Sets every weight. `values` is what readWeights gave for a model of the same architecture. */
export function writeWeights(model: tfl.LayersModel, values: readonly Float32Array[]): void {
  model.weights.forEach((weight, index) => {
    tf.tidy(() => {
      weight.write(tf.tensor(values[index]!.slice(), weight.shape as number[]));
    });
  });
}

/** Elements of every weight, in the order of the model. */
export function weightSizes(model: tfl.LayersModel): readonly number[] {
  return model.weights.map((weight) => tf.util.sizeFromShape(weight.shape as number[]));
}
