// The input scaling of each family, as layers that plain TensorFlow.js knows. They are frozen and stay so: they hold statistics of images, not weights.
// Keras has those of EfficientNet within the model (under the same names) and the others outside of it.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import type { Scaling } from './catalog.ts';
import { apply, type Tensor } from './network.ts';

/** Name of the layer that stands for what Keras does outside of the model. */
const outside = 'preprocess';
/** Keras's name of EfficientNet's Normalization: here a depthwise 1×1 convolution, see setNormalization. */
export const normalization = 'normalization';

/** ImageNet's means of blue, green and red, of pixels 0–255. */
const caffeMeans = [103.939, 116.779, 123.68] as const;

/**
 * Whether a layer scales the input. It must never be trained (unfreezing a backbone leaves it out), and but for `normalization` it is not one of
 * Keras's.
 */
export function isScaling(layer: tfl.layers.Layer): boolean {
  return [outside, 'rescaling', normalization].includes(layer.name);
}

/** Whether a layer is one that Keras does not have within the model. */
export function isOutside(layer: tfl.layers.Layer): boolean {
  return layer.name === outside;
}

/** @param input - pixels 0–255 [n, h, w, 3] */
export function applyScaling(input: Tensor, scaling: Scaling): Tensor {
  switch (scaling) {
    case 'symmetric':
      return apply(input, tfl.layers.rescaling({ name: outside, scale: 1 / 127.5, offset: -1 }));
    case 'centred':
      return applyCentring(input);
    case 'rescaled':
      return applyNormalization(apply(input, tfl.layers.rescaling({ name: 'rescaling', scale: 1 / 255 })));
  }
}

/** A 1×1 convolution that turns the channels round, and takes the means away: exact in floating point, each sum has one term. */
function applyCentring(input: Tensor): Tensor {
  const layer = tfl.layers.conv2d({ name: outside, filters: 3, kernelSize: 1, trainable: false });
  const end = apply(input, layer);
  setWeights(layer, [[0, 0, 1, 0, 1, 0, 1, 0, 0], caffeMeans.map((mean) => -mean)]);
  return end;
}

function applyNormalization(input: Tensor): Tensor {
  const layer = tfl.layers.depthwiseConv2d({ name: normalization, kernelSize: 1, trainable: false });
  const end = apply(input, layer);
  setNormalization(layer, { mean: [0, 0, 0], variance: [1, 1, 1], factor: [1, 1, 1] });
  return end;
}

export interface Statistics {
  readonly mean: ArrayLike<number>;
  readonly variance: ArrayLike<number>;
  /** What the normalised channels are multiplied by. */
  readonly factor: ArrayLike<number>;
}

/**
 * Makes the layer `normalization` compute factor·(x − mean)/√variance for each channel, with Keras's lower limit of 10⁻⁷ for the deviation: kernel
 * factor/√variance, bias −mean·factor/√variance. Keras's layer also holds how many images the statistics are of, which nothing needs.
 */
export function setNormalization(layer: tfl.layers.Layer, { mean, variance, factor }: Statistics): void {
  const kernel = Array.from(factor, (value, index) => value / Math.max(Math.sqrt(variance[index]!), 1e-7));
  setWeights(layer, [kernel, kernel.map((value, index) => -value * mean[index]!)]);
}

/** ImageNet's means and deviations of red, green and blue, of pixels in [0, 1]. */
const imagenet = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const;

/**
 * The factor that goes with statistics from a file. Keras's ImageNet weights of EfficientNet hold deviations where its Normalization takes variances;
 * Keras mends that with a second Rescaling by 1/√deviation, which is in the model if it was made with those weights, but not in the published file.
 * So it is due where the file names two Rescaling layers, or has ImageNet's statistics.
 */
export function weightsFactor({ mean, variance }: Omit<Statistics, 'factor'>, rescalings: number): readonly number[] {
  const close = (values: ArrayLike<number>, wanted: readonly number[]): boolean =>
    wanted.every((value, index) => Math.abs(values[index]! - value) < 1e-4);
  const published = close(mean, imagenet.mean) && close(variance, imagenet.deviation);
  return imagenet.deviation.map((value) => (published || rescalings > 1 ? 1 / Math.sqrt(value) : 1));
}

function setWeights(layer: tfl.layers.Layer, values: readonly (readonly number[])[]): void {
  const tensors = layer.weights.map(({ shape }, index) => tf.tensor([...values[index]!], shape as number[]));
  layer.setWeights(tensors);
  tf.dispose(tensors);
}
