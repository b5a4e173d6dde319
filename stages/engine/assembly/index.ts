// The SIMD kernels that training needs and the wasm backend of TensorFlow.js lacks, gets wrong or does slowly. AssemblyScript, compiled by
// scripts/build.mjs to dist/kernels.wasm. They work in place on the heap of TensorFlow.js: every pointer is an address there, every array is
// float32 and channels-last, and nothing here allocates. The order of every sum is fixed by the shapes alone, so results are bit-identical.

export { addOuterProducts } from './outer';
export { productSums, repeatRows, scaleRows } from './broadcast';
export { convolve } from './convolve';
export {
  depthwiseFilterGradient,
  depthwiseForward,
  depthwiseInputGradient,
  repeatChannels,
  sumChannels,
} from './depthwise';
export { columnSums, intervalGradient, rectifiedBiasGradient, sigmoidGradient, swish, swishGradient } from './elementwise';
export { batchNormBackward, batchNormForward } from './batchnorm';
export { layerNormBackward, layerNormForward } from './layernorm';
export { adamStep, momentumStep } from './optimize';
export { packFilter, packTransposed, padImages, unpack } from './pack';
export { averagePoolGradient, maxPoolGradient } from './pool';
export { winogradConvolve, winogradFilter, winogradFilterGradient } from './winograd';
