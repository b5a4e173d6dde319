// Makes the normalising layers of TensorFlow.js use fused kernels, on the backends that have them. Knows no backend.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { replaceCall, type LayerWeight } from './layers.ts';

/**
 * Names of kernels that take x [..., channels], gamma and beta [channels] and give y and more. `batch`: then the mean and the (biased) variance of
 * the batch. Each has a gradient by its three inputs.
 */
export interface NormKernels {
  readonly batch: string;
  readonly layer?: string;
}

const kernelsOf = new Map<string, NormKernels>();

/** From now on, layers use these kernels while this backend is the active one. */
export function fuseNormalization(backend: string, kernels: NormKernels): void {
  if (kernelsOf.size === 0) useKernelsInLayers();
  kernelsOf.set(backend, kernels);
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
    const kernel = training ? kernelFor('batch', layer, x) : undefined;
    if (kernel === undefined) return null;
    const [y, mean, variance] = run(kernel, layer, x);
    moveTowards(layer.movingMean, mean, layer.momentum);
    moveTowards(layer.movingVariance, variance, layer.momentum);
    return y;
  });
  replaceCall<NormLayer>(tfl.layers.layerNormalization({}), (layer, x) => {
    const kernel = kernelFor('layer', layer, x);
    return kernel === undefined ? null : run(kernel, layer, x)[0];
  });
}

/** The kernel that the active backend has for this layer; none unless the channels are last. */
function kernelFor(kind: keyof NormKernels, layer: NormLayer, x: tf.Tensor): string | undefined {
  const axes = typeof layer.axis === 'number' ? [layer.axis] : layer.axis;
  const last = axes.length === 1 && (axes[0] === -1 || axes[0] === x.rank - 1);
  return last && x.rank >= 2 ? kernelsOf.get(tf.getBackend())?.[kind] : undefined;
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
