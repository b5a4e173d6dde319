// Convolutions window by window, and their gradients: any filter, stride and padding, any number of channels. Matrix products are those with windows
// of one row. Knows which kernel of assembly/ takes what; not when which algorithm pays.

import type { backend_util } from '@tensorflow/tfjs-core';
import { util, type TensorInfo } from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';

type Shape4 = [number, number, number, number];
export type ConvolutionInfo = backend_util.Conv2DInfo;

/** Words of scratch that the kernels want for their tables of offsets: see assembly/. */
export const convolveTable = 2 * 64 + 8;
export const outerTable = 64 + 8 * 64;

/** Words of packed weights: panels of eight channels, with a starting value each. */
export function panelSize(depth: number, channels: number): number {
  return Math.ceil(channels / 8) * 8 * (depth + 1);
}

/** A convolution forward: `bias` and the cut at zero come after it. */
export interface Forward {
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly bias: TensorInfo | undefined;
  readonly rectify: boolean;
  readonly info: ConvolutionInfo;
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
function marginsOf(info: ConvolutionInfo): Margins {
  const { top, left } = info.padInfo;
  const reach = (out: number, stride: number, size: number): number => (out - 1) * stride + size;
  return {
    top,
    left,
    bottom: Math.max(0, reach(info.outHeight, info.strideHeight, info.filterHeight) - info.inHeight - top),
    right: Math.max(0, reach(info.outWidth, info.strideWidth, info.filterWidth) - info.inWidth - left),
  };
}

function depthOf({ filterHeight, filterWidth, inChannels }: ConvolutionInfo): number {
  return filterHeight * filterWidth * inChannels;
}

/** The grid of output pixels, and the bytes from one's window to that of the next, in x whose margins are there: see `convolve` in assembly/. */
function gridOf(info: ConvolutionInfo, height: number, width: number): number[] {
  const pixel = info.inChannels * 4;
  const steps = [height * width * pixel, info.strideHeight * width * pixel, info.strideWidth * pixel];
  return [info.batchSize, info.outHeight, info.outWidth, ...steps];
}

/** Rows of a window, values in one, and the bytes between them. */
function windowOf({ filterHeight, filterWidth, inChannels }: ConvolutionInfo, width: number): number[] {
  return [filterHeight, filterWidth * inChannels, width * inChannels * 4];
}

/** Bytes from image to image, row to row and pixel to pixel. */
function stepsOf(height: number, width: number, channels: number): number[] {
  return [height * width * channels * 4, width * channels * 4, channels * 4];
}

export function convolveDirectly(heap: Heap, { x, filter, bias, rectify, info }: Forward): TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(info.outShape);
  const { outHeight, outWidth, outChannels } = info;
  const depth = depthOf(info);
  withMargins(heap, x, marginsOf(info), (start, height, width) => {
    heap.scratch([panelSize(depth, outChannels), convolveTable], (panels, table) => {
      kernels.packFilter(address(filter), bias ? address(bias) : 0, panels, depth, outChannels);
      const sizes = [
        ...gridOf(info, height, width),
        ...stepsOf(outHeight, outWidth, outChannels),
        ...windowOf(info, width),
      ];
      kernels.convolve(start, panels, address(out), table, ...sizes, outChannels, rectify ? 1 : 0);
    });
  });
  return out;
}

export function filterGradientDirectly(heap: Heap, x: TensorInfo, dy: TensorInfo, info: ConvolutionInfo): TensorInfo {
  const { kernels, address } = heap;
  const { outChannels } = info;
  const depth = depthOf(info);
  const out = heap.create(info.filterShape);
  withMargins(heap, x, marginsOf(info), (start, height, width) => {
    heap.scratch([panelSize(depth, outChannels), outerTable], (panels, table) => {
      const sizes = [...gridOf(info, height, width), ...windowOf(info, width)];
      kernels.addOuterProducts(start, address(dy), panels, table, ...sizes, outChannels);
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
export function inputGradientDirectly(
  heap: Heap,
  dy: TensorInfo,
  filter: TensorInfo,
  info: ConvolutionInfo,
): TensorInfo {
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
  withMargins(heap, dy, margins, (padded, height, width) => {
    const size = panelSize(rows[0]!.taps * columns[0]!.taps * info.outChannels, info.inChannels);
    heap.scratch([size, convolveTable], (panels, table) => {
      for (const row of rows) {
        for (const column of columns) {
          if (row.count === 0 || column.count === 0) continue;
          const start =
            (row.start + margins.top - row.taps + 1) * width + column.start + margins.left - column.taps + 1;
          const source = { address: padded + start * info.outChannels * 4, height, width };
          convolvePhase(heap, { info, row, column, source, panels, table, filter, out });
        }
      }
    });
  });
  return out;
}

interface PhaseTask {
  readonly info: ConvolutionInfo;
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
  const taps = [row.tap, column.tap, strideHeight, strideWidth];
  const shape = [info.filterHeight, info.filterWidth, inChannels, outChannels];
  kernels.packTransposed(address(task.filter), panels, ...shape, ...taps);
  const target = address(task.out) + (row.pixel * info.inWidth + column.pixel) * inChannels * 4;
  const sizes = [
    info.batchSize,
    row.count,
    column.count,
    ...stepsOf(source.height, source.width, outChannels),
    util.sizeFromShape(info.inShape.slice(1)) * 4,
    strideHeight * info.inWidth * inChannels * 4,
    strideWidth * inChannels * 4,
  ];
  const window = [row.taps, column.taps * outChannels, source.width * outChannels * 4];
  kernels.convolve(source.address, panels, target, task.table, ...sizes, ...window, inChannels, 0);
}
