import '@tensorflow/tfjs-backend-cpu';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { computeGradients } from './backpropagation.ts';
import type { Engine } from './engine.ts';
import { openEngine } from './open.ts';
import { distance, normals, variablesOf } from './testing.ts';

let engine: Engine;

beforeAll(async () => {
  engine = await openEngine('wasm');
});

afterAll(() => {
  engine.close();
});

/** An inverted bottleneck with squeeze and excitation, two branches, a shortcut and a dense end: what the backbones are made of. */
function buildBlock(): tfl.LayersModel {
  const { layers } = tfl;
  let seed = 0;
  const start = (): ReturnType<typeof tfl.initializers.heNormal> => tfl.initializers.heNormal({ seed: ++seed });
  const apply = (layer: tfl.layers.Layer, x: tfl.SymbolicTensor | tfl.SymbolicTensor[]): tfl.SymbolicTensor =>
    layer.apply(x) as tfl.SymbolicTensor;
  const swish = (x: tfl.SymbolicTensor): tfl.SymbolicTensor => apply(layers.activation({ activation: 'swish' }), x);
  const input = tfl.input({ shape: [9, 10, 3] });
  const point = (filters: number): tfl.layers.Layer =>
    layers.conv2d({ filters, kernelSize: 1, useBias: false, kernelInitializer: start() });
  let x = apply(
    layers.conv2d({ filters: 8, kernelSize: 3, strides: 2, padding: 'same', kernelInitializer: start() }),
    input,
  );
  const first = x;
  x = swish(apply(layers.batchNormalization(), apply(point(20), x)));
  x = apply(layers.depthwiseConv2d({ kernelSize: 5, padding: 'same', depthwiseInitializer: start() }), x);
  let gate = apply(layers.reshape({ targetShape: [1, 1, 20] }), apply(layers.globalAveragePooling2d({}), x));
  gate = apply(layers.conv2d({ filters: 20, kernelSize: 1, activation: 'sigmoid', kernelInitializer: start() }), gate);
  x = apply(layers.multiply(), [x, gate]);
  x = apply(layers.add(), [apply(point(8), x), first]);
  const pooled = apply(layers.averagePooling2d({ poolSize: 2 }), x);
  const strong = apply(layers.maxPooling2d({ poolSize: 2 }), x);
  x = apply(layers.flatten(), apply(layers.concatenate(), [pooled, strong]));
  return tfl.model({ inputs: input, outputs: apply(layers.dense({ units: 4, kernelInitializer: start() }), x) });
}

function lossOf(model: tfl.LayersModel): tf.Scalar {
  const x = tf.tensor(normals([3, 9, 10, 3], 1), [3, 9, 10, 3]);
  return tf.mean(tf.square(model.apply(x, { training: true }) as tf.Tensor));
}

describe('computeGradients', () => {
  it('agrees with variableGrads, on wasm and on cpu', async () => {
    const results: Float32Array[][] = [];
    for (const backend of ['cpu', 'wasm']) {
      await tf.setBackend(backend);
      tf.tidy(() => {
        const model = buildBlock();
        const variables = model.trainableWeights.map((weight) => weight.read()) as unknown as tf.Variable[];
        const { loss, gradients } = computeGradients(() => lossOf(model), variables);
        const stock = tf.variableGrads(() => lossOf(model), variables);
        results.push([loss, ...gradients].map((tensor) => tensor.dataSync<'float32'>().slice()));
        const expected = [stock.value, ...variables.map(({ name }) => stock.grads[name]!)];
        results.push(expected.map((tensor) => tensor.dataSync<'float32'>().slice()));
      });
    }
    const [cpu, cpuStock, wasm, wasmStock] = results;
    expect(cpu).toEqual(cpuStock);
    expect(wasm).toEqual(wasmStock);
    wasm!.forEach((values, index) => expect(distance(values, cpu![index]!)).toBeLessThan(5e-5));
  });

  it('gives zero for a variable without influence, and adds up what comes from several sides', () => {
    const [a, b] = [tf.variable(tf.scalar(3)), tf.variable(tf.scalar(5))];
    const { loss, gradients } = computeGradients(() => tf.add(tf.add(a, a), tf.square(a)), [a, b]);
    expect([loss, ...gradients].map((tensor) => tensor.dataSync()[0])).toEqual([15, 8, 0]);
  });

  it('says which operation has no gradient', () => {
    const a = tf.variable(tf.tensor1d([1, 2]));
    expect(() => computeGradients(() => tf.sum(tf.topk(a, 1).values), [a])).toThrow(/TopK/);
  });

  it('leaves the loss and the gradients alone, and holds less memory at its peak than variableGrads', async () => {
    await tf.setBackend('wasm');
    const layers = Array.from({ length: 8 }, () => tfl.layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same' }));
    const x = tf.ones([4, 16, 16, 8]);
    const loss = (): tf.Scalar =>
      tf.tidy(() => tf.sum(layers.reduce<tf.Tensor>((y, layer) => tf.tanh(layer.apply(y) as tf.Tensor), x)));
    loss().dispose();
    const variables = layers.flatMap(variablesOf);
    const before = tf.memory().numTensors;
    let peaks: number[] = [];
    // The kernel that runs at every step back.
    const kernel = tf.getKernel('Conv2DBackpropFilter', 'wasm');
    const watch: tf.KernelFunc = (call) => {
      peaks.push(tf.memory().numBytes);
      return kernel.kernelFunc(call);
    };
    tf.unregisterKernel(kernel.kernelName, 'wasm');
    tf.registerKernel({ ...kernel, kernelFunc: watch });
    const ours = computeGradients(loss, variables);
    expect(tf.memory().numTensors - before).toBe(1 + variables.length);
    const ourPeaks = peaks;
    peaks = [];
    const stock = tf.variableGrads(loss, variables);
    tf.dispose([ours.loss, ...ours.gradients, stock.value, stock.grads]);
    tf.unregisterKernel(kernel.kernelName, 'wasm');
    tf.registerKernel(kernel);
    // Back at the first layer, what the later ones needed is given back.
    expect(ourPeaks).toHaveLength(8);
    expect(ourPeaks.at(-1)!).toBeLessThan(ourPeaks[0]!);
    expect(peaks.at(-1)!).toBeGreaterThan(2 * ourPeaks.at(-1)!);
  });
});
