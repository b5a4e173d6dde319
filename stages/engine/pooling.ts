// Gradients of pooling. The stock ones are wrong: that of max pooling where a window's maximum is not positive, that of average pooling where a
// window reaches beyond the image (it divides by the size of the window, the forward pass by what lies within).

import { backend_util, type AvgPoolGradAttrs, type MaxPoolGradAttrs } from '@tensorflow/tfjs-core';

import { withGeometry } from './geometry.ts';
import type { Heap } from './heap.ts';
import { setKernel } from './registry.ts';

export function setPoolingKernels(heap: Heap): void {
  const { kernels, address, create } = heap;
  setKernel('MaxPoolGrad', () => (inputs, attributes) => {
    const [x, y, dy] = [inputs['input']!, inputs['output']!, inputs['dy']!];
    const out = create(x.shape);
    withGeometry(heap, describe(x.shape, attributes as MaxPoolGradAttrs), (geometry) =>
      kernels.maxPoolGradient(address(x), address(y), address(dy), address(out), geometry),
    );
    return out;
  });
  setKernel('AvgPoolGrad', () => (inputs, attributes) => {
    const [x, dy] = [inputs['input']!, inputs['dy']!];
    const out = create(x.shape);
    withGeometry(heap, describe(x.shape, attributes as AvgPoolGradAttrs), (geometry) =>
      kernels.averagePoolGradient(address(dy), address(out), geometry),
    );
    return out;
  });
}

type AnyAttrs = Pick<AvgPoolGradAttrs, 'filterSize' | 'strides' | 'pad'> & {
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
};

function describe(shape: readonly number[], attrs: AnyAttrs): backend_util.Conv2DInfo {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const input = shape as [number, number, number, number];
  return backend_util.computePool2DInfo(input, filterSize, strides, 1, pad, dimRoundingMode);
}
