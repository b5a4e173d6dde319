// The cross-entropy with its gradient as TensorFlow's own operation.

import { crossEntropyKernel, setCrossEntropyGradient } from '../cross-entropy.ts';
import { addKernel, floatType } from './operation.ts';

/** Makes the loss use it while native TensorFlow is the active backend. */
export function setNativeCrossEntropy(): void {
  addKernel(crossEntropyKernel, (native, { logits, targets }) =>
    native.executeMultipleOutputs('SoftmaxCrossEntropyWithLogits', [floatType(native)], [logits!, targets!], 2),
  );
  setCrossEntropyGradient();
}
