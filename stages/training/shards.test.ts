import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';

import type { Op } from '../config/definition.ts';
import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { customArchitecture, toySettings, toyShape, toySplit } from './fixtures/toy.ts';
import { orderPhases } from './phases.ts';
import { openReplica } from './replica.ts';
import { cutBatch } from './shards.ts';

describe('cutBatch', () => {
  it.each([
    [512, 512, 8, [64, 64, 64, 64, 64, 64, 64, 64]],
    [10, 10, 7, [1, 1, 2, 1, 2, 1, 2]],
    [80, 512, 8, [40, 40]],
    [65, 512, 8, [32, 33]],
    [9, 512, 8, [9]],
    [3, 64, 2, [3]],
    [1, 1, 1, [1]],
  ])('cuts %d images of a batch of %d in %d shards', (images, batch, shards, sizes) => {
    expect(cutBatch(images, { batch, shards }).map(({ start, end }) => end - start)).toEqual(sizes);
  });

  it('takes every image once, in order, in parts of nearly one size that are no larger than those of a whole batch', () => {
    const sizes = fc
      .integer({ min: 1, max: 300 })
      .chain((batch) =>
        fc.tuple(fc.constant(batch), fc.integer({ min: 1, max: batch }), fc.integer({ min: 1, max: batch })),
      );
    fc.assert(
      fc.property(sizes, ([batch, shards, images]) => {
        const parts = cutBatch(images, { batch, shards });
        const lengths = parts.map(({ start, end }) => end - start);
        expect(parts[0]!.start).toBe(0);
        parts.forEach(({ end }, index) => expect(parts[index + 1]?.start ?? images).toBe(end));
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
        expect(Math.max(...lengths)).toBeLessThanOrEqual(Math.ceil(batch / shards));
        expect(parts.length).toBeLessThanOrEqual(shards);
        if (images === batch) expect(parts).toHaveLength(shards);
      }),
    );
  });
});

describe('the parts of a batch', () => {
  beforeAll(async () => {
    await openEngine('wasm');
  });
  const spatial = { kernelSize: [3, 3], strides: [1, 1], padding: 'same', activation: 'relu', useBias: true } as const;
  const ops: readonly Op[] = [
    { op: 'conv', filters: 4, l2: 0.05, ...spatial },
    { op: 'dropout', rate: 0.3 },
    { op: 'flatten' },
    { op: 'output', classes: 4 },
  ];
  const images = 23;

  /** The sum over the parts of a batch, the statistics of batch normalisation last. */
  async function sumOver(shards: number, operations: readonly Op[]): Promise<Float32Array[]> {
    const settings = { ...toySettings, batch: images, shards, labelSmoothing: 0.1 };
    const architecture = customArchitecture(operations);
    const model = buildModel(architecture, { inputShape: toyShape, scale: 1 / 128, offset: -1, seed: 3 });
    const replica = openReplica(model, settings, orderPhases(settings)[0]!);
    const { images: pixels, labels } = toySplit(images, 4);
    const size = pixels.length / images;
    let sum: tf.Tensor[] | undefined;
    let loss = 0;
    for (const { start, end } of cutBatch(images, settings)) {
      const batch = {
        images: Float32Array.from(pixels.subarray(start * size, end * size)),
        labels: labels.subarray(start, end),
      };
      const part = await replica.compute({ batch, firstRow: start, batchImages: images, globalStep: 5 });
      expect(part.score.images).toBe(end - start);
      loss += part.loss;
      sum = part.terms.map((term, index) => (sum === undefined ? term : tf.add(sum[index]!, term)));
    }
    return [Float32Array.of(loss), ...sum!.map((term) => term.dataSync<'float32'>())];
  }

  it.each([2, 3, 8, 23])(
    'have the gradient and the loss of the whole batch, with dropout and penalties: %d',
    async (shards) => {
      const [whole, parts] = [await sumOver(1, ops), await sumOver(shards, ops)];
      expect(parts).toHaveLength(whole.length);
      whole.forEach((values, which) => {
        const largest = Math.max(...values.map(Math.abs));
        values.forEach((value, index) => expect(Math.abs(parts[which]![index]! - value)).toBeLessThan(2e-5 * largest));
      });
    },
  );

  it('move the statistics of batch normalisation by the mean of their moves', async () => {
    const norm: readonly Op[] = [
      { op: 'batch_norm', momentum: 0.9, epsilon: 0.01 },
      { op: 'flatten' },
      { op: 'output', classes: 4 },
    ];
    const [whole, parts] = [await sumOver(1, norm), await sumOver(4, norm)];
    const [mean, meanOfParts] = [whole.at(-2)!, parts.at(-2)!];
    mean.forEach((value, index) => expect(meanOfParts[index]).toBeCloseTo(value, 6));
    // Within the parts images vary a little less than within the whole batch.
    const variance = (terms: Float32Array[]): number => terms.at(-1)!.reduce((sum, value) => sum + value, 0);
    expect(variance(parts)).toBeLessThan(variance(whole));
    expect(variance(parts)).toBeGreaterThan(variance(whole) - 0.01);
  });
});
