// The cross-entropy of rows as one kernel, for backends that have one; else it takes a dozen operations, and as many for its gradient.

import * as tf from '@tensorflow/tfjs-core';

import { addGradient, hasKernel } from './registry.ts';

/** Takes logits and targets [n, classes], and gives the cross-entropy of each row and its gradient by the logits [n, classes]. */
export const crossEntropyKernel = 'CrossEntropyOfRows';

/** To be called once a backend has the kernel. */
export function setCrossEntropyGradient(): void {
  addGradient({
    kernelName: crossEntropyKernel,
    outputsToSave: [false, true],
    gradFunc: (dys, [slope]) => ({
      logits: () => tf.mul(slope!, tf.expandDims((dys as tf.Tensor[])[0]!, 1)),
    }),
  });
}

/**
 * −Σ target·log softmax(logits) of each row, differentiable by the logits, for targets that sum up to 1 in each row. null: the active engine has no kernel
 * for it.
 */
export function crossEntropyOfRows(logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Tensor | null {
  if (!hasKernel(crossEntropyKernel)) return null;
  return tf.engine().runKernel<tf.Tensor[]>(crossEntropyKernel, { logits, targets })[0]!;
}
