// Convolutions of [n, h, w, c] images and their gradients on our kernels: any stride and padding, any number of channels. Dilated convolutions, for
// which TensorFlow.js has no gradient either, and tiny ones stay with the stock kernel.

import {
  backend_util,
  type Conv2DAttrs,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropInputAttrs,
  type FusedConv2DAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

import {
  convolveDirectly,
  filterGradientDirectly,
  inputGradientDirectly,
  type ConvolutionInfo,
  type Forward,
} from './direct.ts';
import type { Heap } from './heap.ts';
import { setLayerKernels } from './layer-convolution.ts';
import { setKernel, type Inputs } from './registry.ts';
import { convolveWinograd, filterGradientWinograd, inputGradientWinograd, paysBack, paysForward } from './winograd.ts';

type Shape4 = [number, number, number, number];

/** Output pixels below which XNNPACK is faster: it keeps its packed weights from call to call. */
const fewPixels = 16;

export function setConvolutionKernels(heap: Heap): void {
  setKernel('Conv2D', (stock) => (inputs, attributes) => {
    const attrs = attributes as Conv2DAttrs;
    if (!isPlain(inputs, attrs)) return stock(inputs, attributes);
    const info = describe(inputs['x']!.shape, inputs['filter']!.shape, attrs);
    return hasFewPixels(info) ? stock(inputs, attributes) : convolve(heap, forwardOf(inputs, info));
  });
  setKernel('FusedConv2D', (stock) => (inputs, attributes) => {
    const attrs = attributes as FusedConv2DAttrs;
    const { activation } = attrs as { activation?: string };
    const known = activation === undefined || activation === 'linear' || activation === 'relu';
    if (!known || !isPlain(inputs, attrs) || inputs['bias']?.shape.length === 0) return stock(inputs, attributes);
    const info = describe(inputs['x']!.shape, inputs['filter']!.shape, attrs);
    if (hasFewPixels(info)) return stock(inputs, attributes);
    return convolve(heap, { ...forwardOf(inputs, info), rectify: activation === 'relu' });
  });
  setKernel('Conv2DBackpropInput', (stock) => (inputs, attributes) => {
    const attrs = attributes as Conv2DBackpropInputAttrs;
    if (!isPlain(inputs, attrs)) return stock(inputs, attributes);
    const info = describe(attrs.inputShape, inputs['filter']!.shape, attrs);
    const gradient = paysBack(info) ? inputGradientWinograd : inputGradientDirectly;
    return gradient(heap, inputs['dy']!, inputs['filter']!, info);
  });
  setKernel('Conv2DBackpropFilter', (stock) => (inputs, attributes) => {
    const attrs = attributes as Conv2DBackpropFilterAttrs;
    if (!isPlain(inputs, attrs)) return stock(inputs, attributes);
    const info = describe(inputs['x']!.shape, attrs.filterShape, attrs);
    const gradient = paysForward(info) ? filterGradientWinograd : filterGradientDirectly;
    return gradient(heap, inputs['x']!, inputs['dy']!, info);
  });
  setLayerKernels(heap);
}

function convolve(heap: Heap, task: Forward): TensorInfo {
  return paysForward(task.info) ? convolveWinograd(heap, task) : convolveDirectly(heap, task);
}

function forwardOf(inputs: Inputs, info: ConvolutionInfo): Forward {
  return { x: inputs['x']!, filter: inputs['filter']!, bias: inputs['bias'], rectify: false, info };
}

type AnyAttrs = Pick<Conv2DAttrs, 'strides' | 'pad'> & Partial<Conv2DAttrs>;

function isPlain(inputs: Inputs, attrs: AnyAttrs): boolean {
  const { dilations = 1, dataFormat = 'NHWC' } = attrs;
  const dense = typeof dilations === 'number' ? dilations === 1 : dilations.every((dilation) => dilation === 1);
  const floats = Object.values(inputs).every((tensor) => tensor === undefined || tensor.dtype === 'float32');
  return dense && floats && dataFormat === 'NHWC';
}

function describe(input: readonly number[], filter: readonly number[], attrs: AnyAttrs): ConvolutionInfo {
  const { strides, pad, dimRoundingMode } = attrs;
  return backend_util.computeConv2DInfo(input as Shape4, filter as Shape4, strides, 1, pad, dimRoundingMode);
}

function hasFewPixels({ batchSize, outHeight, outWidth }: ConvolutionInfo): boolean {
  return batchSize * outHeight * outWidth < fewPixels;
}
