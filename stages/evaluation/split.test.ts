import { afterAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { randomOf } from '../random/random.ts';
import { conv, custom, output } from './fixture.ts';
import { batchSizeFor, checkModel, predictLogits, type ImageShape } from './prediction.ts';
import { evaluateSplit } from './split.ts';
import { figuresOf } from './tally.ts';

const engine = await openEngine('wasm');
const shape: ImageShape = [4, 4, 3];
const options = { inputShape: shape, scale: 1 / 255, offset: -0.5, seed: 3 };
const model = buildModel(custom(conv(4, 'same'), { op: 'flatten' }, output(7)), options);

afterAll(() => {
  model.dispose();
  engine.close();
});

function imagesOf(count: number, of: ImageShape): Uint8Array {
  const random = randomOf(5, 'images');
  return Uint8Array.from({ length: count * of[0] * of[1] * of[2] }, () => random.integer(256));
}

/** A model that says which of its first two pixels is brighter. */
function comparer(): tfl.LayersModel {
  const network = tfl.sequential({
    layers: [tfl.layers.flatten({ inputShape: [1, 2, 1] }), tfl.layers.dense({ units: 2, useBias: false })],
  });
  network.setWeights([
    tf.tensor2d([
      [1, 0],
      [0, 1],
    ]),
  ]);
  return network;
}

describe('predictLogits', () => {
  it('gives what the model gives for the same images as floats, and leaves no tensors', () => {
    const pixels = imagesOf(5, shape);
    const before = tf.memory().numTensors;
    const logits = predictLogits(model, pixels, shape);
    expect(tf.memory().numTensors).toBe(before);
    const expected = tf.tidy(() => (model.predict(tf.tensor4d([...pixels], [5, 4, 4, 3])) as tf.Tensor).dataSync());
    expect(logits).toEqual(expected);
  });
});

describe('evaluateSplit', () => {
  it('judges every image once, over several batches', () => {
    const of: ImageShape = [1, 2, 1];
    const count = batchSizeFor(of) + 17;
    const images = imagesOf(count, of);
    const labels = Uint16Array.from({ length: count }, (_, index) =>
      Number(images[2 * index + 1]! > images[2 * index]!),
    );
    labels[0] = 1 - labels[0]!;
    const progress: number[] = [];
    const network = comparer();
    const split = { count, images, labels };
    const onProgress = (done: number): number => progress.push(done);
    const tally = evaluateSplit({ model: network, name: 'val', split, shape: of, classes: 2, onProgress });
    expect(figuresOf(tally)).toMatchObject({ images: count, accuracy: (count - 1) / count, top5: 1 });
    expect(progress).toEqual([count - 17, count]);
    network.dispose();
  });

  it('refuses an empty split', () => {
    const split = { count: 0, images: new Uint8Array(0), labels: new Uint16Array(0) };
    const evaluate = (): unknown =>
      evaluateSplit({ model, name: 'test', split, shape, classes: 7, onProgress: () => {} });
    expect(evaluate).toThrow('the test split has no images');
  });

  it('says that a training has diverged', () => {
    const network = comparer();
    network.setWeights([tf.fill([2, 2], Number.NaN)]);
    const split = { count: 1, images: new Uint8Array(2), labels: new Uint16Array(1) };
    expect(() =>
      evaluateSplit({ model: network, name: 'val', split, shape: [1, 2, 1], classes: 2, onProgress: () => {} }),
    ).toThrow(/NaN .* training has diverged/);
    network.dispose();
  });
});

describe('checkModel', () => {
  it('accepts what goes together', () => {
    expect(() => checkModel(model, shape, 7)).not.toThrow();
  });

  it('names shapes and classes that do not', () => {
    expect(() => checkModel(model, [8, 8, 1], 7)).toThrow('the model takes images of 4×4×3, the data has 8×8×1');
    expect(() => checkModel(model, shape, 100)).toThrow(
      'gives 7 logits, the data has 100 classes: set output_classes: 100',
    );
  });
});

describe('batchSizeFor', () => {
  it('takes fewer images the larger they are', () => {
    expect([batchSizeFor([32, 32, 3]), batchSizeFor([224, 224, 3]), batchSizeFor([1000, 1000, 3])]).toEqual([
      128, 2, 1,
    ]);
  });
});
