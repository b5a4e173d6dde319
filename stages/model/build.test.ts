import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { Activation, Architecture, Op } from '../config/definition.ts';
import { openEngine } from '../engine/open.ts';
import { buildModel, countClasses } from './build.ts';
import { rescalingOf } from './rescaling.ts';

type Shape = readonly [number, number, number];

const custom = (...branches: readonly (readonly Op[])[]): Architecture => ({ kind: 'custom', layers: [{ branches }] });
const conv = (filters: number, more: Partial<Extract<Op, { op: 'conv' }>> = {}): Op => ({
  op: 'conv',
  filters,
  kernelSize: [3, 3],
  strides: [1, 1],
  padding: 'valid',
  activation: 'relu',
  l2: 0,
  useBias: true,
  ...more,
});
const pool: Op = { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' };
const flatten: Op = { op: 'flatten' };
const dense = (units: number, more: Partial<Extract<Op, { op: 'dense' }>> = {}): Op => ({
  op: 'dense',
  units,
  activation: 'relu',
  l2: 0,
  useBias: true,
  ...more,
});
const output = (classes: number): Op => ({ op: 'output', classes });

function build(architecture: Architecture, inputShape: Shape = [8, 8, 3], seed = 1): tfl.LayersModel {
  return buildModel(architecture, { inputShape, scale: 1 / 255, offset: -0.5, seed });
}
const namesOf = (model: tfl.LayersModel): string[] => model.layers.map(({ name }) => name);
const weightsOf = (model: tfl.LayersModel): number[][] => model.getWeights().map((weight) => [...weight.dataSync()]);

beforeAll(async () => {
  await openEngine('wasm');
});

describe('the networks of the original system', () => {
  it('gives its model1 exactly 515,876 parameters', () => {
    const branch = [conv(32), pool, conv(64), conv(128), pool, flatten, dense(128), output(100)];
    const model = build(custom(branch), [32, 32, 3]);
    expect(model.countParams()).toBe(515_876);
    expect(model.outputs[0]!.shape).toEqual([null, 100]);
    expect(countClasses(model)).toBe(100);
  });

  it('gives its model2 the parameters that the formulas say', () => {
    const norm: Op = { op: 'batch_norm', momentum: 0.99, epsilon: 0.001 };
    const block = (filters: number, rate: number): Op[] => {
      const same = conv(filters, { padding: 'same' });
      return [same, norm, same, norm, pool, { op: 'dropout', rate }];
    };
    const head: Op[] = [flatten, dense(512), norm, { op: 'dropout', rate: 0.5 }, output(100)];
    const model = build(custom([...block(32, 0.25), ...block(64, 0.25), ...block(128, 0.4), ...head]), [32, 32, 3]);
    const convolutions = [
      [3, 32],
      [32, 32],
      [32, 64],
      [64, 64],
      [64, 128],
      [128, 128],
    ].reduce((sum, [from, to]) => sum + (9 * from! + 1) * to! + 4 * to!, 0);
    expect(model.countParams()).toBe(convolutions + (2048 + 1) * 512 + 4 * 512 + 513 * 100);
  });
});

const spatial = { kernelSize: [3, 3], strides: [2, 2], padding: 'same', activation: 'linear', l2: 0 } as const;
const operations: readonly { readonly op: Op; readonly shape: readonly number[]; readonly parameters: number }[] = [
  { op: conv(5), shape: [6, 6, 5], parameters: 27 * 5 + 5 },
  { op: conv(5, { useBias: false, strides: [2, 1], padding: 'same' }), shape: [4, 8, 5], parameters: 27 * 5 },
  {
    op: { op: 'separable_conv', filters: 5, depthMultiplier: 2, ...spatial },
    shape: [4, 4, 5],
    parameters: 9 * 6 + 6 * 5 + 5,
  },
  { op: { op: 'depthwise_conv', depthMultiplier: 2, ...spatial }, shape: [4, 4, 6], parameters: 9 * 6 + 6 },
  { op: { ...pool, poolSize: [3, 3], strides: [3, 3] }, shape: [2, 2, 3], parameters: 0 },
  { op: { op: 'avg_pool', poolSize: [3, 3], strides: [2, 2], padding: 'same' }, shape: [4, 4, 3], parameters: 0 },
  { op: { op: 'global_avg_pool' }, shape: [3], parameters: 0 },
  { op: { op: 'batch_norm', momentum: 0.9, epsilon: 0.001 }, shape: [8, 8, 3], parameters: 12 },
  { op: { op: 'layer_norm', epsilon: 0.001 }, shape: [8, 8, 3], parameters: 6 },
  { op: { op: 'dropout', rate: 0.5 }, shape: [8, 8, 3], parameters: 0 },
  { op: flatten, shape: [192], parameters: 0 },
  { op: { op: 'activation', activation: 'tanh' }, shape: [8, 8, 3], parameters: 0 },
  { op: dense(5), shape: [8, 8, 5], parameters: 20 },
];

describe('operations', () => {
  it.each(operations)('$op.op gives $shape with $parameters parameters', ({ op, shape, parameters }) => {
    const model = build(custom([op, flatten, output(4)]));
    const after = model.layers[2]!;
    expect(after.name).toBe(`${op.op}_1`);
    expect(after.outputShape).toEqual([null, ...shape]);
    expect(after.countParams()).toBe(parameters);
  });

  const values = [-2, -0.5, 0, 0.5, 7];
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const formulas: readonly (readonly [Activation, (x: number) => number])[] = [
    ['linear', (x) => x],
    ['relu', (x) => Math.max(0, x)],
    ['relu6', (x) => Math.min(6, Math.max(0, x))],
    ['elu', (x) => (x > 0 ? x : Math.expm1(x))],
    ['selu', (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x))],
    ['swish', (x) => x * sigmoid(x)],
    ['sigmoid', sigmoid],
    ['tanh', Math.tanh],
    ['leaky_relu', (x) => (x > 0 ? x : 0.2 * x)],
  ];
  const reference: Readonly<Record<string, readonly number[]>> = {
    // x·Φ(x) with Φ from tables of the normal distribution
    gelu: [-0.0455003, -0.1542688, 0, 0.3457312, 7],
    softmax: (() => {
      const all = values.map((x) => Math.exp(x));
      return all.map((value) => value / all.reduce((a, b) => a + b));
    })(),
  };
  for (const [name, formula] of formulas) Object.assign(reference, { [name]: values.map(formula) });

  it.each(Object.entries(reference))('%s is what its formula says, alone and within a layer', (name, expected) => {
    const activation = name as Activation;
    const identity = dense(5, { activation, useBias: false });
    for (const op of [identity, { op: 'activation', activation } as const]) {
      const model = buildModel(custom([op, flatten, output(2)]), {
        inputShape: [1, 1, 5],
        scale: 1,
        offset: 0,
        seed: 1,
      });
      if (op === identity) model.getLayer('dense_1').setWeights([tf.eye(5)]);
      const pixels = tf.tensor4d(values, [1, 1, 1, 5]);
      const activated = model.layers.findIndex(({ name: layer }) => layer === 'flatten_1') - 1;
      const part = model.layers
        .slice(1, activated + 1)
        .reduce<tf.Tensor>((tensor, layer) => layer.apply(tensor) as tf.Tensor, pixels);
      [...part.dataSync()].forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 4));
    }
  });

  it('puts the l2 penalty of every kernel on the loss, and none on biases', () => {
    const l2 = 0.5;
    const separable: Op = { op: 'separable_conv', filters: 2, depthMultiplier: 1, ...spatial, l2 };
    const depthwise: Op = { op: 'depthwise_conv', depthMultiplier: 1, ...spatial, l2 };
    const model = build(custom([conv(2, { l2 }), separable, depthwise, flatten, dense(3, { l2 }), output(4)]));
    const penalty = model.calculateLosses().reduce((sum, loss) => sum + loss.dataSync()[0]!, 0);
    const kernels = model.weights.filter(
      ({ originalName: name }) => name.endsWith('kernel') && !name.startsWith('logits'),
    );
    expect(kernels).toHaveLength(5);
    const squares = kernels.reduce((sum, kernel) => sum + tf.sum(tf.square(kernel.read())).dataSync()[0]!, 0);
    expect(penalty).toBeCloseTo(l2 * squares, 4);
  });
});

describe('branches and residual connections', () => {
  it('concatenates branches along the channels', () => {
    const architecture: Architecture = {
      kind: 'custom',
      layers: [
        {
          branches: [[conv(4, { padding: 'same' })], [conv(6, { padding: 'same' }), conv(2, { padding: 'same' })], []],
        },
        { branches: [[flatten, output(4)]] },
      ],
    };
    const model = build(architecture);
    expect(model.getLayer('concat_1').outputShape).toEqual([null, 8, 8, 4 + 2 + 3]);
    expect(namesOf(model).sort()).toEqual(
      ['pixels', 'rescale', 'conv_1', 'conv_2', 'conv_3', 'concat_1', 'flatten_1', 'logits'].sort(),
    );
  });

  it('adds what went into the operation so many places before', () => {
    const same = conv(3, { padding: 'same', activation: 'linear' });
    const model = build(custom([same, same, { op: 'add', over: 1, project: false }, flatten, output(4)]));
    const input = tf.ones([1, 8, 8, 3]);
    const first = model.getLayer('conv_1').apply(model.layers[1]!.apply(input)) as tf.Tensor;
    const expected = tf.add(first, model.getLayer('conv_2').apply(first) as tf.Tensor);
    const logits = model.getLayer('logits').apply(tf.reshape(expected, [1, -1])) as tf.Tensor;
    const given = model.apply(input) as tf.Tensor;
    expect(tf.max(tf.abs(tf.sub(given, logits))).dataSync()[0]).toBeLessThan(1e-5);
  });

  it.each([
    ['image', [conv(6, { padding: 'same', strides: [2, 2] }), { op: 'add', over: 1, project: true }, flatten], 3 * 6],
    ['vector', [flatten, dense(6), { op: 'add', over: 1, project: true }], 192 * 6],
  ] as const)('projects an %s to the shape that it is added to, without bias', (_, ops, parameters) => {
    const model = build(custom([...ops, output(4)]));
    expect(model.getLayer('project_1').countParams()).toBe(parameters);
    expect(model.getLayer('add_1').outputShape).toEqual(model.getLayer('project_1').outputShape);
  });

  it.each([
    [
      [conv(6), { op: 'add', over: 1, project: false }],
      'layer 1, branch 1, operation 2 (add): cannot add 8×8×3 to 6×6×6; set `project: true`',
    ],
    [[conv(6), { op: 'add', over: 1, project: true }], 'cannot add 8×8×3 to 6×6×6; use padding "same"'],
    [[flatten, dense(3), { op: 'add', over: 2, project: true }], 'cannot add 8×8×3 to 3'],
    [[conv(6), { op: 'add', over: 2, project: false }], 'there are only 1 operations before it, not 2'],
    [[flatten, pool], 'operation 2 (max_pool): needs an image, but its input is a vector'],
    [[pool, pool, pool, conv(4)], 'operation 4 (conv): its input of 1×1×3 is too small'],
  ] as const)('refuses shapes that do not go together (%#)', (ops, message) => {
    expect(() => build(custom([...ops, flatten, output(4)]))).toThrow(message);
  });

  it('refuses branches that end in different sizes, and ends that are images', () => {
    expect(() => build(custom([conv(3)], [pool]))).toThrow(
      'layer 1: the ends of its branches have different sizes (6×6×3, 4×4×3)',
    );
    expect(() => build(custom([output(4)]))).toThrow('ends with 8×8×4: put flatten or global_avg_pool');
  });
});

describe('initial weights', () => {
  const architecture = custom([conv(3, { padding: 'same' }), conv(3, { padding: 'same' }), flatten, output(4)]);

  it('are the same for the same seed, and others for another', () => {
    const first = weightsOf(build(architecture));
    expect(weightsOf(build(architecture))).toEqual(first);
    expect(weightsOf(build(architecture, [8, 8, 3], 2))[0]).not.toEqual(first[0]);
  });

  it('differ between layers of the same shape, and fill the interval of Glorot uniform', () => {
    const [first, , second, , last] = weightsOf(build(architecture));
    expect(second).not.toEqual(first);
    const limit = Math.sqrt(6 / (192 + 4));
    expect(Math.max(...last!)).toBeLessThanOrEqual(limit);
    expect(Math.max(...last!)).toBeGreaterThan(0.95 * limit);
    expect(Math.min(...last!)).toBeLessThan(-0.95 * limit);
  });
});

describe('rescaling', () => {
  it('gives the pixels of the train split mean 0 and variance 1 over all channels', () => {
    // Two channels of two pixels each.
    const channels = [
      [0, 102],
      [51, 255],
    ];
    const mean = channels.map(([a, b]) => (a! + b!) / 2 / 255);
    const std = channels.map(([a, b]) => Math.abs(a! - b!) / 2 / 255);
    const { scale, offset } = rescalingOf({ mean, std });
    const values = channels.flat().map((pixel) => pixel * scale + offset);
    expect(values.reduce((a, b) => a + b) / 4).toBeCloseTo(0, 10);
    expect(values.reduce((sum, value) => sum + value * value, 0) / 4).toBeCloseTo(1, 10);
  });

  it('is the first layer, on raw pixels', () => {
    const model = buildModel(custom([flatten, output(2)]), { inputShape: [1, 1, 1], scale: 0.01, offset: -1, seed: 1 });
    const value = model.layers[1]!.apply(tf.tensor4d([255], [1, 1, 1, 1])) as tf.Tensor;
    expect(value.dataSync()[0]).toBeCloseTo(1.55, 5);
  });

  it('leaves data of a single colour finite', () => {
    expect(rescalingOf({ mean: [0.5], std: [0] })).toEqual({ scale: 1 / 255, offset: -0.5 });
  });
});
