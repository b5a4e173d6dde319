// Gradients of activations in one pass; the stock ones take three to five kernels each.

import * as tf from '@tensorflow/tfjs-core';

import * as tfl from '@tensorflow/tfjs-layers';

import type { Heap } from './heap.ts';
import { replaceCall } from './layers.ts';
import { addGradient, setGradient, setKernel, type Gradients } from './registry.ts';

const intervalKernel = 'IntervalGradient';
const sigmoidKernel = 'SigmoidGradient';
const swishKernel = 'Swish';
const swishGradient = 'SwishGradient';

export function setActivationKernels(heap: Heap): void {
  const { kernels, address, create } = heap;
  setKernel(intervalKernel, () => (inputs, attributes) => {
    const [dy, x] = [inputs['dy']!, inputs['x']!];
    const { low, high } = attributes as { low: number; high: number };
    const out = create(x.shape);
    kernels.intervalGradient(address(dy), address(x), address(out), tf.util.sizeFromShape(x.shape), low, high);
    return out;
  });
  setKernel(sigmoidKernel, () => (inputs) => {
    const [dy, y] = [inputs['dy']!, inputs['y']!];
    const out = create(y.shape);
    kernels.sigmoidGradient(address(dy), address(y), address(out), tf.util.sizeFromShape(y.shape));
    return out;
  });
  setSwish(heap);
  const interval = (dy: tf.Tensor, x: tf.Tensor, high: number): Gradients => ({
    x: () => tf.engine().runKernel(intervalKernel, { dy, x }, { low: 0, high }),
  });
  setGradient('Relu', (dy, [x]) => interval(dy, x!, Infinity));
  setGradient('Relu6', (dy, [x]) => interval(dy, x!, 6));
  setGradient('Sigmoid', (dy, [y]) => ({ x: () => tf.engine().runKernel(sigmoidKernel, { dy, y: y! }) }));
}

/** x · sigmoid(x), of which TensorFlow.js keeps x, a copy of x and the sigmoid for the gradient. */
function setSwish({ kernels, address, create }: Heap): void {
  setKernel(swishKernel, () => (inputs) => {
    const x = inputs['x']!;
    const out = create(x.shape);
    kernels.swish(address(x), address(out), tf.util.sizeFromShape(x.shape));
    return out;
  });
  setKernel(swishGradient, () => (inputs) => {
    const [dy, x] = [inputs['dy']!, inputs['x']!];
    const out = create(x.shape);
    kernels.swishGradient(address(dy), address(x), address(out), tf.util.sizeFromShape(x.shape));
    return out;
  });
  addGradient({
    kernelName: swishKernel,
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({ x: () => tf.engine().runKernel(swishGradient, { dy: dy as tf.Tensor, x: x! }) }),
  });
  const example = tfl.layers.activation({ activation: 'swish' });
  replaceCall<{ readonly activation: Activation }>(example, ({ activation }, x) =>
    tf.getBackend() === 'wasm' ? activate(activation, x) : null,
  );
}

/** An activation as a layer of TensorFlow.js holds it. */
export interface Activation {
  getClassName(): string;
  apply(x: tf.Tensor): tf.Tensor;
}

/** The activation of x, by a kernel of ours where there is one. */
export function activate(activation: Activation, x: tf.Tensor): tf.Tensor {
  const known = tf.getBackend() === 'wasm' && activation.getClassName() === 'swish' && x.dtype === 'float32';
  if (!known) return activation.apply(x);
  return tf.engine().runKernel(swishKernel, { x });
}
