// Gradients of activations in one pass; the stock ones take three to five kernels each.

import * as tf from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { setGradient, setKernel, type Gradients } from './registry.ts';

const intervalKernel = 'IntervalGradient';
const sigmoidKernel = 'SigmoidGradient';

export function setActivationKernels({ kernels, address, create }: Heap): void {
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
  const interval = (dy: tf.Tensor, x: tf.Tensor, high: number): Gradients => ({
    x: () => tf.engine().runKernel(intervalKernel, { dy, x }, { low: 0, high }),
  });
  setGradient('Relu', (dy, [x]) => interval(dy, x!, Infinity));
  setGradient('Relu6', (dy, [x]) => interval(dy, x!, 6));
  setGradient('Sigmoid', (dy, [y]) => ({ x: () => tf.engine().runKernel(sigmoidKernel, { dy, y: y! }) }));
}
