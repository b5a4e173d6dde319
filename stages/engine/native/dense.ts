// The dense layer as one kernel. TensorFlow.js takes it for a product of batches of matrices, broadcasts the bias, and reshapes around both: small
// operations, each of which costs more than its work.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { activate, type Activation } from '../activation.ts';
import { passBias } from '../bias.ts';
import { replaceCall, type LayerWeight } from '../layers.ts';
import { addGradient } from '../registry.ts';
import { addBias, rectify } from './bias.ts';
import type { NativeBackend } from './load.ts';
import { addKernel, attribute, backendName, floatType } from './operation.ts';

const layerKernel = 'NativeDense';
const productKernel = 'NativeProduct';

/** Which of both matrices is taken with its rows as columns. */
interface Product extends tf.NamedAttrMap {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Makes the layers use it for rows of values while native TensorFlow is the active backend. Needs the kernels of biases. */
export function setNativeDense(): void {
  addKernel(layerKernel, (native, { x, weights, bias }, options) => {
    const product = multiply(native, x!, weights!, { transposeA: false, transposeB: false });
    const y = addBias(native, product, bias);
    return isRectified(options) ? rectify(native, y) : y;
  });
  addKernel(productKernel, (native, { a, b }, options) => multiply(native, a!, b!, options as Product));
  addGradient({
    kernelName: layerKernel,
    inputsToSave: ['x', 'weights'],
    outputsToSave: [true],
    gradFunc: (dy, saved, options) => {
      const [x, weights, y] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const { slope, bias } = passBias(dy as tf.Tensor, y, isRectified(options));
      const product = (a: tf.Tensor, b: tf.Tensor, options: Product): tf.Tensor =>
        tf.engine().runKernel(productKernel, { a, b }, options);
      return {
        x: () => product(slope, weights, { transposeA: false, transposeB: true }),
        weights: () => product(x, slope, { transposeA: true, transposeB: false }),
        bias,
      };
    },
  });
  replaceCall<DenseLayer>(tfl.layers.dense({ units: 1 }), callLayer);
}

function multiply(native: NativeBackend, a: tf.Tensor, b: tf.Tensor, options: Product): tf.Tensor {
  const transposed = (name: string, value: boolean) => attribute(native, 'BOOL', name, value);
  const { transposeA, transposeB } = options;
  const attributes = [floatType(native), transposed('transpose_a', transposeA), transposed('transpose_b', transposeB)];
  return native.executeSingleOutput('MatMul', attributes, [a, b]);
}

function isRectified(options: unknown): boolean {
  return (options as { readonly rectified: boolean }).rectified;
}

/** What the dense layer of TensorFlow.js holds. */
interface DenseLayer {
  readonly kernel: LayerWeight;
  readonly bias: LayerWeight | null;
  readonly activation: Activation;
}

function callLayer({ kernel, bias, activation }: DenseLayer, x: tf.Tensor): tf.Tensor | null {
  if (x.rank !== 2 || tf.getBackend() !== backendName) return null;
  const rectified = activation.getClassName() === 'relu';
  const inputs = { x, weights: kernel.read(), ...(bias && { bias: bias.read() }) };
  const y = tf.engine().runKernel<tf.Tensor>(layerKernel, inputs, { rectified });
  return rectified ? y : activate(activation, y);
}
