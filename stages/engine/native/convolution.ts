// The convolutional layer on native TensorFlow: the bias belongs to the convolution where oneDNN is there, and its gradient is one operation. TensorFlow.js
// broadcasts the bias and sums its gradient by general operations, which take several times as long.

import type * as tf from '@tensorflow/tfjs-core';

import { fuseConvolution, type ConvolutionAttributes } from '../layer-convolution.ts';
import type { NativeBackend, OpAttribute } from './load.ts';
import { oneDnnLabel } from './onednn.ts';
import { addKernel, attribute, backendName, floatType, windowAttributes, type NamedTensors } from './operation.ts';

/** Makes the layers use it while native TensorFlow is the active backend. */
export function setNativeConvolution({ oneDnn }: { readonly oneDnn: boolean }): void {
  addKernel('ConvolutionLayer', (native, inputs, attributes) => {
    const options = attributes as ConvolutionAttributes;
    const convolved =
      oneDnn && inputs['bias'] ? convolveAtOnce(native, inputs, options) : convolve(native, inputs, options);
    return options.activation === 'relu'
      ? replace(convolved, native.executeSingleOutput('Relu', [floatType(native)], [convolved]))
      : convolved;
  });
  addKernel('RectifiedBiasGradient', (native, { dy, y }) => {
    const slope = native.executeSingleOutput('ReluGrad', [floatType(native)], [dy!, y!]);
    return [slope, sumPixels(native, slope)];
  });
  addKernel('BiasGradient', (native, { dy }) => sumPixels(native, dy!));
  fuseConvolution(backendName);
}

function convolveAtOnce(native: NativeBackend, inputs: NamedTensors, options: ConvolutionAttributes): tf.Tensor {
  const { x, filter, bias } = inputs;
  const attributes = [...windowAttributes(native, options), oneDnnLabel(native)];
  return native.executeSingleOutput('_MklNativeConv2DWithBias', attributes, [x!, filter!, bias!]);
}

function convolve(native: NativeBackend, inputs: NamedTensors, options: ConvolutionAttributes): tf.Tensor {
  const { x, filter, bias } = inputs;
  const product = native.executeSingleOutput('Conv2D', windowAttributes(native, options), [x!, filter!]);
  if (bias === undefined) return product;
  return replace(product, native.executeSingleOutput('BiasAdd', biasAttributes(native), [product, bias]));
}

function sumPixels(native: NativeBackend, dy: tf.Tensor): tf.Tensor {
  return native.executeSingleOutput('BiasAddGrad', biasAttributes(native), [dy]);
}

function replace(old: tf.Tensor, next: tf.Tensor): tf.Tensor {
  old.dispose();
  return next;
}

function biasAttributes(native: NativeBackend): OpAttribute[] {
  return [floatType(native), attribute(native, 'STRING', 'data_format', 'NHWC')];
}
