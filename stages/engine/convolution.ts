// Convolutions of [n, h, w, c] images and their gradients on our kernels: any stride and padding, any number of channels. Dilated convolutions, for
// which TensorFlow.js has no gradient either, and tiny ones stay with the stock kernel.

import {
  backend_util,
  util,
  type Conv2DAttrs,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropInputAttrs,
  type FusedConv2DAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { setKernel, type Inputs } from './registry.ts';

type Shape4 = [number, number, number, number];
type Info = backend_util.Conv2DInfo;

/** Words of scratch that the kernels want for their tables of offsets: see assembly/. */
export const convolveTable = 2 * 64 + 8;
export const outerTable = 64 + 8 * 64;

/** Output pixels below which XNNPACK is faster: it keeps its packed weights from call to call. */
const fewPixels = 16;

export function panelSize(depth: number, channels: number): number {
  return Math.ceil(channels / 8) * 8 * (depth + 1);
}

export function setConvolutionKernels(heap: Heap): void {
  setKernel('Conv2D', (stock) => (inputs, attributes) => {
    const attrs = attributes as Conv2DAttrs;
    if (!isPlain(inputs, attrs)) return stock(inputs, attributes);
    const info = describe(inputs['x']!.shape, inputs['filter']!.shape, attrs);
    return hasFewPixels(info) ? stock(inputs, attributes) : forward(heap, inputs, info, { rectify: false });
  });
  setKernel('FusedConv2D', (stock) => (inputs, attributes) => {
    const attrs = attributes as FusedConv2DAttrs;
    const { activation } = attrs as { activation?: string };
    const known = activation === undefined || activation === 'linear' || activation === 'relu';
    if (!known || !isPlain(inputs, attrs) || inputs['bias']?.shape.length === 0) return stock(inputs, attributes);
    const info = describe(inputs['x']!.shape, inputs['filter']!.shape, attrs);
    if (hasFewPixels(info)) return stock(inputs, attributes);
    return forward(heap, inputs, info, { rectify: activation === 'relu' });
  });
  setKernel('Conv2DBackpropInput', (stock) => (inputs, attributes) => {
    const attrs = attributes as Conv2DBackpropInputAttrs;
    if (!isPlain(inputs, attrs)) return stock(inputs, attributes);
    return inputGradient(heap, inputs, describe(attrs.inputShape, inputs['filter']!.shape, attrs));
  });
  setKernel('Conv2DBackpropFilter', (stock) => (inputs, attributes) => {
    const attrs = attributes as Conv2DBackpropFilterAttrs;
    if (!isPlain(inputs, attrs)) return stock(inputs, attributes);
    return filterGradient(heap, inputs, describe(inputs['x']!.shape, attrs.filterShape, attrs));
  });
}

type AnyAttrs = Pick<Conv2DAttrs, 'strides' | 'pad'> & Partial<Conv2DAttrs>;

function isPlain(inputs: Inputs, attrs: AnyAttrs): boolean {
  const { dilations = 1, dataFormat = 'NHWC' } = attrs;
  const dense = typeof dilations === 'number' ? dilations === 1 : dilations.every((dilation) => dilation === 1);
  const floats = Object.values(inputs).every((tensor) => tensor === undefined || tensor.dtype === 'float32');
  return dense && floats && dataFormat === 'NHWC';
}

function describe(input: readonly number[], filter: readonly number[], attrs: AnyAttrs): Info {
  const { strides, pad, dimRoundingMode } = attrs;
  return backend_util.computeConv2DInfo(input as Shape4, filter as Shape4, strides, 1, pad, dimRoundingMode);
}

function hasFewPixels({ batchSize, outHeight, outWidth }: Info): boolean {
  return batchSize * outHeight * outWidth < fewPixels;
}

/** Margins of zeros around images, in pixels. */
interface Margins {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Runs `use` with the address of the images with their margins, and with the width of a row. Copies only where there are margins. */
function withMargins(
  heap: Heap,
  images: TensorInfo,
  { top, bottom, left, right }: Margins,
  use: (address: number, height: number, width: number) => void,
): void {
  const [count, height, width, channels] = images.shape as Shape4;
  if (top + bottom + left + right === 0) {
    use(heap.address(images), height, width);
    return;
  }
  const fullHeight = top + height + bottom;
  const fullWidth = left + width + right;
  heap.scratch([count * fullHeight * fullWidth * channels], (padded) => {
    heap.kernels.padImages(heap.address(images), padded, count, height, width, channels, top, bottom, left, right);
    use(padded, fullHeight, fullWidth);
  });
}

/** What the windows of a convolution reach beyond its input. */
function marginsOf(info: Info): Margins {
  const { top, left } = info.padInfo;
  const reach = (out: number, stride: number, size: number): number => (out - 1) * stride + size;
  return {
    top,
    left,
    bottom: Math.max(0, reach(info.outHeight, info.strideHeight, info.filterHeight) - info.inHeight - top),
    right: Math.max(0, reach(info.outWidth, info.strideWidth, info.filterWidth) - info.inWidth - left),
  };
}

function forward(heap: Heap, inputs: Inputs, info: Info, { rectify }: { rectify: boolean }): TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(info.outShape);
  const { inChannels, outChannels } = info;
  const depth = info.filterHeight * info.filterWidth * inChannels;
  const bias = inputs['bias'] ? address(inputs['bias']) : 0;
  withMargins(heap, inputs['x']!, marginsOf(info), (x, height, width) => {
    heap.scratch([panelSize(depth, outChannels), convolveTable], (panels, table) => {
      kernels.packFilter(address(inputs['filter']!), bias, panels, depth, outChannels);
      kernels.convolve(
        x,
        panels,
        address(out),
        table,
        info.batchSize,
        info.outHeight,
        info.outWidth,
        height * width * inChannels * 4,
        info.strideHeight * width * inChannels * 4,
        info.strideWidth * inChannels * 4,
        info.outHeight * info.outWidth * outChannels * 4,
        info.outWidth * outChannels * 4,
        outChannels * 4,
        info.filterHeight,
        info.filterWidth * inChannels,
        width * inChannels * 4,
        outChannels,
        rectify ? 1 : 0,
      );
    });
  });
  return out;
}

function filterGradient(heap: Heap, inputs: Inputs, info: Info): TensorInfo {
  const { kernels, address } = heap;
  const { inChannels, outChannels } = info;
  const depth = info.filterHeight * info.filterWidth * inChannels;
  const out = heap.create(info.filterShape);
  withMargins(heap, inputs['x']!, marginsOf(info), (x, height, width) => {
    heap.scratch([panelSize(depth, outChannels), outerTable], (panels, table) => {
      kernels.addOuterProducts(
        x,
        address(inputs['dy']!),
        panels,
        table,
        info.batchSize,
        info.outHeight,
        info.outWidth,
        height * width * inChannels * 4,
        info.strideHeight * width * inChannels * 4,
        info.strideWidth * inChannels * 4,
        info.filterHeight,
        info.filterWidth * inChannels,
        width * inChannels * 4,
        outChannels,
      );
      kernels.unpack(panels, address(out), depth, outChannels);
    });
  });
  return out;
}

/** Along one axis: which input pixels a residue of the stride stands for, and which taps of the filter reach them. */
interface Phase {
  /** First tap; the others follow at the distance of the stride. */
  readonly tap: number;
  readonly taps: number;
  /** Position among dy of the first of these pixels, before the padding of dy, and how many there are. */
  readonly start: number;
  readonly count: number;
  /** The first of these pixels itself; the others follow at the distance of the stride. */
  readonly pixel: number;
}

function phasesOf(size: number, filter: number, stride: number, before: number): Phase[] {
  return Array.from({ length: Math.min(stride, filter) }, (_, tap) => {
    const start = Math.max(0, Math.ceil((before - tap) / stride));
    const end = Math.floor((size - 1 + before - tap) / stride);
    const pixel = start * stride + tap - before;
    return { tap, taps: Math.ceil((filter - tap) / stride), start, count: Math.max(0, end - start + 1), pixel };
  });
}

/**
 * The gradient of a convolution by its input: for each residue of the stride, the pixels that share it are a convolution of dy (stride 1) with the
 * taps that reach them, turned by 180°.
 */
function inputGradient(heap: Heap, inputs: Inputs, info: Info): TensorInfo {
  const { strideHeight, strideWidth, filterHeight, filterWidth, padInfo } = info;
  const out = heap.create(info.inShape);
  if (strideHeight > filterHeight || strideWidth > filterWidth) heap.clear(out);
  const rows = phasesOf(info.inHeight, filterHeight, strideHeight, padInfo.top);
  const columns = phasesOf(info.inWidth, filterWidth, strideWidth, padInfo.left);
  const margins = {
    top: rows[0]!.taps - 1,
    left: columns[0]!.taps - 1,
    bottom: Math.max(0, ...rows.map(({ start, count }) => start + count - info.outHeight)),
    right: Math.max(0, ...columns.map(({ start, count }) => start + count - info.outWidth)),
  };
  withMargins(heap, inputs['dy']!, margins, (dy, height, width) => {
    const size = panelSize(rows[0]!.taps * columns[0]!.taps * info.outChannels, info.inChannels);
    heap.scratch([size, convolveTable], (panels, table) => {
      for (const row of rows) {
        for (const column of columns) {
          if (row.count === 0 || column.count === 0) continue;
          const start =
            (row.start + margins.top - row.taps + 1) * width + column.start + margins.left - column.taps + 1;
          const source = { address: dy + start * info.outChannels * 4, height, width };
          convolvePhase(heap, { info, row, column, source, panels, table, filter: inputs['filter']!, out });
        }
      }
    });
  });
  return out;
}

interface PhaseTask {
  readonly info: Info;
  readonly row: Phase;
  readonly column: Phase;
  /** dy with its margins; the address is that of the first window. */
  readonly source: { readonly address: number; readonly height: number; readonly width: number };
  readonly panels: number;
  readonly table: number;
  readonly filter: TensorInfo;
  readonly out: TensorInfo;
}

function convolvePhase({ kernels, address }: Heap, task: PhaseTask): void {
  const { info, row, column, source, panels } = task;
  const { inChannels, outChannels, strideHeight, strideWidth } = info;
  kernels.packTransposed(
    address(task.filter),
    panels,
    info.filterHeight,
    info.filterWidth,
    inChannels,
    outChannels,
    row.tap,
    column.tap,
    strideHeight,
    strideWidth,
  );
  kernels.convolve(
    source.address,
    panels,
    address(task.out) + (row.pixel * info.inWidth + column.pixel) * inChannels * 4,
    task.table,
    info.batchSize,
    row.count,
    column.count,
    source.height * source.width * outChannels * 4,
    source.width * outChannels * 4,
    outChannels * 4,
    util.sizeFromShape(info.inShape.slice(1)) * 4,
    strideHeight * info.inWidth * inChannels * 4,
    strideWidth * inChannels * 4,
    row.taps,
    column.taps * outChannels,
    source.width * outChannels * 4,
    inChannels,
    0,
  );
}
