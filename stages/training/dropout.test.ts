import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';

import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { drawMask, seedDropout } from './dropout.ts';
import { customArchitecture } from './fixtures/toy.ts';

describe('dropout masks', () => {
  it.each([0.1, 0.25, 0.5, 0.9])('drop a part of %d and scale the rest up', (rate) => {
    const mask = drawMask(100_001, rate, 1, 0, 0);
    const dropped = mask.filter((value) => value === 0).length / mask.length;
    expect(dropped).toBeCloseTo(rate, 2);
    expect(new Set(mask).size).toBe(2);
    expect(Math.max(...new Set(mask))).toBeCloseTo(1 / (1 - rate), 2);
    // Neighbours that share a random number are independent: both are kept in (1 − rate)² of the pairs.
    let both = 0;
    for (let index = 0; index < 100_000; index += 2) if (mask[index]! > 0 && mask[index + 1]! > 0) both++;
    expect(both / 50_000).toBeCloseTo((1 - rate) ** 2, 1.7);
  });

  it('belong to seed, step and layer', () => {
    const draw = (seed: number, step: number, layer: number): string => drawMask(64, 0.5, seed, step, layer).join();
    expect(draw(1, 2, 3)).toBe(draw(1, 2, 3));
    expect(new Set([draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)]).size).toBe(4);
  });

  it('stay finite for a rate next to 1', () => {
    expect(drawMask(1000, 0.999_999, 1, 0, 0).every(Number.isFinite)).toBe(true);
  });
});

describe('dropout within a model', () => {
  beforeAll(async () => {
    await openEngine('wasm');
  });

  it('has a new mask each step and another in each layer while training, and none when predicting', () => {
    const branch = [{ op: 'dropout', rate: 0.5 }, { op: 'flatten' }] as const;
    const architecture = customArchitecture([...branch, { op: 'output', classes: 2 }]);
    const model = buildModel(architecture, { inputShape: [4, 4, 3], scale: 1, offset: 0, seed: 1 });
    const clock = seedDropout(model, 5);
    const input = tf.ones([2, 4, 4, 3]);
    const layer = model.getLayer('dropout_1');
    const maskAt = (step: number): string => {
      clock.setStep(step);
      return (layer.apply(input, { training: true }) as tf.Tensor).dataSync().join();
    };
    expect(maskAt(0)).toBe(drawMask(96, 0.5, 5, 0, 0).join());
    expect(maskAt(1)).toBe(drawMask(96, 0.5, 5, 1, 0).join());
    expect(maskAt(0)).toBe(drawMask(96, 0.5, 5, 0, 0).join());
    expect((layer.apply(input, { training: false }) as tf.Tensor).dataSync().join()).toBe(input.dataSync().join());
    const [trained, predicted] = [true, false].map((training) =>
      (model.apply(input, { training }) as tf.Tensor).dataSync().join(),
    );
    expect(trained).not.toBe(predicted);
  });
});
