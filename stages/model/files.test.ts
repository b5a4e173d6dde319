import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import type { Architecture } from '../config/definition.ts';
import { openEngine } from '../engine/open.ts';
import { buildModel } from './build.ts';
import { folderSource, loadModel, recordedSource, saveModel } from './files.ts';

const shared = { kernelSize: [3, 3], strides: [1, 1], padding: 'same', l2: 0.01 } as const;
const architecture: Architecture = {
  kind: 'custom',
  layers: [
    {
      branches: [
        [
          { op: 'conv', filters: 4, activation: 'gelu', useBias: false, ...shared },
          { op: 'separable_conv', filters: 4, activation: 'leaky_relu', depthMultiplier: 1, ...shared },
          { op: 'batch_norm', momentum: 0.9, epsilon: 0.01 },
          { op: 'add', over: 2, project: true },
        ],
        [
          { op: 'depthwise_conv', activation: 'swish', depthMultiplier: 2, ...shared },
          { op: 'layer_norm', epsilon: 0.001 },
          { op: 'dropout', rate: 0.5 },
        ],
      ],
    },
    { branches: [[{ op: 'global_avg_pool' }, { op: 'output', classes: 5 }]] },
  ],
};
const build = (): tfl.LayersModel =>
  buildModel(architecture, { inputShape: [6, 6, 3], scale: 1 / 64, offset: -2, seed: 7 });
const pixels = Float32Array.from({ length: 2 * 6 * 6 * 3 }, (_, index) => (index * 37) % 256);
const predict = (model: tfl.LayersModel): number[] =>
  tf.tidy(() => [...(model.predict(tf.tensor(pixels, [2, 6, 6, 3])) as tf.Tensor).dataSync()]);

describe('saved models', () => {
  let folder: string;
  beforeAll(async () => {
    await openEngine('wasm');
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'model-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const bytesOf = (name: string, at = folder): string => readFileSync(join(at, name)).toString('base64');

  it('predict the same after loading, from a folder and from the history', async () => {
    const model = build();
    await saveModel(model, folder);
    const expected = predict(model);
    expect(predict(await loadModel(folderSource(folder)))).toEqual(expected);
    const files = ['model.json', 'weights.bin'].map((path) => ({ path, object: join(folder, path) }));
    expect(predict(await loadModel(recordedSource(files)))).toEqual(expected);
  });

  it('are read by TensorFlow.js itself, with no class of our own', async () => {
    const model = build();
    await saveModel(model, folder);
    const json = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as tf.io.ModelJSON;
    const bytes = readFileSync(join(folder, 'weights.bin'));
    const handler: tf.io.IOHandler = {
      load: () =>
        tf.io.getModelArtifactsForJSON(json, (manifest) =>
          Promise.resolve([manifest[0]!.weights, new Uint8Array(bytes).buffer]),
        ),
    };
    expect(predict(await tfl.loadLayersModel(handler))).toEqual(predict(model));
    expect(bytes.length).toBe(4 * model.countParams());
  });

  it('have the same bytes for the same model, however many were made before', async () => {
    await saveModel(build(), folder);
    const other = join(folder, 'again');
    const model = build();
    await saveModel(model, other);
    const loaded = await loadModel(folderSource(other));
    const third = join(folder, 'loaded');
    await saveModel(loaded, third);
    for (const name of ['model.json', 'weights.bin']) {
      expect(bytesOf(name, other)).toBe(bytesOf(name));
      expect(bytesOf(name, third)).toBe(bytesOf(name));
    }
  });

  it('that are damaged or gone are named', async () => {
    await expect(loadModel(folderSource(folder))).rejects.toThrow('there is no model.json in');
    await saveModel(build(), folder);
    truncateSync(join(folder, 'weights.bin'), 100);
    await expect(loadModel(folderSource(folder))).rejects.toThrow('weights.bin has 100 bytes where model.json wants');
    writeFileSync(join(folder, 'model.json'), '{');
    await expect(loadModel(folderSource(folder))).rejects.toThrow('model.json is damaged');
    await expect(loadModel(recordedSource([]))).rejects.toThrow('no longer in the cache');
    const gone = [{ path: 'model.json', object: join(folder, 'nothing') }];
    await expect(loadModel(recordedSource(gone))).rejects.toThrow('no longer in the cache');
  });
});
