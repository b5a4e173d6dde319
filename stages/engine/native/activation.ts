// Gradients of activations as TensorFlow's own operations. TensorFlow.js would take up to ten for one, which is a sixth of a training step.

import * as tf from '@tensorflow/tfjs-core';

import { setGradient } from '../registry.ts';
import { addKernel, backendName, floatType } from './operation.ts';

/** Makes them the gradients of the activations while native TensorFlow is the active backend. */
export function setNativeActivations(): void {
  // The operations differ in the order of their inputs: the first two take the gradient and what went in, the last one what came out and the gradient.
  const relu = addOperation('ReluGrad');
  const relu6 = addOperation('Relu6Grad');
  const sigmoid = addOperation('SigmoidGrad');
  setGradient('Relu', (dy, [x]) => ({ x: () => relu(dy, x!) }), backendName);
  setGradient('Relu6', (dy, [x]) => ({ x: () => relu6(dy, x!) }), backendName);
  setGradient('Sigmoid', (dy, [y]) => ({ x: () => sigmoid(y!, dy) }), backendName);
}

/** Registers an operation of two float32 tensors of one shape as a kernel. @returns what runs it */
function addOperation(operation: string): (first: tf.Tensor, second: tf.Tensor) => tf.Tensor {
  const kernelName = `Native${operation}`;
  addKernel(kernelName, (native, { first, second }) =>
    native.executeSingleOutput(operation, [floatType(native)], [first!, second!]),
  );
  return (first, second) => tf.engine().runKernel(kernelName, { first, second });
}
