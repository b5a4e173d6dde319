// Dropout whose masks belong to (seed, step, layer, image). TensorFlow.js's own layer draws the same mask at every call where it has a seed, and one that
// nobody can repeat where it has none; here its call is replaced while a model is trained. Saved, it is the standard layer.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { randomOf, type Random } from '../random/random.ts';
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
 * Inverted dropout: 0 with probability `rate`, else 1/(1 − rate). Each random number decides for two elements, with 16 bits each; `rate` counts as the
 * nearest multiple of 2⁻¹⁶ below 1. The numbers are those of a generator that starts from four of the stream: sfc32 as in random.ts, written out here
 * since masks take more random numbers than all else together.
 */
export function drawMask(mask: Float32Array, rate: number, { next }: Pick<Random, 'next'>): void {
  const threshold = Math.min(0xffff, Math.round(rate * 0x1_0000));
  const kept = 0x1_0000 / (0x1_0000 - threshold);
  let [a, b, c, counter] = [next() | 0, next() | 0, next() | 0, next() | 0];
  const size = mask.length;
  for (let index = 0; index < size; index += 2) {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    mask[index] = (sum & 0xffff) >= threshold ? kept : 0;
    // Beyond the end of a mask of odd size nothing is written.
    mask[index + 1] = sum >>> 16 >= threshold ? kept : 0;
  }
}
