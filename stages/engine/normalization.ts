// Batch and layer normalisation of TensorFlow.js's layers on fused kernels while wasm is the active backend. The stock layers take some thirty kernels
// for it, which are most of a training step's time.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import type { Heap } from './heap.ts';
import { replaceCall, type LayerWeight } from './layers.ts';
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
  useKernelsInLayers();
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

/** What the normalising layers of TensorFlow.js hold. */
interface NormLayer {
  readonly axis: number | readonly number[];
  readonly epsilon: number;
  readonly momentum: number;
  readonly gamma?: LayerWeight | null;
  readonly beta?: LayerWeight | null;
  readonly movingMean: LayerWeight;
  readonly movingVariance: LayerWeight;
}

function useKernelsInLayers(): void {
  replaceCall<NormLayer>(tfl.layers.batchNormalization({}), (layer, x, training) => {
    if (!training || !applies(layer, x)) return null;
    const [y, mean, variance] = run(batchKernel, layer, x);
    moveTowards(layer.movingMean, mean, layer.momentum);
    moveTowards(layer.movingVariance, variance, layer.momentum);
    return y;
  });
  replaceCall<NormLayer>(tfl.layers.layerNormalization({}), (layer, x) =>
    applies(layer, x) ? run(layerKernel, layer, x)[0] : null,
  );
}

/** Whether our kernels are right for this layer: channels last. */
function applies(layer: NormLayer, x: tf.Tensor): boolean {
  const axes = typeof layer.axis === 'number' ? [layer.axis] : layer.axis;
  return axes.length === 1 && (axes[0] === -1 || axes[0] === x.rank - 1) && x.rank >= 2;
}

function run(kernel: string, layer: NormLayer, x: tf.Tensor): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const channels = x.shape.at(-1)!;
  const gamma = layer.gamma?.read() ?? tf.ones([channels]);
  const beta = layer.beta?.read() ?? tf.zeros([channels]);
  return tf.engine().runKernel(kernel, { x, gamma, beta }, { epsilon: layer.epsilon });
}

/** The moving average of Keras: old − (old − new) · (1 − momentum). */
function moveTowards(average: LayerWeight, value: tf.Tensor, momentum: number): void {
  const old = average.read();
  average.write(tf.sub(old, tf.mul(tf.sub(old, value), 1 - momentum)));
}
