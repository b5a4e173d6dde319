// A backbone as buildModel makes it: its head, what is frozen, larger images, and that what is saved needs nothing of ours. MobileNet, as the smallest.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { catalog } from '../backbone/catalog.ts';
import type { BackboneArchitecture } from '../config/definition.ts';
import { inTempFolder } from '../data/data-rig.ts';
import { openEngine } from '../engine/open.ts';
import { parametersOf } from '../training/step.ts';
import { buildModel } from './build.ts';
import { batchSizeFor } from './capacity.ts';
import { folderSource, loadModel, saveModel } from './files.ts';
import { phasesOf, setFrozen } from './freezing.ts';

const plain: BackboneArchitecture = {
  kind: 'backbone',
  name: 'MobileNet',
  classes: 7,
  weights: null,
  frozen: 0,
  fineTuning: null,
  inputSize: null,
};
let built: tfl.LayersModel[] = [];

function build(changes: Partial<BackboneArchitecture> = {}, seed = 1): tfl.LayersModel {
  const model = buildModel({ ...plain, ...changes }, { inputShape: [32, 32, 3], scale: 1, offset: 0, seed });
  built.push(model);
  return model;
}

const trained = (model: tfl.LayersModel): string[] =>
  model.layers.filter(({ trainableWeights }) => trainableWeights.length > 0).map(({ name }) => name);
const noise = (count: number, side = 32): tf.Tensor => tf.randomUniform([count, side, side, 3], 0, 255, 'float32', 5);
const apply = (model: tfl.LayersModel, images: tf.Tensor, training: boolean): tf.Tensor =>
  model.apply(images, { training }) as tf.Tensor;

beforeAll(async () => {
  await openEngine('wasm');
});
afterEach(() => {
  for (const model of built) model.dispose();
  built = [];
});

describe('a model on a backbone', () => {
  it('has the head of the original, ending in logits', () => {
    const model = build();
    const head = model.layers.slice(-5);
    expect(head.map((layer) => layer.getClassName())).toEqual([
      'GlobalAveragePooling2D',
      'Dense',
      'BatchNormalization',
      'Dropout',
      'Dense',
    ]);
    expect(head[1]!.getConfig()).toMatchObject({ units: 512, activation: 'relu' });
    expect(head[3]!.getConfig()).toMatchObject({ rate: 0.5 });
    expect(head[4]!.getConfig()).toMatchObject({ units: 7, activation: 'linear', name: 'logits' });
    const headParameters = (1024 + 1) * 512 + 4 * 512 + (512 + 1) * 7;
    expect(model.countParams()).toBe(catalog.MobileNet.parameters + headParameters);
  });

  it('has the weights of its seed', () => {
    const weightsOf = (seed: number): string => {
      const model = build({}, seed);
      const sums = model.getWeights().map((weight) => tf.tidy(() => tf.sum(weight).dataSync()[0]!));
      return sums.join();
    };
    expect(weightsOf(3)).toBe(weightsOf(3));
    expect(weightsOf(3)).not.toBe(weightsOf(4));
  });

  it('is saved as standard layers that compute the same, frozen or not', () =>
    inTempFolder(async (folder) => {
      const model = build({ frozen: 'all', inputSize: [64, 64] });
      await saveModel(model, folder);
      // As anybody loads it: nothing but the packages, no classes of ours.
      const [topology, weights] = ['model.json', 'weights.bin'].map((name) => readFileSync(join(folder, name)));
      const { modelTopology, weightsManifest } = JSON.parse(topology!.toString()) as tf.io.ModelJSON;
      const artifacts = {
        modelTopology: modelTopology,
        weightSpecs: weightsManifest.flatMap((group) => group.weights),
        weightData: new Uint8Array(weights!).buffer,
      };
      const loaded = await tfl.loadLayersModel(tf.io.fromMemory(artifacts));
      const again = await loadModel(folderSource(folder));
      built.push(loaded, again);
      tf.tidy(() => {
        const images = noise(2);
        const expected = apply(model, images, false).dataSync();
        expect(apply(loaded, images, false).dataSync()).toEqual(expected);
        expect(apply(again, images, false).dataSync()).toEqual(expected);
      });
    }));
});

describe('images that a model enlarges', () => {
  it('are interpolated linearly, in the model, and count in what goes through it at once', () => {
    const model = build({ inputSize: [96, 64] });
    expect(model.inputs[0]!.shape).toEqual([null, 32, 32, 3]);
    const layer = model.getLayer('upscale');
    expect(layer.outputShape).toEqual([null, 96, 64, 3]);
    tf.tidy(() => {
      const ramp = tf.tile(tf.reshape(tf.mul(tf.range(0, 32), 3), [1, 32, 1, 1]), [1, 1, 32, 3]);
      const larger = layer.apply(ramp) as tf.Tensor4D;
      const column = tf.slice(larger, [0, 0, 5, 1], [1, 94, 1, 1]).dataSync();
      column.forEach((value, row) => expect(value).toBeCloseTo(row, 4));
    });
    expect(batchSizeFor(model)).toBe(21);
    expect(batchSizeFor(build())).toBe(128);
  });
});

describe('what is frozen', () => {
  const head = ['dense_1', 'batch_norm_1', 'logits'];

  it('is nothing, everything, or the first layers as Keras counts them; never the head', () => {
    const model = build();
    expect(trained(model)).toContain('conv1');
    setFrozen(model, 'all');
    expect(trained(model)).toEqual(head);
    // Keras's layers[3]; the first is the input: input, conv1, conv1_bn, conv1_relu, conv_dw_1.
    setFrozen(model, 4);
    expect(trained(model).slice(0, 2)).toEqual(['conv_dw_1', 'conv_dw_1_bn']);
    setFrozen(model, 2);
    expect(trained(model)[0]).toBe('conv1_bn');
    setFrozen(model, catalog.MobileNet.layers);
    expect(trained(model)).toEqual(head);
    setFrozen(model, 0);
    expect(trained(model)[0]).toBe('conv1');
  });

  it('keeps its statistics, and is normalised by them, while a trained layer goes by the batch', () => {
    const model = build({ frozen: 'all' });
    const [frozen, free] = ['conv1_bn', 'batch_norm_1'].map((name) => model.getLayer(name)) as [
      tfl.layers.Layer,
      tfl.layers.Layer,
    ];
    const statisticsOf = (layer: tfl.layers.Layer): number[] =>
      layer.getWeights().flatMap((one) => [...one.dataSync()]);
    const features = (training: boolean): number[] =>
      tf.tidy(() => {
        const part = tfl.model({
          inputs: model.inputs,
          outputs: model.getLayer('conv1_relu').output,
        });
        return [...apply(part, noise(4), training).dataSync()];
      });
    const before = [statisticsOf(frozen), statisticsOf(free)];
    tf.tidy(() => void apply(model, noise(4), true));
    expect(statisticsOf(frozen)).toEqual(before[0]);
    expect(statisticsOf(free)).not.toEqual(before[1]);
    expect(features(true)).toEqual(features(false));

    setFrozen(model, 0);
    expect(features(true)).not.toEqual(features(false));
    expect(statisticsOf(frozen)).not.toEqual(before[0]);
  });

  it('gets no gradient', () => {
    const model = build({ frozen: 80 });
    const variables = parametersOf(model).map(({ variable }) => variable);
    const { grads, value } = tf.variableGrads(() => tf.mean(tf.square(apply(model, noise(2), true))), variables);
    expect(Object.keys(grads).length).toBe(variables.length);
    expect(variables.length).toBeLessThan(model.weights.length / 4);
    tf.dispose([grads, value]);
  });
});

describe('the phases of a training', () => {
  it('are two where it is fine-tuned', () => {
    const architecture: BackboneArchitecture = {
      ...plain,
      frozen: 'all',
      fineTuning: { after: 3, frozen: 50, lr: 0.001 },
    };
    const [first, second, ...more] = phasesOf(architecture, 0.1)!;
    expect([first!.fromEpoch, first!.lr, second!.fromEpoch, second!.lr, more]).toEqual([1, 0.1, 4, 0.001, []]);
    const model = build(architecture);
    second!.enter(model);
    expect(trained(model).length).toBeGreaterThan(3);
    first!.enter(model);
    expect(trained(model).length).toBe(3);
  });

  it('are none for everything else', () => {
    expect(phasesOf(plain, 0.1)).toBeUndefined();
    expect(phasesOf({ kind: 'custom', layers: [] }, 0.1)).toBeUndefined();
  });
});
