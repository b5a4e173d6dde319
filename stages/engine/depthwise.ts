// Depthwise convolutions of [n, h, w, c] images and their gradients, which the wasm backend lacks. In the gradients a depth multiplier is brought down to 1 by repeating
// each channel.

import {
  backend_util,
  util,
  type DepthwiseConv2dNativeAttrs,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

import { withGeometry } from './geometry.ts';
import type { Heap } from './heap.ts';
import { setKernel } from './registry.ts';

type Shape4 = [number, number, number, number];

/** Output pixels below which XNNPACK is faster forward. */
const fewPixels = 256;

export function setDepthwiseKernels(heap: Heap): void {
  setKernel('DepthwiseConv2dNative', (stock) => (inputs, attributes) => {
    const [x, filter] = [inputs['x']!, inputs['filter']!];
    const info = describe(x.shape, filter.shape, attributes as DepthwiseConv2dNativeAttrs);
    const few = info.batchSize * info.outHeight * info.outWidth < fewPixels;
    if (few || info.inChannels !== info.outChannels || x.dtype !== 'float32') return stock(inputs, attributes);
    return forward(heap, x, filter, info);
  });
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
  // The layer of TensorFlow.js gives null for none.
  const spread = (dilations as AnyAttrs['dilations'] | null) ?? 1;
  return backend_util.computeConv2DInfo(inputShape, filterShape, strides, spread, pad, dimRoundingMode, true);
}

function forward(heap: Heap, x: TensorInfo, filter: TensorInfo, info: backend_util.Conv2DInfo): TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(info.outShape);
  withGeometry(heap, info, (geometry) => kernels.depthwiseForward(address(x), address(filter), address(out), geometry));
  return out;
}

function inputGradient(heap: Heap, dy: TensorInfo, filter: TensorInfo, info: backend_util.Conv2DInfo): TensorInfo {
  const { kernels, address } = heap;
  const out = heap.create(info.inShape);
  const times = info.outChannels / info.inChannels;
  const run = (target: number): void =>
    withGeometry(heap, info, (geometry) =>
      kernels.depthwiseInputGradient(address(dy), address(filter), target, geometry),
    );
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
    withGeometry(heap, info, (geometry) =>
      kernels.depthwiseFilterGradient(source, address(dy), address(out), geometry),
    );
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
