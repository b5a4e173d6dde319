// Native TensorFlow, where it is: in node_modules, or in the folder that DAGRUN_TFJS_NODE names (scripts/native-tensorflow.mjs makes one).

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { describeConformance, distance, normals } from '../conformance.ts';
import type { Engine } from '../engine.ts';
import { openEngine } from '../open.ts';
import { buildModel } from '../../model/build.ts';
import { createOptimizer, type Optimizer } from '../../training/optimizer.ts';
import { computeStep, parametersOf } from '../../training/step.ts';
import type { Op } from '../../config/definition.ts';
import { loadNative } from './load.ts';
import { hasOneDnn } from './onednn.ts';

const loading = loadNative('@tensorflow/tfjs-node');
if (loading.kind === 'failed') console.log(`not run: the tests of native TensorFlow: ${loading.reason}`);
const describeNative = loading.kind === 'loaded' ? describe : describe.skip;

const same = { padding: 'same', l2: 0, strides: [1, 1], kernelSize: [3, 3] } as const;
const branch: readonly Op[] = [
  { op: 'conv', filters: 8, useBias: false, activation: 'linear', ...same },
  { op: 'batch_norm', momentum: 0.9, epsilon: 1e-3 },
  { op: 'activation', activation: 'relu' },
  { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' },
  { op: 'separable_conv', filters: 12, depthMultiplier: 1, activation: 'swish', ...same },
  { op: 'layer_norm', epsilon: 1e-3 },
  { op: 'global_avg_pool' },
  { op: 'dense', units: 16, useBias: true, activation: 'relu6', l2: 0.001 },
  { op: 'output', classes: 5 },
];
/** Of few operations, each of which takes a while on a busy machine, but with those that have kernels of ours. */
const small: readonly Op[] = [...branch.slice(0, 3), { op: 'global_avg_pool' }, { op: 'output', classes: 5 }];
const shape = [12, 12, 3] as const;
const count = 16;

/** Trains a network for some steps on the active backend, by the seeds alone; calls `watch` after each. @returns the losses */
async function train(ops: readonly Op[], steps: number, watch?: () => void): Promise<number[]> {
  const architecture = { kind: 'custom', layers: [{ branches: [ops] }] } as const;
  const model = buildModel(architecture, { inputShape: shape, scale: 1 / 255, offset: -0.5, seed: 3 });
  const parameters = parametersOf(model);
  const optimizer = createOptimizer({ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }, parameters, 0.01);
  const images = normals([count, ...shape], 5).map((value) => 128 + 60 * value);
  const labels = Uint16Array.from({ length: count }, (_, index) => index % 5);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { gradients, loss, logits } = computeStep(model, parameters, { images, labels }, { labelSmoothing: 0.1 });
    optimizer.apply(gradients, 0.003);
    losses.push((await loss.data())[0]!);
    tf.dispose([loss, logits, ...gradients]);
    watch?.();
  }
  optimizer.dispose();
  model.dispose();
  return losses;
}

describeNative('native TensorFlow', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine('node');
  });
  afterAll(() => engine.close());

  it('says what it is', () => {
    expect(tf.getBackend()).toBe('tensorflow');
    expect(engine.threads).toBe('own');
    expect(engine.info).toEqual({
      name: 'node',
      version: expect.stringMatching(/^tfjs 4\.\d+\.\d+, TensorFlow 2\.\d+\.\d+ \(CPU\)$/),
      notes: ['node was asked for'],
    });
  });

  it('trains as wasm does, with the same seeds', async () => {
    const wasm = await openEngine('wasm');
    const expected = await train(branch, 5);
    wasm.close();
    await tf.setBackend('tensorflow');
    const actual = await train(branch, 5);
    actual.forEach((loss, step) => expect(Math.abs(loss - expected[step]!)).toBeLessThan(1e-3));
    expect(actual[4]).toBeLessThan(actual[0]!);
  });

  it('can be closed and started again, and leaves no tensor of what it was', async () => {
    await tf.setBackend('tensorflow');
    const losses: number[][] = [];
    const tensors: number[] = [];
    for (let round = 0; round < 3; round++) {
      losses.push(await train(small, 2));
      engine.close();
      engine = await openEngine('node');
      tensors.push(tf.memory().numTensors);
    }
    for (const again of losses.slice(1)) again.forEach((loss, step) => expect(loss).toBeCloseTo(losses[0]![step]!, 5));
    expect(new Set(tensors).size).toBe(1);
  });

  it.each([
    ['adam', { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }],
    ['adamw, far from zero', { kind: 'adamw', beta1: 0.8, beta2: 0.99, epsilon: 0.1 }],
    ['momentum', { kind: 'sgd', momentum: 0.9, nesterov: false }],
    ['nesterov', { kind: 'sgd', momentum: 0.9, nesterov: true }],
  ] as const)('takes the steps of the formula: %s', async (_, settings) => {
    const shapes = [[7, 5], [3], [2, 3, 1, 4]];
    const walk = async (backend: string): Promise<Float32Array[]> => {
      await tf.setBackend(backend);
      const parameters = shapes.map((shape, index) => ({
        variable: tf.variable(tf.tensor(normals(shape, index), shape)),
        decays: index !== 1,
      }));
      const optimizer = createOptimizer(settings, parameters, 0.1);
      for (const lr of [0.1, 0.03, 0.02]) {
        const gradients = shapes.map((shape, index) => tf.tensor(normals(shape, 10 * lr + index), shape));
        optimizer.apply(gradients, lr);
        tf.dispose(gradients);
      }
      const { slots } = await optimizer.state();
      optimizer.dispose();
      const values = await Promise.all(parameters.map(async ({ variable }) => variable.data<'float32'>()));
      tf.dispose(parameters.map(({ variable }) => variable));
      return [...values, ...slots];
    };
    const expected = await walk('cpu');
    const actual = await walk('tensorflow');
    // TensorFlow takes 1 − β in float32, which is worth some 10⁻⁵ where β is near 1.
    actual.forEach((values, index) => expect(distance(values, expected[index]!)).toBeLessThan(1e-4));
  });

  it('goes on from the state of an optimiser, which later steps leave alone, and gives its memory back', async () => {
    await tf.setBackend('tensorflow');
    const before = tf.memory().numTensors;
    const start = (): tf.Variable => tf.tidy(() => tf.variable(tf.tensor(normals([5, 7], 1), [5, 7])));
    const begin = (variable: tf.Variable): Optimizer =>
      createOptimizer({ kind: 'adam', beta1: 0.9, beta2: 0.99, epsilon: 1e-7 }, [{ variable, decays: true }], 0.1);
    const step = (optimizer: Optimizer, seed: number): void =>
      tf.tidy(() => optimizer.apply([tf.tensor(normals([5, 7], seed), [5, 7])], 0.1));
    const [whole, second] = [start(), start()];
    const [straight, resumed] = [begin(whole), begin(second)];
    step(straight, 2);
    const state = await straight.state();
    const copy = state.slots.map((slot) => slot.slice());
    expect(straight.slotSizes).toEqual([35, 35]);
    second.assign(tf.tidy(() => tf.clone(whole)));
    resumed.restore(state);
    for (const seed of [3, 4]) [straight, resumed].forEach((optimizer) => step(optimizer, seed));
    expect([...second.dataSync()]).toEqual([...whole.dataSync()]);
    expect((await resumed.state()).slots).toEqual((await straight.state()).slots);
    expect(state.slots).toEqual(copy);
    expect(copy[1]!.every((value) => value > 0)).toBe(true);
    [straight, resumed].forEach((optimizer) => optimizer.dispose());
    tf.dispose([whole, second]);
    // What all optimisers share: a variable, and the factors of a step.
    expect(tf.memory().numTensors - before).toBeLessThanOrEqual(7);
  });

  it.each([
    ['valid', 2, 2],
    ['same', 3, 2],
    ['same', 2, 3],
  ] as const)(
    'gives the gradient of equal maxima to the same pixel: %s, %d, stride %d',
    async (padding, size, stride) => {
      const layer = tfl.layers.maxPooling2d({ poolSize: size, strides: stride, padding });
      const shape = [2, 7, 9, 5] as [number, number, number, number];
      const derive = async (backend: string): Promise<Float32Array> => {
        await tf.setBackend(backend);
        return tf.tidy(() => {
          const x = tf.variable(
            tf.tensor(
              normals(shape, 1).map((value) => Math.max(0, Math.round(value))),
              shape,
            ),
          );
          const { grads } = tf.variableGrads(() => {
            const y = layer.apply(x, { training: true }) as tf.Tensor;
            return tf.sum<tf.Scalar>(tf.mul(y, tf.tensor(normals(y.shape, 2), y.shape)));
          }, [x]);
          return grads[x.name]!.dataSync<'float32'>().slice();
        });
      };
      expect(distance(await derive('tensorflow'), await derive('cpu'))).toBeLessThan(1e-6);
    },
  );

  it('lets a diverged network be seen: NaN does not become a number like others', async () => {
    await tf.setBackend('tensorflow');
    const convolution = tfl.layers.conv2d({ filters: 2, kernelSize: 1, activation: 'relu', inputShape: [4, 4, 1] });
    const model = tfl.sequential({ layers: [convolution, tfl.layers.maxPooling2d({})] });
    const sumOf = (bias: number): number =>
      tf.tidy(() => {
        convolution.trainableWeights[1]!.write(tf.tensor1d([bias, 0.5]));
        return tf.sum(model.apply(tf.ones([1, 4, 4, 1]), { training: true }) as tf.Tensor).dataSync()[0]!;
      });
    const { backend } = loading as Extract<typeof loading, { kind: 'loaded' }>;
    // Without oneDNN a pooling makes the lowest number of NaN, and no ReLU after it makes 0 of that.
    expect(sumOf(NaN)).toBe(hasOneDnn(backend) ? NaN : -Infinity);
    expect(sumOf(Infinity)).toBe(Infinity);
    expect(sumOf(-1e30)).toBeGreaterThanOrEqual(0);
  });

  it('leaves operations of oneDNN alone where TensorFlow does, or where they cannot be called', () => {
    const { backend } = loading as Extract<typeof loading, { kind: 'loaded' }>;
    expect(hasOneDnn({ ...backend, isUsingGpuDevice: true })).toBe(false);
    process.env['TF_ENABLE_ONEDNN_OPTS'] = '0';
    expect(hasOneDnn(backend)).toBe(false);
    Reflect.deleteProperty(process.env, 'TF_ENABLE_ONEDNN_OPTS');
  });

  it('trains in flat memory', async () => {
    await tf.setBackend('tensorflow');
    const sizes: { tensors: number; rss: number }[] = [];
    await train(small, 500, () => sizes.push({ tensors: engine.memory().tensors, rss: process.memoryUsage().rss }));
    expect(new Set(sizes.slice(2).map(({ tensors }) => tensors)).size).toBe(1);
    // One activation that stayed at each step would come to 28 MiB.
    expect(sizes[499]!.rss - sizes[99]!.rss).toBeLessThan((400 * count * shape[0] * shape[1] * 8 * 4) / 1.2);
  });

  it('loads where Node.js has lost what the package calls', () => {
    const load = fileURLToPath(new URL('load.ts', import.meta.url));
    const program = `
      import util from 'node:util';
      delete util.isNullOrUndefined;
      delete util.isArray;
      const { loadNative } = await import(${JSON.stringify(load)});
      const loading = loadNative('@tensorflow/tfjs-node');
      const tf = await import('@tensorflow/tfjs-core');
      await tf.setBackend('tensorflow');
      const { values } = tf.topk(tf.tensor1d([3, 1, 2]), 2);
      console.log(loading.kind, [...values.dataSync()].join());
    `;
    const args = ['--import', 'tsx', '--input-type=module', '-e', program];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toBe(
      'loaded 3,2\n',
    );
  });

  it('is one of two packages that a process can load', () => {
    expect(loadNative('@tensorflow/tfjs-node-gpu')).toEqual({
      kind: 'failed',
      reason: 'this process has loaded @tensorflow/tfjs-node already, and the two do not go together',
    });
  });

  describeConformance(() => 'tensorflow', 2e-5);
});
