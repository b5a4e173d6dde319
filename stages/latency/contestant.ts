// A loaded model as something to measure: one image at a time, or a large batch. Needs an open engine.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { randomOf } from '../random/random.ts';
import type { Contestant } from './rounds.ts';

/** Images of the large batch. */
export const largeBatch = 64;

/** Images of noise, one tensor a shape, so that models of one shape share their input. */
export interface NoiseImages {
  /** @param shape - [n, h, w, c]; @returns whole numbers from 0 to 255, as float32 */
  readonly ofShape: (shape: readonly number[]) => tf.Tensor;
  readonly dispose: () => void;
}

/** Seeded; the time of a prediction does not depend on what is seen. */
export function createNoise(): NoiseImages {
  const made = new Map<string, tf.Tensor>();
  const make = (shape: readonly number[]): tf.Tensor => {
    const random = randomOf(0, 'latency');
    const pixels = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => random.integer(256));
    return tf.tensor(pixels, [...shape]);
  };
  return {
    ofShape: (shape) => {
      const key = shape.join();
      const tensor = made.get(key) ?? make(shape);
      made.set(key, tensor);
      return tensor;
    },
    dispose: () => tf.dispose([...made.values()]),
  };
}

export interface LoadedModel {
  /** Predicts one image. */
  readonly single: Contestant;
  /** Predicts `largeBatch` images. */
  readonly batch: Contestant;
}

/** Runs of each kind before anything is timed: shapes are resolved, weights packed and code compiled then. */
const warmUpRuns = { single: 3, batch: 1 };

/**
 * Warms a model up. Its work is a prediction and the read of the result, which not every engine has otherwise than asynchronously; the input lies in the engine's memory already.
 * Throws for a model whose input is not one image of a fixed size.
 */
export async function warmUp(model: tfl.LayersModel, noise: NoiseImages): Promise<LoadedModel> {
  const shape = model.inputs[0]!.shape.slice(1);
  if (model.inputs.length !== 1 || shape.some((size) => size === null))
    throw new Error('its input is not one image of a fixed size');
  const contestantOf = (images: number): Contestant => {
    const input = noise.ofShape([images, ...(shape as number[])]);
    return { work: () => predictOnce(model, input) };
  };
  const loaded = { single: contestantOf(1), batch: contestantOf(largeBatch) };
  for (let run = 0; run < warmUpRuns.single; run++) await loaded.single.work();
  for (let run = 0; run < warmUpRuns.batch; run++) await loaded.batch.work();
  return loaded;
}

async function predictOnce(model: tfl.LayersModel, input: tf.Tensor): Promise<void> {
  const result = model.predictOnBatch(input) as tf.Tensor;
  await result.data();
  result.dispose();
}
