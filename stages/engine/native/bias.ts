// Biases and their gradients as TensorFlow's own operations: TensorFlow.js broadcasts a bias and sums its gradient by general ones, which take several times
// as long.

import type * as tf from '@tensorflow/tfjs-core';

import { biasKernel, rectifiedKernel } from '../bias.ts';
import type { NativeBackend, OpAttribute } from './load.ts';
import { addKernel, attribute, floatType } from './operation.ts';

/** Registers the kernels of both gradients. */
export function setNativeBias(): void {
  addKernel(rectifiedKernel, (native, { dy, y }) => {
    const slope = native.executeSingleOutput('ReluGrad', [floatType(native)], [dy!, y!]);
    return [slope, sumRows(native, slope)];
  });
  addKernel(biasKernel, (native, { dy }) => sumRows(native, dy!));
}

/** Disposes what it gets. */
export function addBias(native: NativeBackend, x: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor {
  if (bias === undefined) return x;
  return replace(x, native.executeSingleOutput('BiasAdd', biasAttributes(native), [x, bias]));
}

/** Disposes what it gets. */
export function rectify(native: NativeBackend, x: tf.Tensor): tf.Tensor {
  return replace(x, native.executeSingleOutput('Relu', [floatType(native)], [x]));
}

function replace(old: tf.Tensor, next: tf.Tensor): tf.Tensor {
  old.dispose();
  return next;
}

function sumRows(native: NativeBackend, dy: tf.Tensor): tf.Tensor {
  return native.executeSingleOutput('BiasAddGrad', biasAttributes(native), [dy]);
}

function biasAttributes(native: NativeBackend): OpAttribute[] {
  return [floatType(native), attribute(native, 'STRING', 'data_format', 'NHWC')];
}
