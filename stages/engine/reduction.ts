// Sums and means over neighbouring axes that are not the last: bias gradients, global average pooling. The stock kernels transpose first.

import { util, type SumAttrs, type TensorInfo } from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { setKernel } from './registry.ts';

export function setReductionKernels(heap: Heap): void {
  setKernel('Sum', (stock) => (inputs, attributes) => {
    const plan = planOf(inputs['x']!, attributes as SumAttrs);
    return plan === null ? stock(inputs, attributes) : reduce(heap, inputs['x']!, plan, 1);
  });
  setKernel('Mean', (stock) => (inputs, attributes) => {
    const plan = planOf(inputs['x']!, attributes as SumAttrs);
    return plan === null ? stock(inputs, attributes) : reduce(heap, inputs['x']!, plan, 1 / plan.rows);
  });
}

/** x as [outer, rows, columns], of which the rows are summed, and the shape of the result. */
interface Plan {
  readonly outer: number;
  readonly rows: number;
  readonly columns: number;
  readonly shape: readonly number[];
}

function planOf(x: TensorInfo, { axis, keepDims }: SumAttrs): Plan | null {
  const axes = util.parseAxisParam(axis, x.shape).toSorted((a, b) => a - b);
  const first = axes[0];
  if (first === undefined || x.dtype !== 'float32') return null;
  const end = first + axes.length;
  const neighbours = axes.every((value, index) => value === first + index);
  if (!neighbours || end === x.shape.length || x.shape.includes(0)) return null;
  const kept = keepDims ? axes.map(() => 1) : [];
  return {
    outer: util.sizeFromShape(x.shape.slice(0, first)),
    rows: util.sizeFromShape(x.shape.slice(first, end)),
    columns: util.sizeFromShape(x.shape.slice(end)),
    shape: [...x.shape.slice(0, first), ...kept, ...x.shape.slice(end)],
  };
}

function reduce(heap: Heap, x: TensorInfo, { outer, rows, columns, shape }: Plan, factor: number): TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(shape);
  for (let index = 0; index < outer; index++) {
    const source = address(x) + index * rows * columns * 4;
    kernels.columnSums(source, address(out) + index * columns * 4, rows, columns, factor);
  }
  return out;
}
