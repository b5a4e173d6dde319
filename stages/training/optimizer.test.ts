import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';

import type { Optimizer as OptimizerSettings } from '../config/definition.ts';
import { openEngine } from '../engine/open.ts';
import { createOptimizer, type Optimizer } from './optimizer.ts';

const adam: OptimizerSettings = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
const sgd = (momentum: number, nesterov = false): OptimizerSettings => ({ kind: 'sgd', momentum, nesterov });
const gradients = [0.5, -0.25];

/** A kernel and a bias that start at 1, and get the same gradients at learning rate 0.1. */
interface Run {
  readonly kernel: tf.Variable;
  readonly bias: tf.Variable;
  readonly optimizer: Optimizer;
}
function start(settings: OptimizerSettings, weightDecay = 0): Run {
  const kernel = tf.variable(tf.ones([2, 3]));
  const bias = tf.variable(tf.ones([3]));
  const parameters = [
    { variable: kernel, decays: true },
    { variable: bias, decays: false },
  ];
  return { kernel, bias, optimizer: createOptimizer(settings, parameters, weightDecay) };
}
function step({ optimizer }: Run, gradient: number, lr = 0.1): void {
  optimizer.apply([tf.fill([2, 3], gradient), tf.fill([3], gradient)], lr);
}
function expectAll(variable: tf.Variable, expected: number): void {
  for (const value of variable.dataSync()) expect(value).toBeCloseTo(expected, 5);
}

beforeAll(async () => {
  await openEngine('wasm');
});

describe('optimisers, against steps by hand', () => {
  // Adam, step 2: m = 0.9·0.05 − 0.1·0.25 = 0.02, v = 0.999·0.00025 + 0.001·0.0625 = 0.00031225;
  // m̂ = 0.02/0.19 = 0.1052632, v̂ = 0.00031225/0.001999 = 0.1562031, √v̂ = 0.3952254, change 0.2663371.
  it.each([
    ['adam', adam, 0, [0.9, 0.8733663], [0.9, 0.8733663]],
    ['adamw', { ...adam, kind: 'adamw' }, 0.1, [0.89, 0.89 * 0.99 - 0.0266337], [0.9, 0.8733663]],
    ['sgd', sgd(0), 0, [0.95, 0.975], [0.95, 0.975]],
    ['sgd with weight decay', sgd(0), 0.1, [0.94, 0.94 * 0.99 + 0.025], [0.95, 0.975]],
    ['momentum', sgd(0.9), 0, [0.95, 0.93], [0.95, 0.93]],
    ['nesterov', sgd(0.9, true), 0, [0.905, 0.912], [0.905, 0.912]],
  ] as const)('%s', (_, settings, decay, kernels, biases) => {
    const run = start(settings, decay);
    gradients.forEach((gradient, index) => {
      step(run, gradient);
      expectAll(run.kernel, kernels[index]!);
      expectAll(run.bias, biases[index]!);
    });
  });

  it.each([
    ['adam', adam],
    ['adamw', { ...adam, kind: 'adamw' }],
    ['momentum', sgd(0.9)],
    ['nesterov', sgd(0.9, true)],
  ] as const)('%s by one kernel gives the bits of the formula in operations', async (_, settings) => {
    const values = Array.from({ length: 11 }, (_, index) => Math.sin(index * 7));
    const run = async (backend: string): Promise<number[]> => {
      await tf.setBackend(backend);
      const variable = tf.variable(tf.tensor1d(values));
      const optimizer = createOptimizer(settings, [{ variable, decays: true }], 0.01);
      for (const lr of [0.1, 0.03, 0.02]) {
        const gradient = tf.tensor1d(values.map((value, index) => Math.cos(value * lr * 50 + index)));
        optimizer.apply([gradient], lr);
      }
      const { slots } = await optimizer.state();
      return [...variable.dataSync(), ...slots.flatMap((slot) => [...slot])];
    };
    const fused = await run('wasm');
    const stepKernels = ['AdamStep', 'MomentumStep'].map((name) => tf.getKernel(name, 'wasm'));
    for (const { kernelName, backendName } of stepKernels) tf.unregisterKernel(kernelName, backendName);
    const composed = await run('wasm');
    for (const kernel of stepKernels) tf.registerKernel(kernel);
    expect(fused).toEqual(composed);
  });

  it('take the learning rate of each step', () => {
    const run = start(sgd(0.9));
    step(run, 1, 0.1);
    step(run, 1, 0.01);
    expectAll(run.kernel, 1 - 0.1 - 0.01 * 1.9);
  });

  it.each([
    ['adam', adam],
    ['nesterov', sgd(0.9, true)],
    ['plain', sgd(0)],
  ] as const)('%s goes on from a saved state as if it had not stopped', async (_, settings) => {
    const whole = start(settings);
    gradients.forEach((gradient) => step(whole, gradient));
    const first = start(settings);
    step(first, gradients[0]!);
    const state = await first.optimizer.state();
    expect(state.slots.map(({ length }) => length)).toEqual(first.optimizer.slotSizes);
    const second = start(settings);
    second.optimizer.restore(state);
    second.kernel.assign(tf.clone(first.kernel));
    step(second, gradients[1]!);
    expect([...second.kernel.dataSync()]).toEqual([...whole.kernel.dataSync()]);
  });

  it('keep no tensors beyond their slots', () => {
    const before = tf.memory().numTensors;
    const run = start(adam);
    const gradient = [tf.ones([2, 3]), tf.ones([3])];
    run.optimizer.apply(gradient, 0.1);
    const after = tf.memory().numTensors;
    run.optimizer.apply(gradient, 0.1);
    expect(tf.memory().numTensors).toBe(after);
    run.optimizer.dispose();
    tf.dispose([...gradient, run.kernel, run.bias]);
    // The two initial values that the variables were made of.
    expect(tf.memory().numTensors - before).toBe(2);
  });
});
