// Products with a transposed matrix (both gradients of a dense layer), for which the stock kernel is a scalar loop.

import { util, type BatchMatMulAttrs, type TensorInfo } from '@tensorflow/tfjs-core';

import { convolveTable, outerTable, panelSize } from './direct.ts';
import type { Heap } from './heap.ts';
import { setKernel, type Inputs } from './registry.ts';

export function setMatrixKernels(heap: Heap): void {
  setKernel('BatchMatMul', (stock) => (inputs, attributes) => {
    const { transposeA, transposeB } = attributes as BatchMatMulAttrs;
    if (transposeA === transposeB || !isPlain(inputs)) return stock(inputs, attributes);
    return transposeA ? timesTransposedLeft(heap, inputs) : timesTransposedRight(heap, inputs);
  });
}

/** Float32 matrices, or equally long batches of them. */
function isPlain(inputs: Inputs): boolean {
  const [a, b] = [inputs['a']!, inputs['b']!];
  const same = util.arraysEqual(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return same && a.dtype === 'float32' && b.dtype === 'float32';
}

/** Batch dimensions, their product, and rows and columns. */
function dimensionsOf({ shape }: TensorInfo): { outer: number[]; batch: number; rows: number; columns: number } {
  const outer = shape.slice(0, -2);
  return { outer, batch: util.sizeFromShape(outer), rows: shape.at(-2)!, columns: shape.at(-1)! };
}

/** aᵀ · b, for a [depth, rows] and b [depth, columns]. */
function timesTransposedLeft(heap: Heap, inputs: Inputs): TensorInfo {
  const { kernels, address } = heap;
  const [a, b] = [inputs['a']!, inputs['b']!];
  const { outer, batch, rows: depth, columns: rows } = dimensionsOf(a);
  const { columns } = dimensionsOf(b);
  const out = heap.create([...outer, rows, columns]);
  heap.scratch([panelSize(rows, columns), outerTable], (panels, table) => {
    for (let index = 0; index < batch; index++) {
      const left = address(a) + index * depth * rows * 4;
      const right = address(b) + index * depth * columns * 4;
      kernels.addOuterProducts(left, right, panels, table, 1, 1, depth, 0, 0, rows * 4, 1, rows, 0, columns);
      kernels.unpack(panels, address(out) + index * rows * columns * 4, rows, columns);
    }
  });
  return out;
}

/** a · bᵀ, for a [rows, depth] and b [columns, depth]. */
function timesTransposedRight(heap: Heap, inputs: Inputs): TensorInfo {
  const { kernels, address } = heap;
  const [a, b] = [inputs['a']!, inputs['b']!];
  const { outer, batch, rows, columns: depth } = dimensionsOf(a);
  const { rows: columns } = dimensionsOf(b);
  const out = heap.create([...outer, rows, columns]);
  heap.scratch([panelSize(depth, columns), convolveTable], (panels, table) => {
    for (let index = 0; index < batch; index++) {
      const left = address(a) + index * rows * depth * 4;
      const target = address(out) + index * rows * columns * 4;
      kernels.packTransposed(address(b) + index * columns * depth * 4, panels, 1, 1, columns, depth, 0, 0, 1, 1);
      kernels.convolve(
        left,
        panels,
        target,
        table,
        1,
        1,
        rows,
        0,
        0,
        depth * 4,
        0,
        0,
        columns * 4,
        1,
        depth,
        0,
        columns,
        0,
      );
    }
  });
  return out;
}
