// Gradients of pooling. The stock ones are wrong: that of max pooling where a window's maximum is not positive, that of average pooling where a
// window reaches beyond the image (it divides by the size of the window, the forward pass by what lies within).

import { backend_util, type AvgPoolGradAttrs, type MaxPoolGradAttrs } from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { setKernel } from './registry.ts';

export function setPoolingKernels({ kernels, address, create }: Heap): void {
  setKernel('MaxPoolGrad', () => (inputs, attributes) => {
    const [x, y, dy] = [inputs['input']!, inputs['output']!, inputs['dy']!];
    const out = create(x.shape);
    const sizes = sizesOf(x.shape, attributes as MaxPoolGradAttrs);
    kernels.maxPoolGradient(address(x), address(y), address(dy), address(out), ...sizes);
    return out;
  });
  setKernel('AvgPoolGrad', () => (inputs, attributes) => {
    const [x, dy] = [inputs['input']!, inputs['dy']!];
    const out = create(x.shape);
    kernels.averagePoolGradient(address(dy), address(out), ...sizesOf(x.shape, attributes as AvgPoolGradAttrs));
    return out;
  });
}

type AnyAttrs = Pick<AvgPoolGradAttrs, 'filterSize' | 'strides' | 'pad'> & {
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
};

/** Sizes in the order of the kernels. */
function sizesOf(shape: readonly number[], { filterSize, strides, pad, dimRoundingMode }: AnyAttrs): number[] {
  const input = shape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(input, filterSize, strides, 1, pad, dimRoundingMode);
  return [
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.inChannels,
    info.outHeight,
    info.outWidth,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    info.padInfo.top,
    info.padInfo.left,
  ];
}
