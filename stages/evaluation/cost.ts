// What a model costs, by formula: multiply–accumulates and parameters, layer by layer. One MAC is one product that is added to a sum. Counted are
// convolutions and Dense layers; normalisation, pooling, activations, biases and element-wise sums count 0, the convention of published figures.

import type * as tfl from '@tensorflow/tfjs-layers';

import type { LayerCost } from './result.ts';

type Layer = tfl.LayersModel['layers'][number];
type Weights = ReturnType<Layer['getWeights']>;

/** Layers that have weights and no MACs by convention. */
const uncounted = new Set(['BatchNormalization', 'LayerNormalization', 'PReLU']);

/** MACs of one output position, from the weights in the order in which the layer has them. */
const perPosition: Readonly<Record<string, (weights: Weights) => number>> = {
  // A kernel [kh, kw, in, out] is used once at every output position, in full; so is a depthwise one [kh, kw, in, multiplier].
  Conv1D: ([kernel]) => kernel!.size,
  Conv2D: ([kernel]) => kernel!.size,
  DepthwiseConv2D: ([kernel]) => kernel!.size,
  // Depthwise kernel, then a 1×1 kernel at the same positions.
  SeparableConv2D: ([depthwise, pointwise]) => depthwise!.size + pointwise!.size,
  Dense: ([kernel]) => kernel!.size,
};

/** Costs in the order of the model's layers; those of nested models stand in their place. Throws for layers it has no formula for. */
export function layerCosts(model: tfl.LayersModel): LayerCost[] {
  return model.layers.flatMap((layer) => {
    const nested = (layer as Partial<tfl.LayersModel>).layers;
    return nested === undefined ? [costOf(layer)] : layerCosts(layer as unknown as tfl.LayersModel);
  });
}

/** @returns all and trainable weights, as Keras counts them: a running mean or variance is a weight that is not trainable */
export function countParameters(model: tfl.LayersModel): { readonly parameters: number; readonly trainable: number } {
  const trainable = model.trainableWeights.reduce((sum, weight) => sum + weight.read().size, 0);
  return { parameters: model.countParams(), trainable };
}

/** A layer that is applied in several places is paid for in each, though its parameters exist once. */
function costOf(layer: Layer): LayerCost {
  const type = layer.getClassName();
  const shapes = layer.inboundNodes.map((node) => withoutBatch(node.outputTensors[0]!.shape));
  return {
    name: layer.name,
    type,
    outputShape: shapes[0] ?? [],
    parameters: layer.countParams(),
    macs: shapes.reduce((sum, shape) => sum + macsOf(layer, type, shape), 0),
  };
}

function macsOf(layer: Layer, type: string, outputShape: readonly number[]): number {
  const formula = perPosition[type];
  if (formula === undefined) {
    if (layer.countParams() === 0 || uncounted.has(type)) return 0;
    throw new Error(`layer "${layer.name}": there is no formula for the multiply–accumulates of ${type}`);
  }
  if ((layer.getConfig()['dataFormat'] ?? 'channelsLast') !== 'channelsLast')
    throw new Error(`layer "${layer.name}": multiply–accumulates are counted with channels last only`);
  const positions = outputShape.slice(0, -1).reduce((product, size) => product * size, 1);
  return positions * formula(layer.getWeights());
}

function withoutBatch(shape: readonly (number | null)[]): number[] {
  return shape.slice(1).map((size) => {
    if (size === null) throw new Error('the cost of a model with an input of no fixed size is not defined');
    return size;
  });
}
