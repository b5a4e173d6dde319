// The two networks of the training bench: about 25 million multiplications an image forward, for 32 × 32 colour images and 100 classes.

import * as tfl from '@tensorflow/tfjs-layers';

export type NetworkName = 'plain' | 'bn';

/** Twice (two 3 × 3 convolutions, max pooling), then two dense layers; `bn` normalises after each convolution. Seeded. Its output is logits. */
export function buildNetwork(name: NetworkName): tfl.LayersModel {
  const { layers } = tfl;
  const model = tfl.sequential();
  let seed = 0;
  const convolution = (filters: number, first: { inputShape?: number[] } = {}): void => {
    const kernelInitializer = tfl.initializers.heNormal({ seed: ++seed });
    const shared = { filters, kernelSize: 3, padding: 'same', kernelInitializer, ...first } as const;
    if (name === 'plain') {
      model.add(layers.conv2d({ ...shared, activation: 'relu' }));
      return;
    }
    model.add(layers.conv2d({ ...shared, useBias: false }));
    model.add(layers.batchNormalization());
    model.add(layers.activation({ activation: 'relu' }));
  };
  convolution(32, { inputShape: [32, 32, 3] });
  convolution(32);
  model.add(layers.maxPooling2d({ poolSize: 2 }));
  convolution(64);
  convolution(64);
  model.add(layers.maxPooling2d({ poolSize: 2 }));
  model.add(layers.flatten());
  const dense = { kernelInitializer: tfl.initializers.heNormal({ seed: ++seed }) };
  model.add(layers.dense({ units: 128, activation: 'relu', ...dense }));
  model.add(layers.dense({ units: 100, ...dense }));
  return model;
}
