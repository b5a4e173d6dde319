// The way back through a bias and the ReLU after it, by kernels that backends have. Knows no layers.

import * as tf from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { hasKernel, setKernel } from './registry.ts';

/** dy where y is positive, else 0; and its sum over all but the last axis. */
export const rectifiedKernel = 'RectifiedBiasGradient';
/** The sum of dy over all but the last axis. A backend need not have it. */
export const biasKernel = 'BiasGradient';

export function setRectifiedKernel({ kernels, address, create }: Heap): void {
  setKernel(rectifiedKernel, () => (inputs) => {
    const [dy, y] = [inputs['dy']!, inputs['y']!];
    const channels = y.shape.at(-1)!;
    const outs = [create(y.shape), create([channels])];
    const rows = tf.util.sizeFromShape(y.shape) / channels;
    kernels.rectifiedBiasGradient(...[dy, y, ...outs].map(address), rows, channels);
    return outs;
  });
}

/** Needs the kernel, if y is what a ReLU gave. */
export function passBias<T extends tf.Tensor>(dy: T, y: T, rectified: boolean): { slope: T; bias: () => tf.Tensor } {
  if (!rectified) return { slope: dy, bias: () => sumRows(dy) };
  const [slope, bias] = tf.engine().runKernel<tf.Tensor[]>(rectifiedKernel, { dy, y });
  return { slope: slope as T, bias: () => bias! };
}

function sumRows(dy: tf.Tensor): tf.Tensor {
  if (hasKernel(biasKernel)) return tf.engine().runKernel(biasKernel, { dy });
  return tf.sum(dy, [...dy.shape.keys()].slice(0, -1));
}
