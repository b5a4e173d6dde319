import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { Activation, Architecture, Op } from '../config/definition.ts';
import { activations } from '../config/testing.ts';
import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { randomOf } from '../random/random.ts';
import type { Batch } from './batch.ts';
import { customArchitecture } from './fixtures/toy.ts';
import { computeStep, parametersOf } from './step.ts';

const batch: Batch = {
  images: Float32Array.from({ length: 4 * 6 * 6 * 3 }, (_, index) => (index * 7919) % 256),
  labels: Uint16Array.of(0, 1, 2, 1),
};
const plain = { labelSmoothing: 0 };
const build = (architecture: Architecture): tfl.LayersModel =>
  buildModel(architecture, { inputShape: [6, 6, 3], scale: 1 / 64, offset: -2, seed: 3 });

const spatial = { kernelSize: [3, 3], strides: [1, 1], padding: 'same', l2: 0.01 } as const;
const conv = (activation: Activation, filters = 4): Op => ({
  op: 'conv',
  filters,
  activation,
  useBias: true,
  ...spatial,
});
const pool = { poolSize: [2, 2], strides: [2, 2], padding: 'valid' } as const;
const end: readonly Op[] = [{ op: 'flatten' }, { op: 'output', classes: 3 }];

const architectures: readonly (readonly [string, Architecture])[] = [
  ...activations.map((activation) => [activation, customArchitecture([conv(activation), ...end])] as const),
  ['max_pool', customArchitecture([conv('tanh'), { op: 'max_pool', ...pool }, ...end])],
  ['avg_pool', customArchitecture([conv('tanh'), { op: 'avg_pool', ...pool }, ...end])],
  [
    'separable_conv',
    customArchitecture([
      { op: 'separable_conv', filters: 4, activation: 'tanh', depthMultiplier: 2, ...spatial },
      ...end,
    ]),
  ],
  [
    'depthwise_conv',
    customArchitecture([
      { op: 'depthwise_conv', activation: 'tanh', depthMultiplier: 2, ...spatial, strides: [2, 2] },
      ...end,
    ]),
  ],
  ['batch_norm', customArchitecture([conv('tanh'), { op: 'batch_norm', momentum: 0.9, epsilon: 0.01 }, ...end])],
  ['layer_norm', customArchitecture([conv('tanh'), { op: 'layer_norm', epsilon: 0.01 }, ...end])],
  [
    'dense and global_avg_pool',
    customArchitecture([
      conv('tanh'),
      { op: 'global_avg_pool' },
      { op: 'dense', units: 5, activation: 'tanh', l2: 0.1, useBias: false },
      { op: 'output', classes: 3 },
    ]),
  ],
  [
    'residual connections, with a projection and without',
    customArchitecture([
      conv('tanh'),
      conv('tanh'),
      { op: 'add', over: 1, project: false },
      { ...spatial, op: 'conv', filters: 6, activation: 'tanh', useBias: false, strides: [2, 2] },
      { op: 'add', over: 1, project: true },
      ...end,
    ]),
  ],
  [
    'branches',
    {
      kind: 'custom',
      layers: [{ branches: [[conv('tanh')], [conv('sigmoid', 2), conv('tanh', 2)], []] }, { branches: [end] }],
    },
  ],
];

beforeAll(async () => {
  await openEngine('wasm');
});

describe('the gradient of a step', () => {
  // Along a random direction d, (L(w + εd) − L(w − εd)) / 2ε must be g·d. Each weight takes part in the direction, so each part of the gradient counts.
  it.each(architectures)('is that of the loss: %s', (_, architecture) => {
    const model = build(architecture);
    const parameters = parametersOf(model);
    const { gradients, logits, loss } = computeStep(model, parameters, batch, { labelSmoothing: 0.1 });
    expect(logits.shape).toEqual([4, 3]);
    expect(gradients.map(({ shape }) => shape)).toEqual(parameters.map(({ variable }) => variable.shape));
    parameters.forEach(({ variable }, index) => {
      const random = randomOf(9, variable.shape.length, index);
      const direction = tf.tensor(
        Float32Array.from({ length: variable.size }, () => random.normal()),
        variable.shape,
      );
      const expected = tf.sum(tf.mul(gradients[index]!, direction)).dataSync()[0]!;
      const start = tf.clone(variable);
      const epsilon = 0.001;
      const lossAt = (sign: number): number => {
        variable.assign(tf.add(start, tf.mul(direction, sign * epsilon)));
        return computeStep(model, parameters, batch, { labelSmoothing: 0.1 }).loss.dataSync()[0]!;
      };
      const measured = (lossAt(1) - lossAt(-1)) / (2 * epsilon);
      variable.assign(start);
      expect(Math.abs(measured - expected)).toBeLessThan(0.004 + 0.03 * Math.abs(expected));
    });
    expect(loss.dataSync()[0]).toBeGreaterThan(0);
  });

  it('reaches every weight of a model with everything', () => {
    const model = build(architectures.at(-1)![1]);
    const parameters = parametersOf(model);
    const { gradients } = computeStep(model, parameters, batch, plain);
    const norms = gradients.map((gradient) => tf.norm(gradient).dataSync()[0]!);
    expect(norms).toHaveLength(model.trainableWeights.length);
    for (const norm of norms) expect(norm).toBeGreaterThan(1e-4);
  });

  it('lets weight decay take from kernels only', () => {
    const ops: readonly Op[] = [
      conv('relu'),
      { op: 'separable_conv', filters: 4, activation: 'relu', depthMultiplier: 1, ...spatial },
      { op: 'batch_norm', momentum: 0.9, epsilon: 0.01 },
      ...end,
    ];
    const model = build(customArchitecture(ops));
    const decaying = model.trainableWeights.filter((_, index) => parametersOf(model)[index]!.decays);
    expect(decaying.map(({ originalName }) => originalName)).toEqual([
      'conv_1/kernel',
      'separable_conv_1/depthwise_kernel',
      'separable_conv_1/pointwise_kernel',
      'logits/kernel',
    ]);
  });

  it('moves the statistics of batch normalisation, which prediction uses and leaves', () => {
    const norm: Op = { op: 'batch_norm', momentum: 0.9, epsilon: 0.01 };
    const model = build(customArchitecture([norm, ...end]));
    const statistics = (): number[][] =>
      model
        .getLayer('batch_norm_1')
        .getWeights()
        .slice(2)
        .map((weight) => [...weight.dataSync()]);
    expect(statistics()).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ]);
    computeStep(model, parametersOf(model), batch, plain);
    const [mean, variance] = statistics();
    const pixels = tf.sub(tf.div(tf.tensor4d(batch.images, [4, 6, 6, 3]), 64), 2);
    const moments = tf.moments(pixels, [0, 1, 2]);
    const expected = [tf.mul(moments.mean, 0.1), tf.add(tf.mul(moments.variance, 0.1), 0.9)];
    [mean!, variance!].forEach((values, which) => {
      const right = expected[which]!.dataSync();
      values.forEach((value, index) => expect(value).toBeCloseTo(right[index]!, 4));
    });
    model.predictOnBatch(tf.tensor4d(batch.images, [4, 6, 6, 3]));
    expect(statistics()).toEqual([mean, variance]);
  });

  it('keeps no tensors once its result is disposed', () => {
    const model = build(architectures.at(-2)![1]);
    const parameters = parametersOf(model);
    const run = (): void => {
      const { gradients, logits, loss } = computeStep(model, parameters, batch, { labelSmoothing: 0.1 });
      tf.dispose([...gradients, logits, loss]);
    };
    run();
    const { numTensors, numBytes } = tf.memory();
    run();
    run();
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
  });
});
