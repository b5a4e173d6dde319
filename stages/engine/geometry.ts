// The sizes of a convolution or of a pooling, in the form in which the kernels read them: see assembly/geometry.ts.

import type { backend_util } from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';

type Info = Omit<backend_util.Conv2DInfo, 'filterShape'>;

/** Runs `use` with the address of the sizes; images of `outChannels` channels where a depth multiplier is above 1. */
export function withGeometry(heap: Heap, info: Info, use: (geometry: number) => void): void {
  const words = [
    info.batchSize,
    info.inHeight,
    info.inWidth,
    info.inChannels,
    info.outHeight,
    info.outWidth,
    info.outChannels,
    info.filterHeight,
    info.filterWidth,
    info.strideHeight,
    info.strideWidth,
    info.padInfo.top,
    info.padInfo.left,
    info.dilationHeight,
    info.dilationWidth,
  ];
  heap.scratch([words.length], (address) => {
    heap.write(address, words);
    use(address);
  });
}
