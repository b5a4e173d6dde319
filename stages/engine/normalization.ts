// Batch and layer normalisation on fused kernels of ours. The stock layers take some thirty kernels for it, which are most of a training step's time.

import * as tf from '@tensorflow/tfjs-core';

import type { Heap } from './heap.ts';
import { fuseNormalization } from './norm-layers.ts';
import { addGradient, setKernel } from './registry.ts';

const batchKernel = 'BatchNormTraining';
const batchGradient = 'BatchNormTrainingGradient';
const layerKernel = 'LayerNorm';
const layerGradient = 'LayerNormGradient';

/** Kernels: x [..., channels], gamma and beta [channels] → y and the moments; and the gradients. The moments themselves are not differentiated. */
export function setNormalizationKernels(heap: Heap): void {
  setBatchKernels(heap);
  setLayerKernels(heap);
  setGradientOf(batchKernel, batchGradient);
  setGradientOf(layerKernel, layerGradient);
  fuseNormalization('wasm', { batch: batchKernel, layer: layerKernel });
}

/** Rows and channels of a tensor whose last axis is the channels. */
function sizesOf({ shape }: tf.TensorInfo): { rows: number; channels: number } {
  return { rows: tf.util.sizeFromShape(shape.slice(0, -1)), channels: shape.at(-1)! };
}

function setBatchKernels({ kernels, address, create, scratch }: Heap): void {
  setKernel(batchKernel, () => (inputs, attributes) => {
    const [x, gamma, beta] = [inputs['x']!, inputs['gamma']!, inputs['beta']!];
    const { rows, channels } = sizesOf(x);
    const outs = [create(x.shape), create([channels]), create([channels])];
    const addresses = [x, gamma, beta, ...outs].map(address);
    scratch([2 * channels], (free) =>
      kernels.batchNormForward(...addresses, free, rows, channels, epsilonOf(attributes)),
    );
    return outs;
  });
  setKernel(batchGradient, () => (inputs, attributes) => {
    const [x, dy, gamma, mean, variance] = savedInputs(inputs);
    const { rows, channels } = sizesOf(x);
    const outs = [create(x.shape), create([channels]), create([channels])];
    const addresses = [x, dy, gamma, mean, variance, ...outs].map(address);
    scratch([3 * channels], (free) =>
      kernels.batchNormBackward(...addresses, free, rows, channels, epsilonOf(attributes)),
    );
    return outs;
  });
}

function setLayerKernels({ kernels, address, create }: Heap): void {
  setKernel(layerKernel, () => (inputs, attributes) => {
    const [x, gamma, beta] = [inputs['x']!, inputs['gamma']!, inputs['beta']!];
    const { rows, channels } = sizesOf(x);
    const outs = [create(x.shape), create([rows]), create([rows])];
    kernels.layerNormForward(...[x, gamma, beta, ...outs].map(address), rows, channels, epsilonOf(attributes));
    return outs;
  });
  setKernel(layerGradient, () => (inputs) => {
    const saved = savedInputs(inputs);
    const { rows, channels } = sizesOf(saved[0]);
    const outs = [create(saved[0].shape), create([channels]), create([channels])];
    kernels.layerNormBackward(...[...saved, ...outs].map(address), rows, channels);
    return outs;
  });
}

type Saved = [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];

function savedInputs(inputs: Readonly<Record<string, tf.TensorInfo | undefined>>): Saved {
  return ['x', 'dy', 'gamma', 'center', 'spread'].map((name) => inputs[name]!) as Saved;
}

function epsilonOf(attributes: unknown): number {
  return (attributes as { epsilon: number }).epsilon;
}

function setGradientOf(kernelName: string, gradientName: string): void {
  addGradient({
    kernelName,
    inputsToSave: ['x', 'gamma'],
    outputsToSave: [false, true, true],
    gradFunc: (dys, saved, attributes) => {
      const [x, gamma, center, spread] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const dy = (dys as tf.Tensor[])[0]!;
      const inputs = { x, dy, gamma, center, spread };
      const [dx, dGamma, dBeta] = tf.engine().runKernel<tf.Tensor[]>(gradientName, inputs, attributes);
      return { x: () => dx!, gamma: () => dGamma!, beta: () => dBeta! };
    },
  });
}
