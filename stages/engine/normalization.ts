// Batch and layer normalisation of TensorFlow.js's layers on fused kernels while wasm is the active backend. The stock layers take some thirty kernels
// for it, which are most of a training step's time.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import type { Heap } from './heap.ts';
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

/** A weight of a layer: tfl.LayerVariable. */
interface Weight {
  read(): tf.Tensor;
  write(value: tf.Tensor): void;
}

/** What the normalising layers of TensorFlow.js hold. */
interface NormLayer {
  readonly axis: number | readonly number[];
  readonly epsilon: number;
  readonly momentum: number;
  readonly gamma?: Weight | null;
  readonly beta?: Weight | null;
  readonly movingMean: Weight;
  readonly movingVariance: Weight;
}

type Call = (
  this: NormLayer,
  inputs: tf.Tensor | tf.Tensor[],
  options: { training?: boolean },
) => tf.Tensor | tf.Tensor[];

let patched = false;

function useKernelsInLayers(): void {
  if (patched) return;
  patched = true;
  replaceCall(tfl.layers.batchNormalization({}), (stock) => {
    return function call(inputs, options) {
      const x = Array.isArray(inputs) ? inputs[0]! : inputs;
      if (options.training !== true || !applies(this, x)) return stock.call(this, inputs, options);
      return tf.tidy(() => {
        const [y, mean, variance] = run(batchKernel, this, x);
        moveTowards(this.movingMean, mean, this.momentum);
        moveTowards(this.movingVariance, variance, this.momentum);
        return y;
      });
    };
  });
  replaceCall(tfl.layers.layerNormalization({}), (stock) => {
    return function call(inputs, options) {
      const x = Array.isArray(inputs) ? inputs[0]! : inputs;
      return applies(this, x) ? tf.tidy(() => run(layerKernel, this, x)[0]) : stock.call(this, inputs, options);
    };
  });
}

/** Changes the method of all layers of this one's class. */
function replaceCall(layer: tfl.layers.Layer, replace: (stock: Call) => Call): void {
  const prototype = Object.getPrototypeOf(layer) as { call: Call };
  prototype.call = replace(prototype.call);
}

/** Whether our kernels are right for this layer: channels last, on wasm. */
function applies(layer: NormLayer, x: tf.Tensor): boolean {
  const axes = typeof layer.axis === 'number' ? [layer.axis] : layer.axis;
  const last = axes.length === 1 && (axes[0] === -1 || axes[0] === x.rank - 1);
  return tf.getBackend() === 'wasm' && last && x.rank >= 2 && x.dtype === 'float32';
}

function run(kernel: string, layer: NormLayer, x: tf.Tensor): [tf.Tensor, tf.Tensor, tf.Tensor] {
  const channels = x.shape.at(-1)!;
  const gamma = layer.gamma?.read() ?? tf.ones([channels]);
  const beta = layer.beta?.read() ?? tf.zeros([channels]);
  return tf.engine().runKernel(kernel, { x, gamma, beta }, { epsilon: layer.epsilon });
}

/** The moving average of Keras: old − (old − new) · (1 − momentum). */
function moveTowards(average: Weight, value: tf.Tensor, momentum: number): void {
  const old = average.read();
  average.write(tf.sub(old, tf.mul(tf.sub(old, value), 1 - momentum)));
}
