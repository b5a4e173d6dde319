// Every op that models are made of: values and gradients on the wasm engine against the pure JavaScript backend of TensorFlow.js.
import '@tensorflow/tfjs-backend-cpu';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import type { Engine } from './engine.ts';
import { openEngine } from './open.ts';
import { differentiate, distance, expectAgreement, normals, variablesOf, type Op, type Shape } from './testing.ts';

let engine: Engine;

beforeAll(async () => {
  engine = await openEngine('wasm');
});

afterAll(() => {
  engine.close();
});

/** [images, height, width, inputs, outputs, filter height, filter width, row stride, column stride, padding] */
type ConvCase = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  'same' | 'valid' | number,
];

const convolutions: readonly ConvCase[] = [
  [2, 8, 8, 3, 5, 3, 3, 1, 1, 'same'],
  [1, 7, 5, 1, 1, 3, 3, 1, 1, 'valid'],
  [1, 5, 4, 7, 9, 3, 3, 1, 1, 'same'],
  [2, 9, 7, 4, 6, 3, 3, 2, 2, 'same'],
  [2, 8, 8, 4, 6, 3, 3, 2, 2, 'same'],
  [1, 11, 10, 5, 3, 3, 3, 3, 3, 'same'],
  [2, 11, 10, 5, 17, 3, 3, 3, 3, 'valid'],
  [3, 8, 8, 4, 6, 1, 1, 1, 1, 'same'],
  [3, 8, 8, 4, 6, 1, 1, 2, 2, 'same'],
  [3, 7, 7, 4, 6, 1, 1, 3, 3, 'valid'],
  [2, 10, 9, 3, 4, 5, 5, 2, 2, 'valid'],
  [1, 9, 9, 8, 8, 5, 3, 2, 1, 'same'],
  [1, 9, 12, 2, 10, 2, 4, 1, 3, 'same'],
  [1, 7, 7, 4, 4, 2, 2, 2, 2, 'same'],
  [2, 10, 10, 3, 4, 4, 4, 3, 3, 1],
  [2, 6, 6, 3, 8, 3, 3, 1, 1, 2],
  [2, 8, 8, 33, 41, 3, 3, 1, 1, 'same'],
  [1, 3, 3, 8, 16, 3, 3, 1, 1, 'valid'],
  [2, 8, 2, 16, 12, 3, 3, 1, 1, 'same'],
  [1, 1, 1, 20, 10, 1, 1, 1, 1, 'same'],
  [2, 12, 13, 3, 6, 7, 7, 2, 2, 'same'],
  [1, 7, 7, 5, 6, 7, 7, 1, 1, 'valid'],
  [2, 9, 9, 6, 5, 1, 1, 2, 2, 'valid'],
  // By Winograd's algorithm: whole tiles and cut ones, margins on all sides or none, blocks that are not full.
  [2, 16, 16, 8, 8, 3, 3, 1, 1, 'same'],
  [3, 17, 15, 12, 20, 3, 3, 1, 1, 'same'],
  [1, 21, 23, 8, 12, 3, 3, 1, 1, 'valid'],
  [5, 13, 13, 16, 8, 3, 3, 1, 1, 'valid'],
  [2, 14, 13, 8, 16, 3, 3, 1, 1, 2],
  [70, 2, 4, 8, 8, 3, 3, 1, 1, 'same'],
];

function nameOf([n, h, w, from, to, kh, kw, sh, sw, padding]: ConvCase): string {
  return `${n} × ${h}×${w}, ${from} → ${to} channels, filter ${kh}×${kw}, stride ${sh}×${sw}, padding ${padding}`;
}

describe('convolution', () => {
  for (const shape of convolutions) {
    const [n, h, w, from, to, kh, kw, sh, sw, padding] = shape;
    it(nameOf(shape), async () => {
      const op: Op = (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, [sh, sw], padding);
      await expectAgreement(op, [
        [n, h, w, from],
        [kh, kw, from, to],
      ]);
    });
  }

  for (const activation of ['linear', 'relu', 'elu', 'relu6', 'sigmoid'] as const) {
    it(`with bias and ${activation}`, async () => {
      const op: Op = (x, filter, bias) =>
        tf.fused.conv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          bias: bias,
          activation,
          strides: 1,
          pad: 'same',
        });
      await expectAgreement(op, [[2, 6, 7, 5], [3, 3, 5, 11], [11]]);
    });
  }

  it('keeps a dilated convolution right', async () => {
    const run = async (backend: string): Promise<Float32Array> => {
      await tf.setBackend(backend);
      return tf.tidy(() => {
        const x = tf.tensor4d(normals([2, 9, 9, 4], 1), [2, 9, 9, 4]);
        const filter = tf.tensor4d(normals([3, 3, 4, 8], 2), [3, 3, 4, 8]);
        return tf.conv2d(x, filter, 1, 'same', 'NHWC', 2).dataSync<'float32'>().slice();
      });
    };
    expect(distance(await run('wasm'), await run('cpu'))).toBeLessThan(1e-5);
  });

  it('lets a diverged network be seen: NaN stays NaN', async () => {
    await tf.setBackend('wasm');
    const values = tf.tidy(() => {
      const x = tf.fill([1, 8, 8, 3], NaN);
      const filter = tf.ones([3, 3, 3, 8]);
      return tf.fused
        .conv2d({ x: x as tf.Tensor4D, filter: filter as tf.Tensor4D, strides: 1, pad: 'same', activation: 'relu' })
        .dataSync<'float32'>();
    });
    expect(values.every(Number.isNaN)).toBe(true);
  });
});

/** [images, height, width, channels, multiplier, filter height, filter width, stride, padding] */
const depthwise: readonly (readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  'same' | 'valid',
])[] = [
  [2, 8, 8, 3, 1, 3, 3, 1, 'same'],
  [2, 9, 7, 4, 1, 3, 3, 2, 'same'],
  [1, 8, 8, 21, 1, 5, 5, 2, 'same'],
  [2, 8, 8, 4, 2, 3, 3, 1, 'same'],
  [1, 7, 9, 5, 3, 5, 3, 2, 'valid'],
  [2, 10, 9, 3, 1, 3, 3, 3, 'valid'],
  [1, 2, 2, 16, 1, 5, 5, 1, 'same'],
  [2, 15, 15, 20, 1, 7, 7, 2, 'same'],
  [3, 12, 10, 18, 1, 3, 3, 2, 'valid'],
  [1, 11, 11, 37, 1, 7, 7, 1, 'valid'],
];

describe('depthwise convolution', () => {
  for (const [n, h, w, channels, times, kh, kw, stride, padding] of depthwise) {
    it(`${n} × ${h}×${w}×${channels}, multiplier ${times}, filter ${kh}×${kw}, stride ${stride}, ${padding}`, async () => {
      const op: Op = (x, filter) => tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, padding);
      await expectAgreement(op, [
        [n, h, w, channels],
        [kh, kw, channels, times],
      ]);
    });
  }

  it('of a separable convolution', async () => {
    const op: Op = (x, depth, point) =>
      tf.separableConv2d(x as tf.Tensor4D, depth as tf.Tensor4D, point as tf.Tensor4D, 1, 'same');
    await expectAgreement(op, [
      [2, 6, 6, 5],
      [3, 3, 5, 2],
      [1, 1, 10, 7],
    ]);
  });
});

/** [images, height, width, channels, window, stride, padding] */
const pools: readonly (readonly [number, number, number, number, number, number, 'same' | 'valid'])[] = [
  [2, 8, 8, 3, 2, 2, 'same'],
  [1, 7, 9, 5, 3, 2, 'same'],
  [2, 9, 7, 8, 3, 1, 'same'],
  [2, 9, 7, 6, 3, 3, 'valid'],
  [1, 5, 5, 1, 2, 1, 'valid'],
  [2, 8, 8, 4, 1, 2, 'same'],
];

describe('pooling', () => {
  for (const [n, h, w, channels, size, stride, padding] of pools) {
    const shape = [n, h, w, channels];
    it(`max: ${shape.join('×')}, window ${size}, stride ${stride}, ${padding}, with maxima of any sign`, async () => {
      await expectAgreement((x) => tf.maxPool(x as tf.Tensor4D, size, stride, padding), [shape]);
      await expectAgreement((x) => tf.maxPool(tf.sub(x as tf.Tensor4D, 5), size, stride, padding), [shape]);
      await expectAgreement((x) => tf.maxPool(tf.relu(x as tf.Tensor4D), size, stride, padding), [shape]);
    });

    it(`average: ${shape.join('×')}, window ${size}, stride ${stride}, ${padding}: is the transposed forward pass`, async () => {
      // Average pooling is linear: ⟨dy, pool(x)⟩ = ⟨gradient(dy), x⟩. The stock gradient, also that of `cpu`, is wrong at padded borders.
      const [pooled, gradient] = await differentiate(
        'wasm',
        (x) => tf.avgPool(x as tf.Tensor4D, size, stride, padding),
        [shape],
      );
      const dot = (a: Float32Array, b: Float32Array): number =>
        a.reduce((sum, value, index) => sum + value * b[index]!, 0);
      expect(dot(gradient!, normals(shape, 0))).toBeCloseTo(dot(pooled!, normals([pooled!.length], 99)), 3);
      if (padding === 'valid')
        await expectAgreement((x) => tf.avgPool(x as tf.Tensor4D, size, stride, padding), [shape]);
    });
  }

  it('max: of equal values, the first takes it all', async () => {
    const shape: [number, number, number, number] = [2, 7, 6, 9];
    const gradientOn = async (backend: string): Promise<Float32Array> => {
      await tf.setBackend(backend);
      return tf.tidy(() => {
        const x = tf.tensor4d(normals(shape, 3).map(Math.round), shape);
        const pool = (values: tf.Tensor): tf.Tensor => tf.square(tf.maxPool(values as tf.Tensor4D, 3, 2, 'same'));
        return tf.grad(pool)(x).dataSync<'float32'>().slice();
      });
    };
    expect(distance(await gradientOn('wasm'), await gradientOn('cpu'))).toBe(0);
  });

  it('global', async () => {
    await expectAgreement((x) => tf.mean(x, [1, 2]), [[3, 5, 7, 6]]);
  });
});

describe('products and sums', () => {
  for (const [left, right] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const) {
    it(`matrix product, ${left ? '' : 'not '}transposed left, ${right ? '' : 'not '}transposed right`, async () => {
      const shapes = [left ? [70, 13] : [13, 70], right ? [9, 70] : [70, 9]];
      await expectAgreement((a, b) => tf.matMul(a, b, left, right), shapes);
      await expectAgreement(
        (a, b) => tf.matMul(a, b, left, right),
        shapes.map((shape) => [3, ...shape]),
      );
    });
  }

  it('dense layer of one image', async () => {
    const op: Op = (a, b, bias) => tf.fused.matMul({ a: a, b: b, bias: bias, activation: 'elu' });
    await expectAgreement(op, [[1, 37], [37, 10], [10]]);
  });

  for (const [axes, keep] of [
    [[0]],
    [[0, 1]],
    [[0, 1, 2]],
    [[1, 2]],
    [[1]],
    [[0, 2]],
    [[2, 3]],
    [[3]],
    [[0, 1, 2, 3]],
    [[0, 1, 2], true],
  ] as const) {
    it(`sum and mean over ${axes.join(', ')}${keep === true ? ', kept' : ''}`, async () => {
      await expectAgreement((x) => tf.sum(x, [...axes], keep), [[2, 3, 67, 5]]);
      await expectAgreement((x) => tf.mean(x, [...axes], keep), [[2, 3, 67, 5]]);
    });
  }

  it('concatenation, addition, and products that broadcast', async () => {
    await expectAgreement(
      (a, b) => tf.concat([a, b], 3),
      [
        [2, 3, 4, 5],
        [2, 3, 4, 2],
      ],
    );
    await expectAgreement((a, b) => tf.add(a, b), [[2, 3, 4, 5], [5]]);
    await expectAgreement(
      (a, b) => tf.mul(a, b),
      [
        [2, 3, 4, 5],
        [2, 1, 1, 5],
      ],
    );
  });
});

describe('activations', () => {
  const names = ['linear', 'relu', 'relu6', 'elu', 'selu', 'gelu', 'swish', 'sigmoid', 'tanh', 'softmax'] as const;
  for (const activation of names) {
    it(activation, async () => {
      const layer = tfl.layers.activation({ activation });
      await expectAgreement((x) => layer.apply(tf.mul(x, 4)) as tf.Tensor, [[3, 7, 5]]);
    });
  }

  it('leaky relu', async () => {
    const layer = tfl.layers.leakyReLU({ alpha: 0.2 });
    await expectAgreement((x) => layer.apply(x) as tf.Tensor, [[3, 7, 5]]);
  });

  it('softmax cross-entropy, also smoothed', async () => {
    const labels = [2, 0, 4];
    const op: Op = (logits) => {
      const oneHot = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), 5), 'float32');
      return tf.losses.softmaxCrossEntropy(oneHot, logits, undefined, 0.1);
    };
    await expectAgreement(op, [[3, 5]]);
  });
});

describe('products that repeat one side', () => {
  it.each([
    [
      [2, 3, 5, 7],
      [2, 1, 1, 7],
    ],
    [
      [2, 1, 1, 8],
      [2, 3, 3, 8],
    ],
    [[4, 3, 9], [9]],
    [[4, 3, 2], [2]],
    [
      [2, 3, 4, 5],
      [1, 3, 1, 5],
    ],
    [[3, 4], []],
    [
      [2, 1, 6],
      [2, 1, 1],
    ],
  ])('%j · %j', async (left, right) => {
    await expectAgreement((a, b) => tf.mul(a, b), [left, right]);
  });
});

describe('what backbones are made of besides', () => {
  it('padding, also uneven', async () => {
    const margins: [number, number][] = [
      [0, 0],
      [0, 1],
      [1, 2],
      [0, 0],
    ];
    await expectAgreement((x) => tf.pad(x, margins), [[2, 5, 4, 3]]);
  });

  it('cropping, concatenation and splitting', async () => {
    await expectAgreement((x) => tf.slice(x, [0, 1, 1, 0], [2, 3, 3, 5]), [[2, 5, 4, 5]]);
    await expectAgreement((x) => tf.mul(...(tf.split(x, 2, 3) as [tf.Tensor, tf.Tensor])), [[2, 5, 4, 6]]);
  });

  it('bilinear enlargement', async () => {
    const enlarge = async (backend: string): Promise<Float32Array> => {
      await tf.setBackend(backend);
      return tf.tidy(() => {
        const x = tf.tensor4d(normals([2, 4, 5, 3], 1), [2, 4, 5, 3]);
        return tf.image.resizeBilinear(x, [9, 8], false, true).dataSync<'float32'>().slice();
      });
    };
    expect(distance(await enlarge('wasm'), await enlarge('cpu'))).toBeLessThan(1e-5);
  });
});

describe('convolutional layers', () => {
  it.each([
    ['linear', true, 1, 'same'],
    ['relu', true, 1, 'same'],
    ['relu', false, 2, 'valid'],
    ['swish', true, 1, 'valid'],
    ['swish', false, 2, 'same'],
    ['sigmoid', true, 1, 'same'],
    ['relu6', false, 1, 'same'],
  ] as const)('%s, bias %s, stride %d, %s', async (activation, useBias, strides, padding) => {
    const config = { filters: 12, kernelSize: 3, strides, padding, activation: activation as 'relu', useBias };
    const step = async (backend: string): Promise<Float32Array[]> => {
      await tf.setBackend(backend);
      return tf.tidy(() => {
        const layer = tfl.layers.conv2d(config);
        layer.build([null, 11, 12, 8]);
        layer.trainableWeights.forEach((weight, index) =>
          weight.write(tf.tensor(normals(weight.shape as Shape, index + 3), weight.shape as number[])),
        );
        const x = tf.variable(tf.tensor(normals([3, 11, 12, 8], 1), [3, 11, 12, 8]));
        const y = layer.apply(x) as tf.Tensor;
        const weights = tf.tensor(normals(y.shape, 2), y.shape);
        const loss = (): tf.Scalar => tf.sum(tf.mul(layer.apply(x, { training: true }) as tf.Tensor, weights));
        const variables = [x, ...variablesOf(layer)];
        const { grads } = tf.variableGrads(loss, variables);
        return [y, ...variables.map(({ name }) => grads[name]!)].map((each) => each.dataSync<'float32'>().slice());
      });
    };
    const expected = await step('cpu');
    const actual = await step('wasm');
    actual.forEach((values, index) => expect(distance(values, expected[index]!)).toBeLessThan(1e-5));
  });

  it('does not compute what nobody asks for', async () => {
    await tf.setBackend('wasm');
    const layer = tfl.layers.conv2d({ filters: 4, kernelSize: 3 });
    const gradient = tf.getKernel('Conv2DBackpropInput', 'wasm');
    let calls = 0;
    tf.unregisterKernel(gradient.kernelName, 'wasm');
    tf.registerKernel({ ...gradient, kernelFunc: (call) => (calls++, gradient.kernelFunc(call)) });
    tf.tidy(() => {
      const x = tf.ones([1, 5, 5, 3]);
      layer.apply(x);
      tf.variableGrads(() => tf.sum(layer.apply(x) as tf.Tensor), variablesOf(layer));
    });
    tf.unregisterKernel(gradient.kernelName, 'wasm');
    tf.registerKernel(gradient);
    expect(calls).toBe(0);
  });
});

describe('normalisation layers', () => {
  /** The layer's gradients by its input and its weights, its result, and its moving averages after a step. */
  async function train(backend: string, make: () => tfl.layers.Layer, shape: Shape): Promise<Float32Array[]> {
    await tf.setBackend(backend);
    return tf.tidy(() => {
      const layer = make();
      layer.build([null, ...shape.slice(1)]);
      layer.trainableWeights.forEach((weight, index) =>
        weight.write(tf.tensor(normals(weight.shape as Shape, 7 + index), weight.shape as number[])),
      );
      const x = tf.variable(tf.add(tf.mul(tf.tensor(normals(shape, 1), [...shape]), 3), 2));
      const weights = tf.tensor(normals(shape, 2), [...shape]);
      const variables = [x, ...variablesOf(layer)];
      const loss = (): tf.Scalar => tf.sum(tf.mul(layer.apply(x, { training: true }) as tf.Tensor, weights));
      const { grads } = tf.variableGrads(loss, variables);
      const after = layer.nonTrainableWeights.map((weight) => weight.read());
      const results = [...variables.map(({ name }) => grads[name]!), ...after, layer.apply(x) as tf.Tensor];
      return results.map((tensor) => tensor.dataSync<'float32'>().slice());
    });
  }

  async function expectSame(make: () => tfl.layers.Layer, shape: Shape): Promise<void> {
    const expected = await train('cpu', make, shape);
    const actual = await train('wasm', make, shape);
    expect(actual.length).toBe(expected.length);
    for (const [index, values] of expected.entries()) expect(distance(actual[index]!, values)).toBeLessThan(1e-5);
  }

  for (const shape of [
    [4, 6, 5, 8],
    [3, 9, 9, 3],
    [1, 8, 8, 21],
    [6, 10],
    [5, 3],
    [130, 2],
  ] as const) {
    it(`batch normalisation of ${shape.join('×')}`, async () => {
      await expectSame(() => tfl.layers.batchNormalization({ momentum: 0.9, epsilon: 1e-3 }), shape);
    });

    it(`layer normalisation of ${shape.join('×')}`, async () => {
      await expectSame(() => tfl.layers.layerNormalization({ epsilon: 1e-3 }), shape);
    });
  }

  it('batch normalisation far from zero does not cancel', async () => {
    await tf.setBackend('wasm');
    const spread = tf.tidy(() => {
      const layer = tfl.layers.batchNormalization({ epsilon: 1e-6 });
      const x = tf.add(tf.tensor(normals([64, 8, 8, 4], 1), [64, 8, 8, 4]), 1000);
      return tf.moments(layer.apply(x, { training: true }) as tf.Tensor).variance.dataSync()[0]!;
    });
    expect(spread).toBeCloseTo(1, 2);
  });
});
