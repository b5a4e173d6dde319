// One operation of a branch as layers of TensorFlow.js. Knows neither branches nor data.

import * as tfl from '@tensorflow/tfjs-layers';

import type { Activation, Op } from '../config/definition.ts';
import { randomOf } from '../random/random.ts';

/** An operation that looks at its own input only; `add` also looks back, see residual.ts. */
export type LocalOp = Exclude<Op, { readonly op: 'add' }>;

/** Names and seeds for the layers of one model. */
export interface LayerNames {
  /** The next name of a kind: conv_1, conv_2, … */
  readonly next: (kind: string) => string;
  /** Glorot uniform (Glorot and Bengio 2010), Keras's default, from a random stream that belongs to the layer's name. */
  readonly initialiser: (name: string, part?: string) => ReturnType<typeof tfl.initializers.glorotUniform>;
}

/** @param seed - of all initial weights; layers of different names get independent ones */
export function createLayerNames(seed: number): LayerNames {
  const counts = new Map<string, number>();
  return {
    next: (kind) => {
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      return `${kind}_${count}`;
    },
    initialiser: (name, part = 'kernel') =>
      tfl.initializers.glorotUniform({ seed: randomOf(seed, 'initialise', name, part).next() }),
  };
}

/** Slope of `leaky_relu` below 0: that of Keras's activation of this name. */
export const leakySlope = 0.2;

/** The layers of an operation, in order: a layer, and one for its activation where TensorFlow.js knows that as a layer only. */
export function layersOf(op: LocalOp, names: LayerNames): readonly tfl.layers.Layer[] {
  const layer = mainLayerOf(op, names);
  const leaky = 'activation' in op && op.op !== 'activation' && op.activation === 'leaky_relu';
  return leaky ? [layer, activationLayer('leaky_relu', names)] : [layer];
}

function mainLayerOf(op: LocalOp, names: LayerNames): tfl.layers.Layer {
  switch (op.op) {
    case 'conv':
    case 'separable_conv':
    case 'depthwise_conv':
      return convolution(op, names.next(op.op), names);
    case 'max_pool':
    case 'avg_pool':
      return pooling(op, names.next(op.op));
    case 'global_avg_pool':
      return tfl.layers.globalAveragePooling2d({ name: names.next(op.op) });
    case 'batch_norm':
      return tfl.layers.batchNormalization({
        name: names.next(op.op),
        momentum: op.momentum,
        epsilon: op.epsilon,
      });
    case 'layer_norm':
      return tfl.layers.layerNormalization({ name: names.next(op.op), epsilon: op.epsilon });
    case 'dropout':
      return tfl.layers.dropout({ name: names.next(op.op), rate: op.rate });
    case 'flatten':
      return tfl.layers.flatten({ name: names.next(op.op) });
    case 'activation':
      return activationLayer(op.activation, names);
    case 'dense':
    case 'output':
      return dense(op, op.op === 'output' ? 'logits' : names.next('dense'), names);
  }
}

function convolution(
  op: Extract<Op, { op: 'conv' | 'separable_conv' | 'depthwise_conv' }>,
  name: string,
  names: LayerNames,
): tfl.layers.Layer {
  const shared = {
    name,
    kernelSize: [...op.kernelSize] as [number, number],
    strides: [...op.strides] as [number, number],
    padding: op.padding,
    activation: attached(op.activation),
  };
  const depthwise = { depthwiseInitializer: names.initialiser(name, 'depthwise'), ...penalty('depthwise', op.l2) };
  if (op.op === 'conv')
    return tfl.layers.conv2d({
      ...shared,
      filters: op.filters,
      useBias: op.useBias,
      kernelInitializer: names.initialiser(name),
      ...penalty('kernel', op.l2),
    });
  if (op.op === 'depthwise_conv')
    return tfl.layers.depthwiseConv2d({ ...shared, ...depthwise, depthMultiplier: op.depthMultiplier });
  return tfl.layers.separableConv2d({
    ...shared,
    ...depthwise,
    filters: op.filters,
    depthMultiplier: op.depthMultiplier,
    pointwiseInitializer: names.initialiser(name, 'pointwise'),
    ...penalty('pointwise', op.l2),
  });
}

function pooling(op: Extract<Op, { op: 'max_pool' | 'avg_pool' }>, name: string): tfl.layers.Layer {
  const poolSize = [...op.poolSize] as [number, number];
  const strides = [...op.strides] as [number, number];
  const settings = { name, poolSize, strides, padding: op.padding };
  return op.op === 'max_pool' ? tfl.layers.maxPooling2d(settings) : tfl.layers.averagePooling2d(settings);
}

function dense(op: Extract<Op, { op: 'dense' | 'output' }>, name: string, names: LayerNames): tfl.layers.Layer {
  const kernelInitializer = names.initialiser(name);
  if (op.op === 'output') return tfl.layers.dense({ name, units: op.classes, kernelInitializer });
  return tfl.layers.dense({
    name,
    units: op.units,
    useBias: op.useBias,
    activation: attached(op.activation),
    kernelInitializer,
    ...penalty('kernel', op.l2),
  });
}

/** An activation as a layer of its own. */
function activationLayer(activation: Activation, names: LayerNames): tfl.layers.Layer {
  const name = names.next('activation');
  if (activation === 'leaky_relu') return tfl.layers.leakyReLU({ name, alpha: leakySlope });
  return tfl.layers.activation({ name, activation });
}

/** The activation as an attribute of the layer that it follows. */
function attached(activation: Activation): Exclude<Activation, 'leaky_relu'> {
  return activation === 'leaky_relu' ? 'linear' : activation;
}

type Regularizer = ReturnType<typeof tfl.regularizers.l2>;

/** The settings that add l2·Σw² to the loss; none for 0, so that it costs nothing. */
function penalty<Part extends string>(part: Part, l2: number): Partial<Record<`${Part}Regularizer`, Regularizer>> {
  if (l2 === 0) return {};
  return { [`${part}Regularizer`]: tfl.regularizers.l2({ l2 }) } as Partial<Record<`${Part}Regularizer`, Regularizer>>;
}
