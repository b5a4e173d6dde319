import { afterAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { batchSizeFor } from '../model/capacity.ts';
import { saveModel } from '../model/files.ts';
import { predictLogits, type ImageShape } from '../model/logits.ts';
import { randomOf } from '../random/random.ts';
import { openTeam, type Team } from '../threads/team.ts';
import { conv, custom, output, temporaryFolder } from './fixture.ts';
import { checkModel, openPredictors } from './prediction.ts';
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

const alone = (): Team => openTeam({ threads: 1, program: '', data: null });

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
  it('gives what the model gives for the same images as floats, and leaves no tensors', async () => {
    const pixels = imagesOf(5, shape);
    const before = tf.memory().numTensors;
    const logits = await predictLogits(model, pixels, shape);
    expect(tf.memory().numTensors).toBe(before);
    const expected = tf.tidy(() => (model.predict(tf.tensor4d([...pixels], [5, 4, 4, 3])) as tf.Tensor).dataSync());
    expect(logits).toEqual(expected);
  });
});

describe('evaluateSplit', () => {
  it('judges every image once, over several batches', async () => {
    const of: ImageShape = [1, 2, 1];
    const network = comparer();
    const count = batchSizeFor(network) + 17;
    const images = imagesOf(count, of);
    const labels = Uint16Array.from({ length: count }, (_, index) =>
      Number(images[2 * index + 1]! > images[2 * index]!),
    );
    labels[0] = 1 - labels[0]!;
    const progress: number[] = [];
    const split = { count, images, labels };
    const onProgress = (done: number): number => progress.push(done);
    const tally = await evaluateSplit({
      team: alone(),
      model: network,
      name: 'val',
      split,
      shape: of,
      classes: 2,
      onProgress,
    });
    expect(figuresOf(tally)).toMatchObject({ images: count, accuracy: (count - 1) / count, top5: 1 });
    expect(progress).toEqual([count - 17, count]);
    network.dispose();
  });

  it('gives the same on several threads', async () => {
    const folder = temporaryFolder();
    const of: ImageShape = [64, 64, 3];
    const network = buildModel(custom(conv(4, 'same'), { op: 'flatten' }, output(7)), { ...options, inputShape: of });
    await saveModel(network, folder);
    const count = 5 * batchSizeFor(network) + 3;
    const images = new Uint8Array(new SharedArrayBuffer(count * 64 * 64 * 3));
    images.set(imagesOf(count, of));
    const split = { count, images, labels: new Uint16Array(count) };
    const tallyWith = async (team: Team): Promise<unknown> => {
      const tally = await evaluateSplit({
        team,
        model: network,
        name: 'val',
        split,
        shape: of,
        classes: 7,
        onProgress: () => {},
      });
      await team.close();
      return tally;
    };
    process.env['DAGRUN_THREADS'] = '3';
    const team = openPredictors(folder, { name: 'wasm' }, count, of);
    delete process.env['DAGRUN_THREADS'];
    expect(team.threads).toBe(3);
    expect(await tallyWith(team)).toEqual(await tallyWith(alone()));
    network.dispose();
  });

  it('refuses an empty split', async () => {
    const split = { count: 0, images: new Uint8Array(0), labels: new Uint16Array(0) };
    const evaluation = evaluateSplit({
      team: alone(),
      model,
      name: 'test',
      split,
      shape,
      classes: 7,
      onProgress: () => {},
    });
    await expect(evaluation).rejects.toThrow('the test split has no images');
  });

  it('says that a training has diverged', async () => {
    const network = comparer();
    network.setWeights([tf.fill([2, 2], Number.NaN)]);
    const split = { count: 1, images: new Uint8Array(2), labels: new Uint16Array(1) };
    await expect(
      evaluateSplit({
        team: alone(),
        model: network,
        name: 'val',
        split,
        shape: [1, 2, 1],
        classes: 2,
        onProgress: () => {},
      }),
    ).rejects.toThrow(/NaN .* training has diverged/);
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
  const pooled = (side: number, size = 1): tfl.Sequential =>
    tfl.sequential({
      layers: [
        tfl.layers.upSampling2d({ inputShape: [side, side, 3], size: [size, size], interpolation: 'bilinear' }),
        tfl.layers.globalAveragePooling2d({}),
      ],
    });

  it('takes fewer images the larger they are', () => {
    expect([batchSizeFor(pooled(32)), batchSizeFor(pooled(224)), batchSizeFor(pooled(1000))]).toEqual([128, 2, 1]);
  });

  it('counts images as large as the model makes them', () => {
    expect(batchSizeFor(pooled(32, 7))).toBe(2);
  });
});
