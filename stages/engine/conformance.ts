// What every engine is held to: each operation that models are made of, its values and all of its gradients, against the pure JavaScript backend of
// TensorFlow.js. Part of the tests; reads results asynchronously, since not every backend can otherwise.

import '@tensorflow/tfjs-backend-cpu';

import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import type { Op } from '../config/definition.ts';
import { activations } from '../config/testing.ts';
import { createLayerNames, layersOf, type LocalOp } from '../model/operation.ts';
import { randomOf } from '../random/random.ts';
import { crossEntropy } from '../training/loss.ts';
import { setAveragePoolGradient } from './average-pool.ts';

type Shape = readonly number[];

export function normals(shape: Shape, seed: number): Float32Array {
  const random = randomOf(seed, 'normals');
  return Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, random.normal);
}

/** Reads and disposes. */
async function take(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  const values = await Promise.all(tensors.map(async (tensor) => (await tensor.data<'float32'>()).slice()));
  tf.dispose([...tensors]);
  return values;
}

/** Largest difference relative to the largest value. */
export function distance(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return expected.reduce((most, value, index) => Math.max(most, Math.abs(actual[index]! - value)), 0) / (largest || 1);
}

/** On the active backend: what `compute` gives, and the gradients of a random weighting of it by its inputs. */
async function differentiate(compute: Compute, shapes: readonly Shape[]): Promise<Float32Array[]> {
  const results = tf.tidy(() => {
    const inputs = shapes.map((shape, index) => tf.tensor(normals(shape, index), [...shape]));
    const value = compute(...inputs);
    const weights = tf.tensor(normals(value.shape, 99), value.shape);
    const gradients = tf.grads((...values: tf.Tensor[]) => tf.sum(tf.mul(compute(...values), weights)))(inputs);
    return [value, ...gradients];
  });
  return take(results);
}

type Compute = (...inputs: tf.Tensor[]) => tf.Tensor;

/** The weights of layers as given, the result in training, its gradients by input and weights, the averages after it, and the result in inference. */
async function train(op: LocalOp, shape: Shape): Promise<Float32Array[]> {
  const layers = layersOf(op, createLayerNames(1));
  const apply = (x: tf.Tensor, training: boolean): tf.Tensor =>
    layers.reduce((value, layer) => layer.apply(value, { training }) as tf.Tensor, x);
  const x = tf.variable(tf.tensor(normals(shape, 1), [...shape]));
  apply(x, false).dispose();
  layers.forEach(fillWeights);
  const results = tf.tidy(() => {
    const weights = layers.flatMap(({ trainableWeights }) => trainableWeights.map((weight) => weight.read()));
    const variables = [x, ...(weights as unknown as tf.Variable[])];
    const penalties = (): tf.Scalar[] => layers.flatMap(({ losses }) => losses.map((loss) => loss()));
    const { value, grads } = tf.variableGrads(() => {
      const y = apply(x, true);
      const sum = tf.sum<tf.Scalar>(tf.mul(y, tf.tensor(normals(y.shape, 2), y.shape)));
      return penalties().reduce<tf.Scalar>((total, penalty) => tf.add(total, penalty), sum);
    }, variables);
    const averages = layers.flatMap(({ nonTrainableWeights }) => nonTrainableWeights.map((weight) => weight.read()));
    const copies = averages.map((average) => tf.clone(average));
    return [value, ...variables.map(({ name }) => grads[name]!), ...copies, apply(x, false)];
  });
  const values = await take(results);
  x.dispose();
  layers.forEach((layer) => layer.dispose());
  return values;
}

function fillWeights(layer: tfl.layers.Layer): void {
  layer.trainableWeights.forEach((weight, index) => {
    const shape = weight.shape as number[];
    tf.tidy(() => {
      weight.write(tf.tensor(normals(shape, 7 + index), shape));
    });
  });
}

const plain = { padding: 'same', activation: 'linear', l2: 0 } as const;

/** Operations with the images that they get. */
const operations: readonly (readonly [string, LocalOp, Shape])[] = [
  ...(
    [
      [1, 'same'],
      [2, 'same'],
      [2, 'valid'],
      [3, 'valid'],
    ] as const
  ).flatMap(([stride, padding]) => {
    const shared = { ...plain, padding, kernelSize: [3, 3] as const, strides: [stride, stride] as const };
    const name = `stride ${stride}, ${padding}`;
    return [
      [`conv, ${name}`, { op: 'conv', filters: 7, useBias: true, ...shared }, [2, 9, 8, 5]],
      [`separable conv, ${name}`, { op: 'separable_conv', filters: 6, depthMultiplier: 2, ...shared }, [2, 9, 8, 3]],
      [`depthwise conv, ${name}`, { op: 'depthwise_conv', depthMultiplier: 1, ...shared }, [2, 9, 8, 5]],
    ] as (readonly [string, LocalOp, Shape])[];
  }),
  [
    'conv 1×1, l2',
    { op: 'conv', filters: 8, useBias: false, ...plain, kernelSize: [1, 1], strides: [1, 1], l2: 0.01 },
    [2, 4, 4, 6],
  ],
  [
    'conv 5×3, relu',
    { op: 'conv', filters: 8, useBias: true, ...plain, kernelSize: [5, 3], strides: [1, 1], activation: 'relu' },
    [2, 7, 6, 3],
  ],
  [
    'depthwise conv, multiplier 2, swish',
    { op: 'depthwise_conv', depthMultiplier: 2, ...plain, kernelSize: [3, 3], strides: [1, 1], activation: 'swish' },
    [2, 6, 5, 3],
  ],
  ...(['max_pool', 'avg_pool'] as const).flatMap((op) =>
    (
      [
        [2, 2, 'same'],
        [2, 2, 'valid'],
        [3, 2, 'same'],
        [3, 1, 'same'],
      ] as const
    ).map(([size, stride, padding]): readonly [string, LocalOp, Shape] => [
      `${op} ${size}, stride ${stride}, ${padding}`,
      { op, poolSize: [size, size], strides: [stride, stride], padding },
      [2, 7, 6, 5],
    ]),
  ),
  ['global average', { op: 'global_avg_pool' }, [3, 5, 4, 6]],
  ['batch norm of images', { op: 'batch_norm', momentum: 0.9, epsilon: 1e-3 }, [4, 6, 5, 8]],
  ['batch norm of one image', { op: 'batch_norm', momentum: 0.9, epsilon: 1e-3 }, [1, 4, 4, 3]],
  ['batch norm of vectors', { op: 'batch_norm', momentum: 0.9, epsilon: 1e-3 }, [6, 10]],
  ['layer norm of images', { op: 'layer_norm', epsilon: 1e-3 }, [3, 4, 5, 8]],
  ['layer norm of vectors', { op: 'layer_norm', epsilon: 1e-3 }, [6, 10]],
  ['flatten', { op: 'flatten' }, [2, 3, 4, 5]],
  ['dense, l2', { op: 'dense', units: 9, useBias: true, activation: 'linear', l2: 0.01 }, [5, 12]],
  ['dense, relu', { op: 'dense', units: 9, useBias: true, activation: 'relu', l2: 0 }, [5, 12]],
  ['dense, gelu, no bias', { op: 'dense', units: 9, useBias: false, activation: 'gelu', l2: 0 }, [5, 12]],
  ['output', { op: 'output', classes: 10 }, [4, 12]],
  ...activations.map((activation): readonly [string, LocalOp, Shape] => [
    activation,
    { op: 'activation', activation },
    [3, 7, 5],
  ]),
];

type Pooling = readonly [size: number, stride: number, padding: 'same' | 'valid'];
const poolings: readonly Pooling[] = [
  [2, 2, 'valid'],
  [2, 2, 'same'],
  [3, 2, 'valid'],
  [3, 2, 'same'],
  [2, 3, 'same'],
  [3, 1, 'same'],
];

/**
 * Two convolutions in a model, each with ReLU and max pooling; what the model gives, and its gradients. All sums are whole numbers, so that windows have
 * equal maxima and some have nothing above zero.
 */
async function trainPooled([poolSize, strides, padding]: Pooling, separate: boolean): Promise<Float32Array[]> {
  const pool = { poolSize, strides, padding };
  const chain = [4, 3].flatMap((filters) => [
    tfl.layers.conv2d({ filters, kernelSize: 2, activation: separate ? 'linear' : 'relu' }),
    ...(separate ? [tfl.layers.activation({ activation: 'relu' })] : []),
    tfl.layers.maxPooling2d(pool),
  ]);
  const input = tfl.input({ shape: [15, 13, 2] });
  const end = chain.reduce((value, layer) => layer.apply(value) as tfl.SymbolicTensor, input);
  const model = tfl.model({ inputs: input, outputs: end });
  chain.forEach(fillWeights);
  const round = (values: Float32Array): Float32Array => values.map(Math.round);
  const results = tf.tidy(() => {
    const weights = model.trainableWeights.map((weight) => weight.read()) as unknown as tf.Variable[];
    weights.forEach((weight) => weight.assign(tf.round(weight)));
    const x = tf.tensor(round(normals([3, 15, 13, 2], 1)), [3, 15, 13, 2]);
    const { value, grads } = tf.variableGrads(() => {
      const y = model.apply(x, { training: true }) as tf.Tensor;
      return tf.sum<tf.Scalar>(tf.mul(y, tf.tensor(round(normals(y.shape, 2)), y.shape)));
    }, weights);
    const inference = model.apply(x, { training: false }) as tf.Tensor;
    return [value, inference, ...weights.map(({ name }) => grads[name]!)];
  });
  const values = await take(results);
  model.dispose();
  return values;
}

const computations: readonly (readonly [string, Compute, readonly Shape[]])[] = [
  [
    'concatenation',
    (a, b) => tf.concat([a, b], 3),
    [
      [2, 3, 4, 5],
      [2, 3, 4, 2],
    ],
  ],
  [
    'addition',
    (a, b) => tf.add(a, b),
    [
      [2, 3, 4, 5],
      [2, 3, 4, 5],
    ],
  ],
  ['a dropout mask', (x) => tf.mul(x, tf.tensor([0, 2, 2, 0, 2, 0], [2, 3])), [[2, 3]]],
  ['rescaling', (x) => tf.add(tf.mul(x, 1 / 255), -0.5), [[2, 3, 3, 3]]],
  [
    'cross-entropy',
    (logits) =>
      crossEntropy(
        logits as tf.Tensor2D,
        tf.tensor2d([
          [0.1, 0.9, 0],
          [0.2, 0.2, 0.6],
        ]),
      ),
    [[2, 3]],
  ],
  ['norm of a gradient', (x) => tf.div(1, tf.maximum(tf.sqrt(tf.sum(tf.square(x))), 0.5)), [[4, 3]]],
];

/** Every operation of a definition that is a layer has to be among those that are checked. */
const checked = new Set(operations.map(([, { op }]) => op));
const wanted: readonly Exclude<Op['op'], 'add' | 'dropout'>[] = [
  'conv',
  'separable_conv',
  'depthwise_conv',
  'max_pool',
  'avg_pool',
  'global_avg_pool',
  'batch_norm',
  'layer_norm',
  'flatten',
  'activation',
  'dense',
  'output',
];

/**
 * Describes the tests of a backend.
 * @param backend - its name, once the engine is open
 * @param tolerance - largest difference relative to the largest value
 */
export function describeConformance(backend: () => string, tolerance: number): void {
  beforeAll(() => setAveragePoolGradient('cpu'));
  const compare = async (compute: () => Promise<Float32Array[]>): Promise<void> => {
    await tf.setBackend('cpu');
    const expected = await compute();
    await tf.setBackend(backend());
    const actual = await compute();
    expect(actual.length).toBe(expected.length);
    const errors = actual.map((values, index) => distance(values, expected[index]!));
    for (const error of errors) expect(error).toBeLessThan(tolerance);
  };

  describe('agrees with the pure JavaScript backend, forward and back', () => {
    it.each(operations)('%s', async (_, op, shape) => compare(() => train(op, shape)));
    it.each(computations)('%s', async (_, compute, shapes) => compare(() => differentiate(compute, shapes)));
    it.each(poolings)('max pooling %d, stride %d, %s, of ReLUs in a model', async (...pooling) => {
      await compare(() => trainPooled(pooling, false));
      await compare(() => trainPooled(pooling, true));
    });
    it('in all operations', () => expect([...checked].sort()).toEqual([...wanted].sort()));
  });
}
