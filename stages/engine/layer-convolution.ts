// The convolutional layer as one operation: filter, bias and ReLU forward, and a gradient that needs nothing but the input, the filter
// and the result. While gradients are recorded, TensorFlow.js takes a ReLU apart into three operations, each of whose results it keeps; its fused
// convolution, on the other hand, computes all gradients, also that by the pixels of the first layer, which nobody asked for.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { activate, type Activation } from './activation.ts';
import type { Heap } from './heap.ts';
import { replaceCall, type LayerWeight } from './layers.ts';
import { leavesOutRelu } from './postpone.ts';
import { addGradient, hasKernel, setKernel, type Gradients } from './registry.ts';

const layerKernel = 'ConvolutionLayer';
const slopeKernel = 'RectifiedBiasGradient';
/** Of layers without ReLU, where a backend has something better than a sum. */
const biasKernel = 'BiasGradient';

/** Of both kernels that a backend has to have. */
export interface ConvolutionAttributes extends tf.NamedAttrMap {
  strides: [number, number];
  pad: 'same' | 'valid';
  dataFormat: 'NHWC';
  dilations: 1;
  activation: 'linear' | 'relu';
}

/** Needs the kernels of convolutions. */
export function setLayerKernels(heap: Heap): void {
  setKernel(layerKernel, () => (inputs, attributes) => {
    const fused = tf.getKernel('FusedConv2D', 'wasm');
    const given = Object.fromEntries(Object.entries(inputs).filter(([, tensor]) => tensor !== undefined));
    return fused.kernelFunc({
      inputs: given,
      attrs: attributes as tf.NamedAttrMap,
      backend: tf.backend(),
    });
  });
  setSlopeKernel(heap);
  fuseConvolution('wasm');
}

const backends = new Set<string>();

/** From now on, layers use the kernels ConvolutionLayer and RectifiedBiasGradient of this backend while it is the active one. */
export function fuseConvolution(backend: string): void {
  backends.add(backend);
  addGradient({ kernelName: layerKernel, inputsToSave: ['x', 'filter'], outputsToSave: [true], gradFunc: derive });
  replaceCall<ConvLayer>(tfl.layers.conv2d({ filters: 1, kernelSize: 1 }), (layer, x) =>
    backends.has(tf.getBackend()) ? callLayer(layer, x) : null,
  );
}

/** dy where y is positive, else 0; and its sum over all but the last axis. */
function setSlopeKernel({ kernels, address, create }: Heap): void {
  setKernel(slopeKernel, () => (inputs) => {
    const [dy, y] = [inputs['dy']!, inputs['y']!];
    const channels = y.shape.at(-1)!;
    const outs = [create(y.shape), create([channels])];
    const rows = tf.util.sizeFromShape(y.shape) / channels;
    kernels.rectifiedBiasGradient(...[dy, y, ...outs].map(address), rows, channels);
    return outs;
  });
}

function derive(dys: tf.Tensor | tf.Tensor[], saved: tf.Tensor[], attributes: tf.NamedAttrMap): Gradients {
  const [x, filter, y] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  const { strides, pad, activation } = attributes as ConvolutionAttributes;
  const [slope, sums] = activation === 'relu' ? rectifiedSlope(dys as tf.Tensor4D, y) : [dys as tf.Tensor4D, null];
  const common = { strides, pad, dataFormat: 'NHWC', dimRoundingMode: undefined };
  const run = (name: string, inputs: tf.NamedTensorMap, more: object): tf.Tensor =>
    tf.engine().runKernel(name, inputs, { ...common, ...more } as unknown as tf.NamedAttrMap);
  return {
    x: () => run('Conv2DBackpropInput', { dy: slope, filter }, { inputShape: x.shape }),
    filter: () => run('Conv2DBackpropFilter', { x, dy: slope }, { filterShape: filter.shape }),
    bias: () => sums ?? sumPixels(slope),
  };
}

function rectifiedSlope(dy: tf.Tensor4D, y: tf.Tensor4D): [tf.Tensor4D, tf.Tensor] {
  return tf.engine().runKernel(slopeKernel, { dy, y });
}

function sumPixels(dy: tf.Tensor4D): tf.Tensor {
  return hasKernel(biasKernel) ? tf.engine().runKernel(biasKernel, { dy }) : tf.sum(dy, [0, 1, 2]);
}

/** What the convolutional layer of TensorFlow.js holds. */
interface ConvLayer {
  readonly kernel: LayerWeight;
  readonly bias: LayerWeight | null;
  readonly strides: [number, number];
  readonly padding: string;
  readonly dataFormat: string;
  readonly dilationRate: number | readonly number[];
  readonly activation: Activation;
}

function callLayer(layer: ConvLayer, x: tf.Tensor): tf.Tensor | null {
  const { padding, dataFormat, dilationRate, strides } = layer;
  const dense = [dilationRate].flat().every((rate) => rate === 1);
  if (!dense || dataFormat !== 'channelsLast' || x.rank !== 4 || (padding !== 'same' && padding !== 'valid'))
    return null;
  const linear = leavesOutRelu(layer);
  const relu = !linear && layer.activation.getClassName() === 'relu';
  const inputs = { x, filter: layer.kernel.read(), ...(layer.bias && { bias: layer.bias.read() }) };
  const attributes: ConvolutionAttributes = {
    strides,
    pad: padding,
    dataFormat: 'NHWC',
    dilations: 1,
    activation: relu ? 'relu' : 'linear',
  };
  const y = tf.engine().runKernel<tf.Tensor>(layerKernel, inputs, attributes);
  return linear || relu ? y : activate(layer.activation, y);
}
