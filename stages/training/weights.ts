// Weights of a model as plain numbers and back; all of them, moving statistics of batch normalisation too. Their order is that of the layers, whichever
// of these are being trained.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

type Weight = tfl.LayersModel['weights'][number];

/** All layers, those within nested models in place of these. */
export function layersOf(model: tfl.LayersModel): readonly tfl.layers.Layer[] {
  return model.layers.flatMap((layer) => ('layers' in layer ? layersOf(layer as tfl.LayersModel) : [layer]));
}

/** Every weight, in an order that stays when layers are frozen (that of `model.weights` does not). */
export function weightsOf(model: tfl.LayersModel): readonly Weight[] {
  return layersOf(model).flatMap((layer) => layer.weights);
}

/** The moving mean and variance of every batch normalisation. */
export function statisticsOf(model: tfl.LayersModel): readonly Weight[] {
  return weightsOf(model).filter(({ originalName }) => /moving_(mean|variance)$/.test(originalName));
}

/** A copy of every weight. */
export async function readWeights(model: tfl.LayersModel): Promise<readonly Float32Array[]> {
  return Promise.all(weightsOf(model).map(async (weight) => (await weight.read().data<'float32'>()).slice()));
}

/** Sets every weight. `values` is what readWeights gave for a model of the same architecture. */
export function writeWeights(model: tfl.LayersModel, values: readonly Float32Array[]): void {
  weightsOf(model).forEach((weight, index) => {
    tf.tidy(() => {
      weight.write(tf.tensor(values[index]!.slice(), weight.shape as number[]));
    });
  });
}

/** Elements of every weight. */
export function weightSizes(model: tfl.LayersModel): readonly number[] {
  return weightsOf(model).map((weight) => tf.util.sizeFromShape(weight.shape as number[]));
}
