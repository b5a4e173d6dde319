// Products of tensors of which one is repeated along neighbouring axes (squeeze and excitation: [n, h, w, c] · [n, 1, 1, c]), and the gradient of
// products.

import * as tf from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { setGradient, setKernel, type Gradients, type Inputs } from './registry.ts';

const sumsKernel = 'ProductSums';

/** A large tensor as [outer, rows, columns], of which the small one has [outer, 1, columns]. */
interface Repetition {
  readonly outer: number;
  readonly rows: number;
  readonly columns: number;
}

export function setProductKernels({ kernels, address, create }: Heap): void {
  setKernel('Multiply', (stock) => (inputs, attributes) => {
    const [large, small, repetition] = repetitionIn(inputs['a']!, inputs['b']!) ?? [];
    if (large === undefined || small === undefined || repetition === undefined) return stock(inputs, attributes);
    const out = create(large.shape);
    const { outer, rows, columns } = repetition;
    kernels.scaleRows(address(large), address(small), address(out), outer, rows, columns);
    return out;
  });
  setKernel(sumsKernel, () => (inputs: Inputs, attributes) => {
    const { outer, rows, columns, shape } = attributes as Repetition & { readonly shape: number[] };
    const out = create(shape);
    kernels.productSums(address(inputs['x']!), address(inputs['y']!), address(out), outer, rows, columns);
    return out;
  });
  setGradient('Multiply', (dy, [a, b]) => {
    if (tf.util.arraysEqual(a!.shape, b!.shape)) return { a: () => tf.mul(dy, b!), b: () => tf.mul(dy, a!) };
    const found = repetitionIn(a!, b!);
    if (found === null) return null;
    const [large, small, repetition] = found;
    const byLarge = (): tf.Tensor => tf.mul(dy, small);
    const bySmall = (): tf.Tensor =>
      tf.engine().runKernel(sumsKernel, { x: dy, y: large }, { ...repetition, shape: small.shape });
    const gradients: Gradients = large === a ? { a: byLarge, b: bySmall } : { a: bySmall, b: byLarge };
    return gradients;
  });
}

/** Which of the two is repeated along the other one's axes and how; null where it is done otherwise, or not worth a kernel. */
function repetitionIn<T extends tf.TensorInfo>(a: T, b: T): [large: T, small: T, how: Repetition] | null {
  const [large, small] = tf.util.sizeFromShape(a.shape) >= tf.util.sizeFromShape(b.shape) ? [a, b] : [b, a];
  if (large.dtype !== 'float32' || small.dtype !== 'float32' || small.shape.length > large.shape.length) return null;
  const missing = large.shape.length - small.shape.length;
  const shape = [...Array<number>(missing).fill(1), ...small.shape];
  const differing = shape.flatMap((size, axis) => (size === large.shape[axis] ? [] : [axis]));
  const [first, last] = [differing[0], differing.at(-1)];
  if (first === undefined || last === undefined) return null;
  // Axes between them may be of size 1 in both.
  if (shape.slice(first, last + 1).some((size) => size !== 1)) return null;
  const columns = tf.util.sizeFromShape(large.shape.slice(last + 1));
  const rows = tf.util.sizeFromShape(large.shape.slice(first, last + 1));
  if (columns < 4 || rows === 0) return null;
  return [large, small, { outer: tf.util.sizeFromShape(large.shape.slice(0, first)), rows, columns }];
}
