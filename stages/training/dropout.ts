// Dropout whose masks belong to (seed, step, layer, image). TensorFlow.js's own layer draws the same mask at every call where it has a seed, and one that
// nobody can repeat where it has none; here its call is replaced while a model is trained. Saved, it is the standard layer.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { randomOf } from '../random/random.ts';
import { layersOf } from './weights.ts';

/** Says what the next call of the model belongs to. */
export interface DropoutClock {
  /** @param firstRow - where in the batch of the step its images begin */
  set: (step: number, firstRow: number) => void;
}

/** Takes over every Dropout layer of a model that is about to be trained. */
export function seedDropout(model: tfl.LayersModel, seed: number): DropoutClock {
  let step = 0;
  let firstRow = 0;
  const layers = layersOf(model).filter((layer) => layer.getClassName() === 'Dropout');
  layers.forEach((layer, index) => {
    const { rate, noiseShape } = layer.getConfig() as { rate: number; noiseShape?: readonly (number | null)[] | null };
    layer.call = (inputs, kwargs) => {
      const input = Array.isArray(inputs) ? inputs[0]! : inputs;
      if (kwargs['training'] !== true || rate <= 0) return input;
      const shape = input.shape.map((size, axis) => noiseShape?.[axis] ?? size);
      const mask = new Float32Array(tf.util.sizeFromShape(shape));
      const size = mask.length / shape[0]!;
      for (let row = 0; row < shape[0]!; row++)
        drawMask(
          mask.subarray(row * size, (row + 1) * size),
          rate,
          randomOf(seed, 'dropout', step, index, firstRow + row),
        );
      return tf.tidy(() => tf.mul(input, tf.tensor(mask, shape)));
    };
  });
  return {
    set: (nextStep, nextRow) => {
      step = nextStep;
      firstRow = nextRow;
    },
  };
}

/**
 * Inverted dropout: 0 with probability `rate`, else 1/(1 − rate). Each number of the stream decides for two elements, with 16 bits each; `rate` counts
 * as the nearest multiple of 2⁻¹⁶ below 1.
 */
export function drawMask(mask: Float32Array, rate: number, { next }: Pick<ReturnType<typeof randomOf>, 'next'>): void {
  const threshold = Math.min(0xffff, Math.round(rate * 0x1_0000));
  const kept = 0x1_0000 / (0x1_0000 - threshold);
  const size = mask.length;
  for (let index = 0; index + 1 < size; index += 2) {
    const bits = next();
    mask[index] = (bits & 0xffff) >= threshold ? kept : 0;
    mask[index + 1] = bits >>> 16 >= threshold ? kept : 0;
  }
  if (size % 2 === 1) mask[size - 1] = next() >>> 16 >= threshold ? kept : 0;
}
