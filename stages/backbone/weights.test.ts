import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import h5wasm from 'h5wasm';

import { openEngine } from '../engine/open.ts';
import { formulaPixels } from './fixtures/formula.ts';
import { featuresModel, fixture, relativeError } from './fixtures/model.ts';
import { applyScaling, weightsFactor } from './scaling.ts';
import { loadBackboneWeights, loadLayerWeights } from './weights.ts';

/** h5wasm's own file system. */
let memory: Awaited<typeof h5wasm.ready>['FS'];

beforeAll(async () => {
  await openEngine('wasm');
  memory = (await h5wasm.ready).FS;
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weights-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  tf.disposeVariables();
});

/** The model of fixtures/make.py: a layer of each type. */
function everyLayer(name: (layer: string) => string = (layer) => layer): tfl.LayersModel {
  const input = tfl.input({ shape: [5, 5, 3] });
  const layers = [
    tfl.layers.conv2d({ name: name('conv'), filters: 4, kernelSize: 3 }),
    tfl.layers.batchNormalization({ name: name('bn') }),
    tfl.layers.depthwiseConv2d({ name: name('depthwise'), kernelSize: 3, padding: 'same', depthMultiplier: 2 }),
    tfl.layers.separableConv2d({ name: name('separable'), filters: 3, kernelSize: 3 }),
    tfl.layers.flatten(),
    tfl.layers.dense({ name: name('dense'), units: 2 }),
  ];
  const start = applyScaling(input, 'rescaled');
  const end = layers.reduce((tensor, layer) => layer.apply(tensor) as tfl.SymbolicTensor, start);
  return tfl.model({ inputs: input, outputs: end });
}

const files = ['layers-keras2.h5', 'layers-keras3.weights.h5'];
const keras = JSON.parse(readFileSync(fixture('layers.json'), 'utf8')) as { outputs: number[] };

function errorOf(model: tfl.LayersModel): number {
  const outputs = model.predict(tf.tensor(formulaPixels(150), [2, 5, 5, 3])) as tf.Tensor;
  return relativeError(outputs.dataSync(), keras.outputs);
}

describe.each(files)('%s', (file) => {
  it('gives each type of layer the weights that it has in Keras', async () => {
    const model = everyLayer();
    expect(errorOf(model)).toBeGreaterThan(0.1);
    await loadLayerWeights(model.layers, fixture(file));
    expect(errorOf(model)).toBeLessThan(1e-6);
  });

  it('is refused, and nothing is changed, where layers or shapes differ', async () => {
    const model = everyLayer();
    const before = model.getWeights().map((weight) => weight.dataSync().join());
    const dense = tfl.layers.dense({ name: 'dense', units: 7 });
    dense.build([null, 3]);
    await expect(loadLayerWeights([...model.layers.slice(0, -1), dense], fixture(file))).rejects.toThrow(
      '"dense/kernel" is 3×2 there, and 3×7 in the model; "dense/bias" is 2 there, and 7 in the model.',
    );
    await expect(loadLayerWeights(model.layers.slice(0, -1), fixture(file))).rejects.toThrow(
      'its layer "dense" is not in the model',
    );
    const other = tfl.layers.dense({ name: 'top', units: 7 });
    other.build([null, 3]);
    await expect(loadLayerWeights([...model.layers, other], fixture(file))).rejects.toThrow('layer "top" is not in it');
    expect(model.getWeights().map((weight) => weight.dataSync().join())).toEqual(before);
  });
});

it('goes by order where a file has other names, and checks the shapes', async () => {
  const model = everyLayer((layer) => `new_${layer}`);
  await loadLayerWeights(model.layers, fixture(files[0]!));
  expect(errorOf(model)).toBeLessThan(1e-6);
  const [input, rescaling, normalization, conv, norm, depthwise, ...rest] = everyLayer(
    (layer) => `new_${layer}`,
  ).layers;
  const swapped = [input!, rescaling!, normalization!, conv!, depthwise!, norm!, ...rest];
  await expect(loadLayerWeights(swapped, fixture(files[0]!))).rejects.toThrow(
    'layer "new_depthwise" has 4 weights there, and 2 in the model',
  );
  // Keras 3's layout has no order of its own.
  await expect(loadLayerWeights(model.layers, fixture(files[1]!))).rejects.toThrow('layer "new_conv" is not in it');
});

it('does not go by order against the names that it knows', async () => {
  const layers = everyLayer((layer) => (layer === 'conv' ? 'dense' : layer === 'dense' ? 'last' : layer)).layers;
  await expect(loadLayerWeights(layers, fixture(files[0]!))).rejects.toThrow(
    'layer "last" is not in it; its layer "conv" is not in the model',
  );
});

describe('files that cannot be read', () => {
  const load = (path: string): Promise<void> => loadLayerWeights(everyLayer().layers, path);

  it('are told apart: missing, a folder, another format, an archive', async () => {
    await expect(load(join(folder, 'no.h5'))).rejects.toThrow(
      `there is no weights file ${join(folder, 'no.h5')}: put it there`,
    );
    await expect(load(folder)).rejects.toThrow('is a folder');
    writeFileSync(join(folder, 'text.h5'), '<html>not found</html>');
    await expect(load(join(folder, 'text.h5'))).rejects.toThrow('is not an HDF5 file');
    writeFileSync(join(folder, 'empty.h5'), '');
    await expect(load(join(folder, 'empty.h5'))).rejects.toThrow('is not an HDF5 file');
    writeFileSync(join(folder, 'model.keras'), 'PK\x03\x04 and so on');
    await expect(load(join(folder, 'model.keras'))).rejects.toThrow('unpack model.weights.h5');
  });

  it.each([100, 3000, 9000])('are called damaged when cut after %d bytes', async (size) => {
    const path = join(folder, 'cut.h5');
    copyFileSync(fixture(files[0]!), path);
    truncateSync(path, size);
    await expect(load(path)).rejects.toThrow(`${path} is damaged`);
  });

  it('are called damaged where a weight is no number', async () => {
    const path = write((file) => {
      file.create_attribute('layer_names', ['conv']);
      const group = file.create_group('conv');
      group.create_attribute('weight_names', ['conv/kernel:0', 'conv/bias:0']);
      const inner = group.create_group('conv');
      inner.create_dataset({ name: 'kernel:0', data: new Float32Array(2), shape: [1, 1, 2, 1] });
      inner.create_dataset({ name: 'bias:0', data: Float32Array.of(NaN), shape: [1] });
    });
    const layer = tfl.layers.conv2d({ name: 'conv', filters: 1, kernelSize: 1 });
    layer.build([null, 4, 4, 2]);
    await expect(loadLayerWeights([layer], path)).rejects.toThrow('is damaged ("/conv/conv/bias:0" holds NaN)');
  });

  it('say what a file without layers lacks', async () => {
    const path = write((file) => {
      file.create_dataset({ name: 'numbers', data: Float32Array.of(1) });
    });
    await expect(load(path)).rejects.toThrow('neither "layer_names" nor layers with names');
  });

  /** Writes an HDF5 file by way of h5wasm's file system. */
  function write(fill: (file: InstanceType<typeof h5wasm.File>) => void): string {
    const file = new h5wasm.File('/made.h5', 'w');
    fill(file);
    file.flush();
    file.close();
    const path = join(folder, 'made.h5');
    writeFileSync(path, memory.readFile('/made.h5'));
    memory.unlink('/made.h5');
    return path;
  }
});

it("refuses another model's file for a backbone, and names what differs", async () => {
  await expect(loadBackboneWeights(featuresModel('MobileNet', 32), fixture(files[0]!))).rejects.toThrow(
    /are not those of this backbone: layer "conv1" is not in it; .* more\. Name the file that Keras saved/,
  );
});

describe("EfficientNet's second rescaling", () => {
  const published = { mean: [0.485, 0.456, 0.406], variance: [0.229, 0.224, 0.225] };
  const own = { mean: [0, 0, 0], variance: [1, 1, 1] };
  const mended = published.variance.map((deviation) => 1 / Math.sqrt(deviation));

  it('is due with the statistics of the published files, and where the file names it', () => {
    expect(weightsFactor(published, 1)).toEqual(mended);
    expect(weightsFactor(own, 2)).toEqual(mended);
    expect(weightsFactor(own, 1)).toEqual([1, 1, 1]);
  });
});
