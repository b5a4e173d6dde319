// 3 × 3 convolutions with stride 1 and their gradients with less than half the multiplications: see assembly/winograd.ts. Says for which shapes that
// pays; the others are for direct.ts.

import type { TensorInfo } from '@tensorflow/tfjs-core';

import { outerTable, convolveTable, panelSize, type ConvolutionInfo, type Forward } from './direct.ts';
import type { Heap } from './heap.ts';

/** Tiles of a block in assembly/. */
const forwardTiles = 32;
const gradientTiles = 64;

/** Pixels of all images below which transforming the filter costs more than it saves. */
const fewPixels = 256;

/** Share of the pixels of 2 × 2 tiles that lie in the image, below which there is too much waste. */
const leastShare = 0.7;

const leastChannels = 8;

function suits(info: ConvolutionInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, inChannels, outChannels, padInfo } = info;
  if (filterHeight !== 3 || filterWidth !== 3 || strideHeight !== 1 || strideWidth !== 1) return false;
  if (padInfo.top > 2 || padInfo.left > 2) return false;
  return [inChannels, outChannels].every((channels) => channels >= leastChannels && channels % 4 === 0);
}

function fills(images: number, height: number, width: number): boolean {
  const tiled = 4 * Math.ceil(height / 2) * Math.ceil(width / 2);
  return images * height * width >= fewPixels && (height * width) / tiled >= leastShare;
}

/** Whether the convolution and its gradient by the filter pay. */
export function paysForward(info: ConvolutionInfo): boolean {
  return suits(info) && fills(info.batchSize, info.outHeight, info.outWidth);
}

/** Whether the gradient by the input pays: it is a convolution whose output is the input. */
export function paysBack(info: ConvolutionInfo): boolean {
  return suits(info) && fills(info.batchSize, info.inHeight, info.inWidth);
}

function packedSize(inputs: number, outputs: number): number {
  return 16 * panelSize(inputs, outputs);
}

/** Words of scratch of a block: both sides in their 16 positions, the window of a tile, and the tables. */
function blockSize(tiles: number, inputs: number, outputs: number, table: number): number {
  return 16 * (tiles * (inputs + outputs) + 32) + 16 * inputs + table;
}

export function convolveWinograd(heap: Heap, { x, filter, bias, rectify, info }: Forward): TensorInfo {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
  return convolve(heap, {
    x,
    filter,
    turned: false,
    bias,
    rectify,
    outShape: info.outShape,
    from: [inHeight, inWidth, inChannels],
    to: [outHeight, outWidth, outChannels],
    margins: [padInfo.top, padInfo.left],
  });
}

/** The convolution of dy with the turned filter. */
export function inputGradientWinograd(
  heap: Heap,
  dy: TensorInfo,
  filter: TensorInfo,
  info: ConvolutionInfo,
): TensorInfo {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
  return convolve(heap, {
    x: dy,
    filter,
    turned: true,
    bias: undefined,
    rectify: false,
    outShape: info.inShape,
    from: [outHeight, outWidth, outChannels],
    to: [inHeight, inWidth, inChannels],
    margins: [2 - padInfo.top, 2 - padInfo.left],
  });
}

type Image = readonly [height: number, width: number, channels: number];

interface Task extends Omit<Forward, 'info'> {
  readonly turned: boolean;
  readonly outShape: readonly number[];
  readonly from: Image;
  readonly to: Image;
  /** Rows and columns of zeros before x. */
  readonly margins: readonly [top: number, left: number];
}

function convolve(heap: Heap, { x, filter, turned, bias, rectify, outShape, from, to, margins }: Task): TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(outShape);
  const [inputs, outputs] = filter.shape.slice(2) as [number, number];
  const [fromChannels, toChannels] = [from[2], to[2]];
  const size = Math.max(16 * inputs * outputs, blockSize(forwardTiles, fromChannels, toChannels, convolveTable));
  heap.scratch([packedSize(fromChannels, toChannels), size], (panels, free) => {
    kernels.winogradFilter(address(filter), panels, free, inputs, outputs, turned ? 1 : 0);
    const start = bias ? address(bias) : 0;
    const sizes = [outShape[0]!, ...from, ...to, ...margins];
    kernels.winogradConvolve(address(x), panels, start, address(out), free, ...sizes, rectify ? 1 : 0);
  });
  return out;
}

export function filterGradientWinograd(heap: Heap, x: TensorInfo, dy: TensorInfo, info: ConvolutionInfo): TensorInfo {
  const { kernels, address } = heap;
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, padInfo } = info;
  const out = heap.create(info.filterShape);
  const size = Math.max(16 * inChannels * outChannels, blockSize(gradientTiles, inChannels, outChannels, outerTable));
  heap.scratch([packedSize(inChannels, outChannels), size], (sums, free) => {
    const sizes = [batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels];
    const addresses = [address(x), address(dy), address(out), sums, free];
    kernels.winogradFilterGradient(...addresses, ...sizes, padInfo.top, padInfo.left);
  });
  return out;
}
