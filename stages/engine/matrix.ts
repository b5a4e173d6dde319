// Products of matrices: the dense layer and both of its gradients. The stock kernel packs its weights anew for each step, and has a scalar loop for
// transposed matrices.

import { util, type BatchMatMulAttrs, type TensorInfo, type _FusedMatMulAttrs } from '@tensorflow/tfjs-core';

import { convolveTable, outerTable, panelSize } from './direct.ts';
import type { Heap } from './heap.ts';
import { setKernel, type Inputs } from './registry.ts';

/** Rows of a result below which the stock kernel is faster where nothing is transposed: it keeps packed weights that do not change. */
const fewRows = 16;

interface FusedAttributes extends Pick<_FusedMatMulAttrs, 'transposeA' | 'transposeB'> {
  readonly activation?: string;
}

export function setMatrixKernels(heap: Heap): void {
  setKernel('BatchMatMul', (stock) => (inputs, attributes) => {
    const { transposeA, transposeB } = attributes as BatchMatMulAttrs;
    if ((transposeA && transposeB) || !isPlain(inputs)) return stock(inputs, attributes);
    if (transposeA) return timesTransposedLeft(heap, inputs);
    if (!transposeB && inputs['a']!.shape.at(-2)! < fewRows) return stock(inputs, attributes);
    return times(heap, inputs, { transposed: transposeB, rectify: false });
  });
  setKernel('_FusedMatMul', (stock) => (inputs, attributes) => {
    const { transposeA, transposeB, activation } = attributes as FusedAttributes;
    const known = activation === undefined || activation === 'linear' || activation === 'relu';
    const rows = inputs['a']!.shape.at(-2)!;
    const bias = inputs['bias']?.shape;
    const simple = bias === undefined || (bias.length === 1 && bias[0] === inputs['b']!.shape.at(-1));
    if (transposeA || transposeB || !known || !simple || rows < fewRows || !isPlain(inputs))
      return stock(inputs, attributes);
    return times(heap, inputs, { transposed: false, rectify: activation === 'relu' });
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

/** aᵀ · b, for a [depth, rows] and b [depth, columns]: outer products of windows of one row. */
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

/** a · b + bias, for a [rows, depth] and b [depth, columns], or [columns, depth] where it is transposed: a 1 × 1 convolution of `rows` pixels. */
function times(heap: Heap, inputs: Inputs, options: { transposed: boolean; rectify: boolean }): TensorInfo {
  const { kernels, address } = heap;
  const [a, b, bias] = [inputs['a']!, inputs['b']!, inputs['bias']];
  const { outer, batch, rows, columns: depth } = dimensionsOf(a);
  const columns = options.transposed ? dimensionsOf(b).rows : dimensionsOf(b).columns;
  const out = heap.create([...outer, rows, columns]);
  const grid = [1, 1, rows, 0, 0, depth * 4, 0, 0, columns * 4];
  heap.scratch([panelSize(depth, columns), convolveTable], (panels, table) => {
    for (let index = 0; index < batch; index++) {
      const left = address(a) + index * rows * depth * 4;
      const right = address(b) + index * columns * depth * 4;
      const target = address(out) + index * rows * columns * 4;
      if (options.transposed) kernels.packTransposed(right, panels, 1, 1, columns, depth, 0, 0, 1, 1);
      else kernels.packFilter(right, bias ? address(bias) : 0, panels, depth, columns);
      kernels.convolve(left, panels, target, table, ...grid, 1, depth, 0, columns, options.rectify ? 1 : 0);
    }
  });
  return out;
}
