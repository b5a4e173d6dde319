// On wasm, where it is not done otherwise: what it computes is the same everywhere, and native TensorFlow need not be there.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import type { Engine } from './engine.ts';
import { openEngine } from './open.ts';
import { postponeRelu } from './postpone.ts';
import { normals } from './testing.ts';

let engine: Engine;

beforeAll(async () => {
  engine = await openEngine('wasm');
  postponeRelu('wasm');
});

afterAll(() => {
  engine.close();
});

const { layers } = tfl;
const rectifier = { filters: 3, kernelSize: 2, activation: 'relu' } as const;
const shape = [8, 8, 2];

function apply(layer: tfl.layers.Layer, x: tfl.SymbolicTensor): tfl.SymbolicTensor {
  return layer.apply(x) as tfl.SymbolicTensor;
}

/** Runs the model. @returns of which shapes it computed ReLUs */
async function rectified(model: tfl.LayersModel): Promise<number[][]> {
  const x = tf.tensor(normals([1, ...shape], 1), [1, ...shape]);
  const { kernels } = await tf.profile(() => model.apply(x, { training: true }) as tf.Tensor);
  return kernels.flatMap(({ name, outputShapes }) => (name === 'Relu' ? outputShapes : []));
}

/** Of images, so that a ReLU of what comes out can be seen. */
function minimum(model: tfl.LayersModel, output: number): number {
  const x = tf.tensor(normals([1, ...shape], 1), [1, ...shape]);
  const outs = [model.apply(x, { training: true })].flat() as tf.Tensor[];
  return tf.min(outs[output]!).dataSync()[0]!;
}

describe('a ReLU that a max pooling follows', () => {
  it('is taken after it: that of a convolution, and one of its own', async () => {
    const input = tfl.input({ shape });
    const pooled = apply(layers.maxPooling2d({}), apply(layers.conv2d(rectifier), input));
    const linear = apply(layers.conv2d({ ...rectifier, activation: 'linear', padding: 'same' }), pooled);
    const outputs = apply(
      layers.maxPooling2d({ poolSize: 3 }),
      apply(layers.activation({ activation: 'relu' }), linear),
    );
    expect(await rectified(tfl.model({ inputs: input, outputs }))).toEqual([
      [1, 3, 3, 3],
      [1, 1, 1, 3],
    ]);
  });

  it('is taken after it in a model that is part of another one', async () => {
    const inner = tfl.sequential({
      layers: [layers.conv2d({ ...rectifier, inputShape: shape }), layers.maxPooling2d({})],
    });
    const input = tfl.input({ shape });
    const outputs = apply(layers.flatten(), apply(inner, input));
    expect(await rectified(tfl.model({ inputs: input, outputs }))).toEqual([[1, 3, 3, 3]]);
  });

  it('stays where something else reads it', async () => {
    const input = tfl.input({ shape });
    const found = apply(layers.conv2d(rectifier), input);
    const ends = [
      layers.maxPooling2d({ strides: 1, padding: 'same' }),
      layers.maxPooling2d({ poolSize: 7, strides: 1 }),
    ];
    const [first, second] = ends.map((layer) => apply(layers.flatten(), apply(layer, found)));
    const outputs = layers.concatenate().apply([first!, second!]) as tfl.SymbolicTensor;
    expect(await rectified(tfl.model({ inputs: input, outputs }))).toEqual([]);
  });

  it('stays where its result is one of the model, or of a part of the model', async () => {
    const input = tfl.input({ shape });
    const found = apply(layers.conv2d(rectifier), input);
    const pooled = apply(layers.maxPooling2d({}), found);
    expect(await rectified(tfl.model({ inputs: input, outputs: [pooled, found] }))).toEqual([]);
    const part = tfl.model({ inputs: input, outputs: found });
    expect(minimum(part, 0)).toBe(0);
    // The whole of it is free to do it, before and after.
    const whole = tfl.model({ inputs: input, outputs: pooled });
    expect(await rectified(whole)).toEqual([[1, 3, 3, 3]]);
    expect(minimum(part, 0)).toBe(0);
  });

  it('stays where the layer or the pooling is used more than once', async () => {
    const input = tfl.input({ shape });
    const same = layers.conv2d({ filters: 2, kernelSize: 2, padding: 'same', activation: 'relu' });
    const twice = apply(layers.maxPooling2d({}), apply(same, apply(same, input)));
    expect(await rectified(tfl.model({ inputs: input, outputs: twice }))).toEqual([]);
    const pool = layers.maxPooling2d({ strides: 1, padding: 'same' });
    const conv = layers.conv2d({ filters: 2, kernelSize: 2, padding: 'same', activation: 'relu' });
    const outputs = apply(pool, apply(conv, apply(pool, input)));
    expect(await rectified(tfl.model({ inputs: input, outputs }))).toEqual([]);
  });

  it('stays where a layer is called by itself, and where another backend is active', async () => {
    const conv = layers.conv2d(rectifier);
    const pool = layers.maxPooling2d({});
    const input = tfl.input({ shape });
    const model = tfl.model({ inputs: input, outputs: apply(pool, apply(conv, input)) });
    expect(await rectified(model)).toHaveLength(1);
    const x = tf.tensor(normals([1, ...shape], 1), [1, ...shape]);
    const y = conv.apply(x, { training: true }) as tf.Tensor;
    expect(tf.min(y).dataSync()[0]).toBe(0);
    const low = pool.apply(tf.fill([1, 2, 2, 3], -1), { training: true }) as tf.Tensor;
    expect([...low.dataSync()]).toEqual([-1, -1, -1]);
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    expect((await rectified(model)).filter(([, height]) => height !== 7)).toEqual([]);
    await tf.setBackend('wasm');
  });

  it('leaves other activations and other poolings alone', async () => {
    const input = tfl.input({ shape });
    for (const [activation, pool] of [
      ['tanh', layers.maxPooling2d({})],
      ['relu', layers.averagePooling2d({})],
    ] as const) {
      const outputs = apply(pool, apply(layers.conv2d({ ...rectifier, activation }), input));
      expect(await rectified(tfl.model({ inputs: input, outputs }))).toEqual([]);
    }
  });
});
