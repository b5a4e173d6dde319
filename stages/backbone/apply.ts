// A backbone as part of a model: raw pixels in, features out, with Keras's layer names and topology. Only layers that plain TensorFlow.js knows.
// Knows nothing of weights files, heads and training.

import type * as tfl from '@tensorflow/tfjs-layers';

import type { Backbone } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import { catalog, smallestSize } from './catalog.ts';
import { applyEfficientNet } from './efficientnet.ts';
import { applyMobileNet } from './mobilenet.ts';
import { applyNasNetMobile } from './nasnet.ts';
import { createNetwork, type Network, type Tensor } from './network.ts';
import { applyResNet50 } from './resnet.ts';
import { applyScaling } from './scaling.ts';

/**
 * The features of images: pixels 0–255 [n, h, w, 3] → [n, h', w', c], without pooling. The family's input scaling is part of it. Initial weights are
 * random, from `seed`.
 *
 * Throws a StageFailure for images that are too small or not in colour.
 */
export function applyBackbone(
  name: Backbone,
  input: tfl.SymbolicTensor,
  options: { readonly seed: number },
): tfl.SymbolicTensor {
  checkImages(name, input);
  const scaled = applyScaling(input, catalog[name].scaling);
  return families[name](scaled, createNetwork(options.seed));
}

const families: Readonly<Record<Backbone, (input: Tensor, network: Network) => Tensor>> = {
  EfficientNetB0: (input, network) => applyEfficientNet(input, network, 1),
  EfficientNetB1: (input, network) => applyEfficientNet(input, network, 1.1),
  MobileNet: applyMobileNet,
  NASNetMobile: applyNasNetMobile,
  ResNet50: applyResNet50,
};

function checkImages(name: Backbone, { shape }: Tensor): void {
  const [, height, width, channels] = shape;
  if (channels !== 3)
    throw new StageFailure(
      `${name} needs images with three channels, these have ${channels ?? 'any number'}: leave grayscale out`,
    );
  if (Math.min(height ?? 0, width ?? 0) < smallestSize)
    throw new StageFailure(
      `${name} needs images of ${smallestSize}×${smallestSize} pixels or more, these have ${height}×${width}: set a larger input_size`,
    );
}
