import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { randomOf } from '../random/random.ts';
import { drawMask, seedDropout } from './dropout.ts';
import { customArchitecture } from './fixtures/toy.ts';

/** A mask of so many elements, with an address. */
function maskOf(size: number, rate: number, ...address: readonly number[]): Float32Array {
  const mask = new Float32Array(size);
  drawMask(mask, rate, randomOf(1, ...address));
  return mask;
}

describe('dropout masks', () => {
  it.each([0.1, 0.25, 0.5, 0.9])('drop a part of %d and scale the rest up', (rate) => {
    const mask = maskOf(100_001, rate);
    const dropped = mask.filter((value) => value === 0).length / mask.length;
    expect(dropped).toBeCloseTo(rate, 2);
    expect(new Set(mask).size).toBe(2);
    expect(Math.max(...new Set(mask))).toBeCloseTo(1 / (1 - rate), 2);
    // Neighbours that share a random number are independent: both are kept in (1 − rate)² of the pairs.
    let both = 0;
    for (let index = 0; index < 100_000; index += 2) if (mask[index]! > 0 && mask[index + 1]! > 0) both++;
    expect(both / 50_000).toBeCloseTo((1 - rate) ** 2, 1.7);
  });

  it('overwrite what was there', () => {
    const used = new Float32Array(65).fill(7);
    drawMask(used, 0.5, randomOf(1));
    expect(used).toEqual(maskOf(65, 0.5));
  });

  it('stay finite for a rate next to 1', () => {
    expect(maskOf(1000, 0.999_999).every(Number.isFinite)).toBe(true);
  });
});

describe('dropout within a model', () => {
  beforeAll(async () => {
    await openEngine('wasm');
  });

  const branch = [{ op: 'dropout', rate: 0.5 }, { op: 'flatten' }] as const;
  const architecture = customArchitecture([...branch, { op: 'output', classes: 2 }]);
  const build = (): tfl.LayersModel =>
    buildModel(architecture, { inputShape: [4, 4, 3], scale: 1, offset: 0, seed: 1 });
  const masksOf = (layer: tfl.layers.Layer, images: number): string[] => {
    const masks = tf.unstack(layer.apply(tf.ones([images, 4, 4, 3]), { training: true }) as tf.Tensor4D);
    return masks.map((mask) => mask.dataSync().join());
  };

  it('has another mask for each seed, step and image of the batch, and none when predicting', () => {
    const [model, other] = [build(), build()];
    const clock = seedDropout(model, 5);
    const layer = model.getLayer('dropout_1');
    clock.set(0, 0);
    const first = masksOf(layer, 2);
    clock.set(1, 0);
    const second = masksOf(layer, 2);
    seedDropout(other, 6).set(0, 0);
    expect(new Set([...first, ...second, ...masksOf(other.getLayer('dropout_1'), 2)]).size).toBe(6);
    clock.set(0, 0);
    expect(masksOf(layer, 2)).toEqual(first);
    const input = tf.ones([2, 4, 4, 3]);
    expect((layer.apply(input, { training: false }) as tf.Tensor).dataSync().join()).toBe(input.dataSync().join());
    const [trained, predicted] = [true, false].map((training) =>
      (model.apply(input, { training }) as tf.Tensor).dataSync().join(),
    );
    expect(trained).not.toBe(predicted);
  });

  it('has the same mask for an image, however the batch is cut', () => {
    const model = build();
    const clock = seedDropout(model, 5);
    const layer = model.getLayer('dropout_1');
    clock.set(3, 0);
    const whole = masksOf(layer, 5);
    const parts = [0, 2, 3].map((start, index, starts) => {
      clock.set(3, start);
      return masksOf(layer, (starts[index + 1] ?? 5) - start);
    });
    expect(parts.flat()).toEqual(whole);
  });

  it('has another mask in each layer, and one for a whole map where its noise has such a shape', () => {
    const input = tfl.input({ shape: [4, 4, 3] });
    const drop = (noiseShape?: number[]): tfl.layers.Layer =>
      tfl.layers.dropout({ rate: 0.5, ...(noiseShape === undefined ? {} : { noiseShape }) });
    const layers = [drop(), drop(), drop([null as unknown as number, 1, 1, 3])];
    const end = layers.reduce((tensor, layer) => layer.apply(tensor) as tfl.SymbolicTensor, input);
    seedDropout(tfl.model({ inputs: input, outputs: end }), 5).set(0, 0);
    const [first, second, third] = layers.map((layer) => masksOf(layer, 40));
    expect(first).not.toEqual(second);
    const channels = third!.map((mask) => new Set(mask.match(/[^,]+,[^,]+,[^,]+/g)));
    expect(channels.every((values) => values.size === 1)).toBe(true);
    expect(new Set(third).size).toBe(8);
  });
});
