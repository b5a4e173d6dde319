// Gives the activations of frozen layers back while a model runs forward in training. TensorFlow.js keeps them all until the end of the run, for gradients
// that nobody asks for where nothing before or in a layer is trained.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

export interface Releaser {
  /** To be called whenever other layers are trained than before. */
  readonly update: () => void;
  /** Leaves the layers as they were. */
  readonly dispose: () => void;
}

/** What we use of a layer beyond its public types. */
interface Linked {
  readonly inboundNodes: readonly { readonly inboundLayers: readonly tfl.layers.Layer[] }[];
}

/** From now on, and as long as it is not disposed, runs of the model with `training: true` give these activations back. */
export function releaseFrozen(model: tfl.LayersModel): Releaser {
  let remaining = new Map<tfl.layers.Layer, number>();
  let consumers = new Map<tfl.layers.Layer, number>();
  for (const layer of model.layers) {
    const before = inboundOf(layer);
    const apply = layer.apply.bind(layer);
    layer.apply = (inputs, kwargs) => {
      const outputs = apply(inputs, kwargs);
      if (kwargs?.['training'] === true) [inputs].flat().forEach((input, index) => release(before[index], input));
      return outputs;
    };
  }
  const release = (layer: tfl.layers.Layer | undefined, activation: unknown): void => {
    const left = layer === undefined ? undefined : remaining.get(layer);
    if (left === undefined || !(activation instanceof tf.Tensor)) return;
    if (left === 1) activation.dispose();
    remaining.set(layer!, left === 1 ? consumers.get(layer!)! : left - 1);
  };
  const update = (): void => {
    consumers = countConsumers(model);
    remaining = new Map(consumers);
  };
  update();
  const dispose = (): void => model.layers.forEach((layer) => Reflect.deleteProperty(layer, 'apply'));
  return { update, dispose };
}

/** How many layers read what a layer gives, for the layers whose activations no gradient needs: nothing up to the layers that read them is trained. */
function countConsumers(model: tfl.LayersModel): Map<tfl.layers.Layer, number> {
  const frozen = new Set<tfl.layers.Layer>();
  const counts = new Map<tfl.layers.Layer, number>();
  const needed = new Set(model.outputs.map(({ sourceLayer }) => sourceLayer));
  for (const layer of model.layers) {
    const before = inboundOf(layer);
    if (layer.trainableWeights.length === 0 && before.every((one) => frozen.has(one))) frozen.add(layer);
    for (const one of before) {
      counts.set(one, (counts.get(one) ?? 0) + 1);
      if (!frozen.has(layer)) needed.add(one);
    }
  }
  // What goes into the model belongs to the caller.
  return new Map(
    [...counts].filter(([layer]) => frozen.has(layer) && !needed.has(layer) && inboundOf(layer).length > 0),
  );
}

/** The layers that a layer reads; a layer that is used more than once is taken for an input, which nothing is done about. */
function inboundOf(layer: tfl.layers.Layer): readonly tfl.layers.Layer[] {
  const { inboundNodes } = layer as unknown as Linked;
  return inboundNodes.length === 1 ? inboundNodes[0]!.inboundLayers : [];
}
