// Native TensorFlow, where it is: in node_modules, or in the folder that DAGRUN_TFJS_NODE names (scripts/native-tensorflow.mjs makes one).

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';

import { describeConformance, normals } from '../conformance.ts';
import type { Engine } from '../engine.ts';
import { openEngine } from '../open.ts';
import { buildModel } from '../../model/build.ts';
import { createOptimizer } from '../../training/optimizer.ts';
import { computeStep, parametersOf } from '../../training/step.ts';
import type { Op } from '../../config/definition.ts';
import { loadNative } from './load.ts';

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
