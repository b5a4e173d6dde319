// Sums and means over neighbouring axes that are not the last: bias gradients, global average pooling. The stock kernels transpose first.

import * as tf from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { setGradient, setKernel, type Gradients } from './registry.ts';

const repeatKernel = 'RepeatRows';

export function setReductionKernels(heap: Heap): void {
  setKernel('Sum', (stock) => (inputs, attributes) => {
    const plan = planOf(inputs['x']!, attributes as tf.SumAttrs);
    return plan === null ? stock(inputs, attributes) : reduce(heap, inputs['x']!, plan, 1);
  });
  setKernel('Mean', (stock) => (inputs, attributes) => {
    const plan = planOf(inputs['x']!, attributes as tf.SumAttrs);
    return plan === null ? stock(inputs, attributes) : reduce(heap, inputs['x']!, plan, 1 / plan.rows);
  });
  setRepetition(heap);
  setGradient('Sum', (dy, [x], attributes) => repeat(dy, x!, attributes, () => 1));
  setGradient('Mean', (dy, [x], attributes) => repeat(dy, x!, attributes, ({ rows }) => 1 / rows));
}

/** The gradient of a sum: the same dy in each row. */
function setRepetition({ kernels, address, create }: Heap): void {
  setKernel(repeatKernel, () => (inputs, attributes) => {
    const { outer, rows, columns, factor, shape } = attributes as Plan & { readonly factor: number };
    const out = create(shape);
    kernels.repeatRows(address(inputs['dy']!), address(out), outer, rows, columns, factor);
    return out;
  });
}

function repeat(dy: tf.Tensor, x: tf.Tensor, attributes: unknown, factorOf: (plan: Plan) => number): Gradients | null {
  const plan = planOf(x, attributes as tf.SumAttrs);
  if (plan === null) return null;
  return { x: () => tf.engine().runKernel(repeatKernel, { dy }, { ...plan, factor: factorOf(plan), shape: x.shape }) };
}

/** x as [outer, rows, columns], of which the rows are summed, and the shape of the result. */
interface Plan {
  readonly outer: number;
  readonly rows: number;
  readonly columns: number;
  readonly shape: readonly number[];
}

function planOf(x: tf.TensorInfo, { axis, keepDims }: tf.SumAttrs): Plan | null {
  const axes = tf.util.parseAxisParam(axis, x.shape).toSorted((a, b) => a - b);
  const first = axes[0];
  if (first === undefined || x.dtype !== 'float32') return null;
  const end = first + axes.length;
  const neighbours = axes.every((value, index) => value === first + index);
  if (!neighbours || end === x.shape.length || x.shape.includes(0)) return null;
  const kept = keepDims ? axes.map(() => 1) : [];
  return {
    outer: tf.util.sizeFromShape(x.shape.slice(0, first)),
    rows: tf.util.sizeFromShape(x.shape.slice(first, end)),
    columns: tf.util.sizeFromShape(x.shape.slice(end)),
    shape: [...x.shape.slice(0, first), ...kept, ...x.shape.slice(end)],
  };
}

function reduce(heap: Heap, x: tf.TensorInfo, { outer, rows, columns, shape }: Plan, factor: number): tf.TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(shape);
  for (let index = 0; index < outer; index++) {
    const source = address(x) + index * rows * columns * 4;
    kernels.columnSums(source, address(out) + index * columns * 4, rows, columns, factor);
  }
  return out;
}
