// What tests of kernels share: random values, an operation with its gradients on one backend, and the comparison with the pure JavaScript backend of
// TensorFlow.js. The caller imports '@tensorflow/tfjs-backend-cpu' and opens the engine.

import { expect } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { randomOf } from '../random/random.ts';

export type Shape = readonly number[];
export type Op = (...inputs: tf.Tensor[]) => tf.Tensor;

export function normals(shape: Shape, seed: number): Float32Array {
  const random = randomOf(seed, 'normals');
  return Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, random.normal);
}

/** The result of an op and the gradients of a random weighting of it, on one backend. */
export async function differentiate(backend: string, op: Op, shapes: readonly Shape[]): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  return tf.tidy(() => {
    const inputs = shapes.map((shape, index) => tf.tensor(normals(shape, index), [...shape]));
    const { shape } = tf.tidy(() => op(...inputs));
    const weights = tf.tensor(normals(shape, 99), shape);
    const gradients = tf.grads((...values: tf.Tensor[]) => tf.sum(tf.mul(op(...values), weights)))(inputs);
    return [op(...inputs), ...gradients].map((tensor) => tensor.dataSync<'float32'>().slice());
  });
}

export function variablesOf(layer: tfl.layers.Layer): tf.Variable[] {
  return layer.trainableWeights.map((weight) => weight.read()) as unknown as tf.Variable[];
}

/** Largest difference relative to the largest value. */
export function distance(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let largest = 0;
  expected.forEach((value, index) => {
    difference = Math.max(difference, Math.abs(actual[index]! - value));
    largest = Math.max(largest, Math.abs(value));
  });
  return difference / (largest || 1);
}

export async function expectAgreement(op: Op, shapes: readonly Shape[]): Promise<void> {
  const expected = await differentiate('cpu', op, shapes);
  const actual = await differentiate('wasm', op, shapes);
  const errors = actual.map((values, index) => distance(values, expected[index]!));
  for (const error of errors) expect(error).toBeLessThan(1e-5);
}
