// The convolutional layer as one operation: filter, bias and ReLU forward, and a gradient that needs nothing but the input, the filter
// and the result. While gradients are recorded, TensorFlow.js takes a ReLU apart into three operations, each of whose results it keeps; its fused
// convolution, on the other hand, computes all gradients, also that by the pixels of the first layer, which nobody asked for.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { activate, type Activation } from './activation.ts';
import { passBias, setRectifiedKernel } from './bias.ts';
import type { Heap } from './heap.ts';
import { replaceCall, type LayerWeight } from './layers.ts';
import { leavesOutRelu } from './postpone.ts';
import { addGradient, setKernel, type Gradients } from './registry.ts';

const layerKernel = 'ConvolutionLayer';

/** Of the kernel that a backend has to have. */
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
  setRectifiedKernel(heap);
  fuseConvolution('wasm');
}

const backends = new Set<string>();

/** From now on, layers use the kernel ConvolutionLayer and those of biases of this backend while it is the active one. */
export function fuseConvolution(backend: string): void {
  backends.add(backend);
  addGradient({ kernelName: layerKernel, inputsToSave: ['x', 'filter'], outputsToSave: [true], gradFunc: derive });
  replaceCall<ConvLayer>(tfl.layers.conv2d({ filters: 1, kernelSize: 1 }), (layer, x) =>
    backends.has(tf.getBackend()) ? callLayer(layer, x) : null,
  );
}

function derive(dys: tf.Tensor | tf.Tensor[], saved: tf.Tensor[], attributes: tf.NamedAttrMap): Gradients {
  const [x, filter, y] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
  const { strides, pad, activation } = attributes as ConvolutionAttributes;
  const { slope, bias } = passBias(dys as tf.Tensor4D, y, activation === 'relu');
  const common = { strides, pad, dataFormat: 'NHWC', dimRoundingMode: undefined };
  const run = (name: string, inputs: tf.NamedTensorMap, more: object): tf.Tensor =>
    tf.engine().runKernel(name, inputs, { ...common, ...more } as unknown as tf.NamedAttrMap);
  return {
    x: () => run('Conv2DBackpropInput', { dy: slope, filter }, { inputShape: x.shape }),
    filter: () => run('Conv2DBackpropFilter', { x, dy: slope }, { filterShape: filter.shape }),
    bias,
  };
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
