// The convolutional layer on native TensorFlow: the bias belongs to the convolution where oneDNN is there.

import type * as tf from '@tensorflow/tfjs-core';

import { fuseConvolution, type ConvolutionAttributes } from '../layer-convolution.ts';
import { addBias, rectify } from './bias.ts';
import type { NativeBackend } from './load.ts';
import { oneDnnLabel } from './onednn.ts';
import { addKernel, backendName, windowAttributes, type NamedTensors } from './operation.ts';

/** Makes the layers use it while native TensorFlow is the active backend. Needs the kernels of biases. */
export function setNativeConvolution({ oneDnn }: { readonly oneDnn: boolean }): void {
  addKernel('ConvolutionLayer', (native, inputs, attributes) => {
    const options = attributes as ConvolutionAttributes;
    const convolved =
      oneDnn && inputs['bias'] ? convolveAtOnce(native, inputs, options) : convolve(native, inputs, options);
    return options.activation === 'relu' ? rectify(native, convolved) : convolved;
  });
  fuseConvolution(backendName);
}

function convolveAtOnce(native: NativeBackend, inputs: NamedTensors, options: ConvolutionAttributes): tf.Tensor {
  const { x, filter, bias } = inputs;
  const attributes = [...windowAttributes(native, options), oneDnnLabel(native)];
  return native.executeSingleOutput('_MklNativeConv2DWithBias', attributes, [x!, filter!, bias!]);
}

function convolve(native: NativeBackend, inputs: NamedTensors, options: ConvolutionAttributes): tf.Tensor {
  const { x, filter, bias } = inputs;
  return addBias(native, native.executeSingleOutput('Conv2D', windowAttributes(native, options), [x!, filter!]), bias);
}
