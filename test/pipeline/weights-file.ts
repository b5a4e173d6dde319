// A file of weights as Keras writes one for a backbone without its top, with random numbers of a seed: what its official files look like, offline.

import { writeFileSync } from 'node:fs';
import h5wasm from 'h5wasm';
import { kerasLayers } from '../../stages/backbone/part.ts';
import type { Backbone } from '../../stages/config/definition.ts';
import { openEngine } from '../../stages/engine/open.ts';
import { buildModel } from '../../stages/model/build.ts';

const options = { weights: null, frozen: 0, fineTuning: null, inputSize: null } as const;

export async function writeWeightsFile(path: string, name: Backbone, seed: number): Promise<void> {
  const engine = await openEngine('wasm');
  const { FS: files } = await h5wasm.ready;
  const model = buildModel(
    { kind: 'backbone', name, classes: 2, ...options },
    { inputShape: [32, 32, 3], scale: 1, offset: 0, seed },
  );
  const file = new h5wasm.File('/new.h5', 'w');
  const layers = kerasLayers(model).filter(({ weights }) => weights.length > 0);
  file.create_attribute(
    'layer_names',
    layers.map((layer) => layer.name),
  );
  for (const layer of layers) {
    const group = file.create_group(layer.name);
    // Keras's names are paths: "conv1/kernel:0", within the group of the layer.
    const inner = group.create_group(layer.name);
    const names = layer.weights.map(({ originalName }) => `${originalName.split('/').at(-1)!}:0`);
    const paths = names.map((weight) => `${layer.name}/${weight}`);
    group.create_attribute('weight_names', paths, [paths.length], 'S');
    layer.weights.forEach((weight, index) => {
      const data = weight.read().dataSync<'float32'>();
      inner.create_dataset({ name: names[index]!, data, shape: weight.shape as number[], dtype: '<f' });
    });
  }
  file.close();
  writeFileSync(path, files.readFile('/new.h5'));
  files.unlink('/new.h5');
  model.dispose();
  engine.close();
}
