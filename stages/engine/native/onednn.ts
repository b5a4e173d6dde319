// Operations of oneDNN that TensorFlow puts into its graphs in the place of its own, and that can be called by themselves, too. They exist on processors
// only, and not in every build of TensorFlow.

import type { NativeBackend, OpAttribute } from './load.ts';
import { attribute, windowAttributes } from './operation.ts';

/** Where one image and one filter suffice to try. */
const smallest = { strides: [1, 1], pad: 'same' } as const;

/** What each of these operations has to be called with. */
export function oneDnnLabel(native: NativeBackend): OpAttribute {
  return attribute(native, 'STRING', '_kernel', 'MklNameChangeOp');
}

/** Whether they are there: tries them. `TF_ENABLE_ONEDNN_OPTS=0` turns them off, as it does in TensorFlow. */
export function hasOneDnn(native: NativeBackend): boolean {
  if (native.isUsingGpuDevice || process.env['TF_ENABLE_ONEDNN_OPTS'] === '0') return false;
  const { binding } = native;
  const create = (shape: readonly number[]): number =>
    binding.createTensor(shape, binding.TF_FLOAT, Float32Array.of(1));
  const inputs = [create([1, 1, 1, 1]), create([1, 1, 1, 1]), create([1])];
  const attributes = [...windowAttributes(native, smallest), oneDnnLabel(native)];
  const size = attribute(native, 'INT', 'ksize', [1, 1, 1, 1]);
  try {
    const results = [
      ...binding.executeOp('_MklNativeConv2DWithBias', attributes, inputs, 1),
      ...binding.executeOp('_MklNativeMaxPool', [...attributes, size], inputs.slice(0, 1), 2),
    ];
    results.forEach(({ id }) => binding.deleteTensor(id));
    return true;
  } catch {
    return false;
  } finally {
    inputs.forEach((id) => binding.deleteTensor(id));
  }
}
