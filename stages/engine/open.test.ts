// The engine as a whole: what may be chosen, memory that stays flat, the same bits on every run, and opening it again.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { StageFailure } from '../context/fail.ts';
import { randomOf } from '../random/random.ts';
import { loadKernels } from './kernels.ts';
import type { Engine } from './engine.ts';
import { drivers, openEngine } from './open.ts';

/** A small network with every op that has a kernel of ours. */
function buildNetwork(): tfl.LayersModel {
  const { layers } = tfl;
  let seed = 0;
  const kernel = (): { kernelInitializer: ReturnType<typeof tfl.initializers.heNormal> } => ({
    kernelInitializer: tfl.initializers.heNormal({ seed: ++seed }),
  });
  const depthwiseInitializer = tfl.initializers.heNormal({ seed: 77 });
  return tfl.sequential({
    layers: [
      layers.conv2d({
        filters: 9,
        kernelSize: 3,
        padding: 'same',
        inputShape: [12, 12, 3],
        useBias: false,
        ...kernel(),
      }),
      layers.batchNormalization(),
      layers.activation({ activation: 'swish' }),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', depthMultiplier: 2, depthwiseInitializer }),
      layers.conv2d({ filters: 16, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu', ...kernel() }),
      layers.averagePooling2d({ poolSize: 2, padding: 'same' }),
      layers.layerNormalization(),
      layers.flatten(),
      layers.dense({ units: 10, activation: 'relu6', ...kernel() }),
      layers.dense({ units: 5, ...kernel() }),
    ],
  });
}

/** Trains for some steps; calls `watch` after each. Returns a digest of the weights and the losses. */
function train(steps: number, watch: () => void = () => undefined): { digest: string; first: number; last: number } {
  const model = buildNetwork();
  const optimizer = tf.train.adam(0.01);
  const random = randomOf(5, 'batch');
  const x = tf.tensor4d(Float32Array.from({ length: 8 * 12 * 12 * 3 }, random.normal), [8, 12, 12, 3]);
  const y = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d([0, 1, 2, 3, 4, 0, 1, 2], 'int32'), 5), 'float32'));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const forward = (): tf.Scalar => {
      const logits = model.apply(x, { training: true }) as tf.Tensor2D;
      return tf.losses.softmaxCrossEntropy(y, logits);
    };
    const loss = optimizer.minimize(forward, true)!;
    losses.push(loss.dataSync()[0]!);
    loss.dispose();
    watch();
  }
  const hash = createHash('sha256');
  for (const weight of model.getWeights()) hash.update(Buffer.from(weight.dataSync<'float32'>().slice().buffer));
  model.dispose();
  optimizer.dispose();
  tf.dispose([x, y]);
  return { digest: hash.digest('hex'), first: losses[0]!, last: losses.at(-1)! };
}

describe('openEngine', () => {
  it('wasm is what it says', async () => {
    const engine = await openEngine('wasm');
    expect(tf.getBackend()).toBe('wasm');
    expect(engine.threads).toBe('ours');
    expect(engine.info).toEqual({
      name: 'wasm',
      version: `tfjs ${tf.version_core}, wasm (SIMD)`,
      notes: ['wasm was asked for'],
    });
    engine.close();
  });

  it('auto takes the first that works, and says why it took none before it', async () => {
    const engine = await openEngine('auto');
    const order = drivers.map(({ name }) => name);
    expect(order).toEqual(['node-gpu', 'webgpu', 'node', 'wasm']);
    const taken = order.indexOf(engine.info.name as (typeof order)[number]);
    expect(engine.info.notes[0]).toMatch(`auto took ${engine.info.name}: `);
    const misses = engine.info.notes.slice(1, taken + 1);
    expect(misses.map((note) => /^not (\S+): ./.exec(note)?.[1])).toEqual(order.slice(0, taken));
    expect(misses.join('')).not.toContain('\n');
    engine.close();
  });

  it.each(drivers.filter(({ name }) => name !== 'wasm').map(({ name }) => name))(
    '%s works, or says why not and what to do',
    async (name) => {
      const outcome = await openEngine(name).catch((error: unknown) => error);
      if (outcome instanceof StageFailure) {
        expect(outcome.message).toMatch(
          new RegExp(`^engine: ${name} does not work on this machine: .+\\. Mend that, or`),
        );
        expect(outcome.message).toMatch('`npm run doctor`');
        return;
      }
      const engine = outcome as Engine;
      expect(engine.info.name).toBe(name);
      expect(engine.info.notes[0]).toBe(`${name} was asked for`);
      engine.close();
    },
  );

  it('leaves no listeners on the process', async () => {
    const count = (): number =>
      process.listenerCount('uncaughtException') + process.listenerCount('unhandledRejection');
    const before = count();
    const engine = await openEngine('wasm');
    expect(count()).toBe(before);
    engine.close();
  });

  it('trains, in flat memory, to the same bits each time, also when opened again', async () => {
    const first = await openEngine('wasm');
    const sizes: { bytes: number; tensors: number; heap: number }[] = [];
    const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
    const run = train(100, () => sizes.push({ ...first.memory(), heap: wasm.HEAPU8.length }));
    expect(run.last).toBeLessThan(run.first / 2);
    expect(new Set(sizes.slice(2).map((size) => JSON.stringify(size))).size).toBe(1);
    const shared = await openEngine('wasm');
    first.close();
    first.close();
    expect(train(5).digest).toBe(train(5).digest);
    const expected = train(5).digest;
    shared.close();
    const again = await openEngine('wasm');
    expect(train(5).digest).toBe(expected);
    again.close();
  });
});

describe('loadKernels', () => {
  it('says what to do where the kernels are not built', async () => {
    await expect(loadKernels({}, join(tmpdir(), 'none', 'kernels.wasm'))).rejects.toThrow(/run `npm run build`/);
  });

  it('refuses a module of other sources', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kernels-'));
    const file = join(folder, 'kernels.wasm');
    writeFileSync(file, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    await expect(loadKernels({}, file)).rejects.toThrow(/lacks .*addOuterProducts.*npm run build/);
    rmSync(folder, { recursive: true });
  });
});
