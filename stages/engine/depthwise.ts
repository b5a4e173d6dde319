// Gradients of depthwise convolutions of [n, h, w, c] images, which the wasm backend lacks. A depth multiplier is brought down to 1 by repeating
// each channel.

import {
  backend_util,
  util,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { setKernel } from './registry.ts';

type Shape4 = [number, number, number, number];

export function setDepthwiseKernels(heap: Heap): void {
  setKernel('DepthwiseConv2dNativeBackpropInput', () => (inputs, attributes) => {
    const attrs = attributes as DepthwiseConv2dNativeBackpropInputAttrs;
    const filter = inputs['filter']!;
    return inputGradient(heap, inputs['dy']!, filter, describe(attrs.inputShape, filter.shape, attrs));
  });
  setKernel('DepthwiseConv2dNativeBackpropFilter', () => (inputs, attributes) => {
    const attrs = attributes as DepthwiseConv2dNativeBackpropFilterAttrs;
    const x = inputs['x']!;
    return filterGradient(heap, x, inputs['dy']!, describe(x.shape, attrs.filterShape, attrs));
  });
}

type AnyAttrs = Pick<DepthwiseConv2dNativeBackpropInputAttrs, 'strides' | 'dilations' | 'pad' | 'dimRoundingMode'>;

function describe(input: readonly number[], filter: readonly number[], attrs: AnyAttrs): backend_util.Conv2DInfo {
  const { strides, dilations, pad, dimRoundingMode } = attrs;
  const [inputShape, filterShape] = [input as Shape4, filter as Shape4];
  return backend_util.computeConv2DInfo(inputShape, filterShape, strides, dilations, pad, dimRoundingMode, true);
}

/** Sizes in the order of the kernels; images of `outChannels` channels. */
function sizesOf(info: backend_util.Conv2DInfo): number[] {
  return [
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.outChannels,
    info.outHeight,
    info.outWidth,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    info.padInfo.top,
    info.padInfo.left,
    info.dilationHeight,
    info.dilationWidth,
  ];
}

function inputGradient(heap: Heap, dy: TensorInfo, filter: TensorInfo, info: backend_util.Conv2DInfo): TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(info.inShape);
  const times = info.outChannels / info.inChannels;
  const run = (target: number): void =>
    kernels.depthwiseInputGradient(address(dy), address(filter), target, ...sizesOf(info));
  if (times === 1) {
    run(address(out));
    return out;
  }
  const values = util.sizeFromShape(info.inShape);
  heap.scratch([values * times], (repeated) => {
    run(repeated);
    kernels.sumChannels(repeated, address(out), values, times);
  });
  return out;
}

function filterGradient(heap: Heap, x: TensorInfo, dy: TensorInfo, info: backend_util.Conv2DInfo): TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(info.filterShape);
  const times = info.outChannels / info.inChannels;
  const run = (source: number): void =>
    kernels.depthwiseFilterGradient(source, address(dy), address(out), ...sizesOf(info));
  if (times === 1) {
    run(address(x));
    return out;
  }
  const values = util.sizeFromShape(info.inShape);
  heap.scratch([values * times], (repeated) => {
    kernels.repeatChannels(address(x), repeated, values, times);
    run(repeated);
  });
  return out;
}
