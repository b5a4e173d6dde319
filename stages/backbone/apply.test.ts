import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { backbones } from '../config/definition.ts';
import { openEngine } from '../engine/open.ts';
import { folderSource, loadModel, saveModel } from '../model/files.ts';
import { randomOf } from '../random/random.ts';
import { computeStep, parametersOf } from '../training/step.ts';
import { seedDropout } from '../training/dropout.ts';
import { applyBackbone } from './apply.ts';
import { catalog } from './catalog.ts';
import { formulaPixels, setFormulaWeights } from './fixtures/formula.ts';
import { classifier, featuresModel, fixture, relativeError } from './fixtures/model.ts';
import { drawWeights } from './initialise.ts';
import { kerasLayers, trainableLayers } from './part.ts';
import { applyScaling, isScaling, normalization } from './scaling.ts';

interface KerasFacts {
  readonly layers: string;
  readonly shape: number[];
  readonly scale: number;
  readonly features: number[];
}

const keras = JSON.parse(readFileSync(fixture('backbones.json'), 'utf8')) as Record<string, KerasFacts>;

beforeAll(async () => {
  await openEngine('wasm');
});

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  tf.disposeVariables();
});

describe.each(backbones)('%s', (name) => {
  it('has the layers, parameters and features that Keras has, and finite gradients for all its weights', () => {
    const { layers: digest, shape, scale, features } = keras[name]!;
    const model = classifier(name, 33, 5);
    const layers = kerasLayers(model);
    const names = layers.map((layer) => layer.name).join('\n');
    expect(createHash('sha256').update(names).digest('hex')).toBe(digest);
    // Keras's list begins with the input. Its Normalization has one number more: a count, which no result depends on.
    expect(layers.length + 1).toBe(catalog[name].layers);
    const counts = layers.reduce((sum, layer) => sum + (layer.name === normalization ? 7 : layer.countParams()), 0);
    expect(counts).toBe(catalog[name].parameters);

    setFormulaWeights(layers);
    const outputs = model.getLayer(catalog[name].lastLayer).output as tfl.SymbolicTensor;
    const found = tfl
      .model({ inputs: model.inputs, outputs })
      .predict(tf.tensor(formulaPixels(33 * 33 * 3), [1, 33, 33, 3])) as tf.Tensor;
    expect(found.shape).toEqual(shape);
    const step = Math.floor(found.size / 40);
    const sampled = found.dataSync().filter((_, index) => index % step === 0);
    expect(relativeError([...sampled, scale], [...features, scale])).toBeLessThan(1e-5);

    seedDropout(model, 1).set(0, 0);
    const parameters = parametersOf(model);
    const trained = trainableLayers(model).reduce((sum, layer) => sum + layer.trainableWeights.length, 0);
    expect(parameters).toHaveLength(trained + 2);
    for (const layer of model.layers.filter(isScaling)) expect(layer.trainableWeights).toEqual([]);
    const before = tf.memory().numTensors;
    const batch = { images: formulaPixels(4 * 33 * 33 * 3), labels: Uint16Array.of(0, 1, 2, 3) };
    const { gradients, loss, logits } = computeStep(model, parameters, batch, { labelSmoothing: 0 });
    // Infinite or no number as soon as one of them is.
    const sizes = tf.tidy(() => gradients.map((gradient) => tf.sum(tf.abs(gradient)).dataSync()[0]!));
    for (const size of sizes) {
      expect(size).toBeGreaterThan(0);
      expect(size).toBeLessThan(Infinity);
    }
    expect(loss.dataSync()[0]).toBeGreaterThan(0);
    tf.dispose([...gradients, loss, logits]);
    expect(tf.memory().numTensors).toBe(before);
  }, 240_000);
});

it.each(['EfficientNetB0', 'NASNetMobile'] as const)('%s is saved with standard layers only', async (name) => {
  const folder = mkdtempSync(join(tmpdir(), 'backbone-'));
  folders.push(folder);
  const model = featuresModel(name, 32);
  const image = tf.tensor(formulaPixels(32 * 32 * 3), [1, 32, 32, 3]);
  const wanted = (model.predict(image) as tf.Tensor).dataSync();
  await saveModel(model, folder);
  const ours = await loadModel(folderSource(folder));
  expect((ours.predict(image) as tf.Tensor).dataSync()).toEqual(wanted);
  expect(ours.layers.filter(isScaling).every(({ weights, trainable }) => weights.length === 0 || !trainable)).toBe(
    true,
  );
  expect(trainableLayers(ours)).toHaveLength(trainableLayers(model).length);

  // What a client's own TensorFlow.js does, from the two files.
  const { modelTopology, weightsManifest } = JSON.parse(
    readFileSync(join(folder, 'model.json'), 'utf8'),
  ) as tf.io.ModelJSON;
  const weightData = new Uint8Array(readFileSync(join(folder, 'weights.bin'))).buffer;
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const plain = await tfl.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
  expect((plain.predict(image) as tf.Tensor).dataSync()).toEqual(wanted);
});

describe('initial weights', () => {
  const kernelOf = (seed: number, layer: string): string =>
    featuresModel('MobileNet', 32, seed).getLayer(layer).weights[0]!.read().dataSync().join();

  it('belong to the seed and the layer', () => {
    expect(kernelOf(1, 'conv_pw_1')).toBe(kernelOf(1, 'conv_pw_1'));
    expect(kernelOf(1, 'conv_pw_1')).not.toBe(kernelOf(2, 'conv_pw_1'));
    expect(kernelOf(1, 'conv_pw_1')).not.toBe(kernelOf(1, 'conv_dw_2'));
  });

  it.each([
    ['he_out', [1, 1, 320, 1280], 2 / 1280, 2.28],
    ['he_out', [5, 5, 480, 1], 2 / 25, 2.28],
    ['glorot', [1, 1, 512, 1024], 2 / (512 + 1024), Math.sqrt(3)],
    ['he', [1, 1, 1056, 176], 2 / 1056, 2.28],
  ] as const)(
    'spread as %s over %j have the variance and the range that Keras gives them',
    (spread, shape, variance, range) => {
      const values = drawWeights(shape, spread, randomOf(1, 'test'));
      const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
      expect(square / variance).toBeGreaterThan(0.95);
      expect(square / variance).toBeLessThan(1.05);
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / Math.sqrt(variance);
      expect(largest).toBeLessThan(range);
      expect(largest).toBeGreaterThan(range - 0.05);
    },
  );

  it('are spread as Keras spreads them in each family', () => {
    const variance = (layer: tfl.layers.Layer): number => {
      const values = layer.weights[0]!.read().dataSync<'float32'>();
      return values.reduce((sum, value) => sum + value * value, 0) / values.length;
    };
    const efficient = featuresModel('EfficientNetB0', 32);
    expect(variance(efficient.getLayer('top_conv')) * (1280 / 2)).toBeCloseTo(1, 1);
    expect(variance(efficient.getLayer('block6a_dwconv')) * (25 / 2)).toBeCloseTo(1, 1);
    expect(variance(featuresModel('MobileNet', 32).getLayer('conv_pw_12')) * ((512 + 1024) / 2)).toBeCloseTo(1, 1);
  });
});

it('the centring of ResNet50 is a frozen standard layer', async () => {
  const input = tfl.input({ shape: [1, 1, 3] });
  const model = tfl.model({ inputs: input, outputs: applyScaling(input, 'centred') });
  const folder = mkdtempSync(join(tmpdir(), 'backbone-'));
  folders.push(folder);
  await saveModel(model, folder);
  const loaded = await loadModel(folderSource(folder));
  expect(loaded.trainableWeights).toEqual([]);
  const scaled = loaded.predict(tf.tensor([255, 100, 0], [1, 1, 1, 3])) as tf.Tensor;
  expect(scaled.dataSync()).toEqual(Float32Array.of(0 - 103.939, 100 - 116.779, 255 - 123.68));
});

it('refuses images that are too small or not in colour', () => {
  const apply = (shape: number[]): unknown => applyBackbone('ResNet50', tfl.input({ shape }), { seed: 1 });
  expect(() => apply([31, 64, 3])).toThrow('ResNet50 needs images of 32×32 pixels or more, these have 31×64');
  expect(() => apply([32, 32, 1])).toThrow('needs images with three channels, these have 1');
});
