// Dropout whose masks belong to (seed, step, layer). TensorFlow.js's own layer draws the same mask at every call where it has a seed, and one that
// nobody can repeat where it has none; here its call is replaced while a model is trained. Saved, it is the standard layer.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { randomOf } from '../random/random.ts';

/** Sets the step that the next call of the model belongs to. */
export interface DropoutClock {
  setStep: (step: number) => void;
}

/** Takes over every Dropout layer of a model that is about to be trained. */
export function seedDropout(model: tfl.LayersModel, seed: number): DropoutClock {
  let step = 0;
  const layers = model.layers.filter((layer) => layer.getClassName() === 'Dropout');
  layers.forEach((layer, index) => {
    const rate = layer.getConfig()['rate'] as number;
    layer.call = (inputs, kwargs) => {
      const input = Array.isArray(inputs) ? inputs[0]! : inputs;
      if (kwargs['training'] !== true || rate <= 0) return input;
      const mask = drawMask(input.size, rate, seed, step, index);
      return tf.tidy(() => tf.mul(input, tf.tensor(mask, input.shape)));
    };
  });
  return {
    setStep: (next) => {
      step = next;
    },
  };
}

/**
 * Inverted dropout: 0 with probability `rate`, else 1/(1 − rate). Each number of the stream decides for two elements, with 16 bits each; `rate` counts
 * as the nearest multiple of 2⁻¹⁶ below 1.
 */
export function drawMask(size: number, rate: number, seed: number, step: number, layer: number): Float32Array {
  const threshold = Math.min(0xffff, Math.round(rate * 0x1_0000));
  const kept = 0x1_0000 / (0x1_0000 - threshold);
  const { next } = randomOf(seed, 'dropout', step, layer);
  const mask = new Float32Array(size);
  for (let index = 0; index + 1 < size; index += 2) {
    const bits = next();
    if ((bits & 0xffff) >= threshold) mask[index] = kept;
    if (bits >>> 16 >= threshold) mask[index + 1] = kept;
  }
  if (size % 2 === 1 && next() >>> 16 >= threshold) mask[size - 1] = kept;
  return mask;
}
