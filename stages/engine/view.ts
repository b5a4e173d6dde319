// A tensor's values without a copy where the engine can show them. Knows nothing of what they are.

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

/** The values, row-major, to be read at once: on wasm they lie on the heap and are gone when the tensor is, or when the heap grows. */
export async function viewValues(tensor: tf.Tensor): Promise<Float32Array> {
  if (tf.getBackend() !== 'wasm') return tensor.data<'float32'>();
  return (tf.backend() as unknown as BackendWasm).typedArrayFromHeap(tensor) as Float32Array;
}
