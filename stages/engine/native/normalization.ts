// Batch normalisation while training as TensorFlow's own fused operation and its gradient. TensorFlow.js would take some thirty operations for it.

import * as tf from '@tensorflow/tfjs-core';

import { fuseNormalization } from '../norm-layers.ts';
import type { NativeBackend, OpAttribute } from './load.ts';
import { addKernel, attribute, backendName, floatType, type NamedTensors } from './operation.ts';

const kernelName = 'NativeBatchNormTraining';
const gradientName = 'NativeBatchNormTrainingGradient';

/** Makes the layers use it while native TensorFlow is the active backend. */
export function setNativeNormalization(): void {
  addKernel(kernelName, forward);
  addKernel(gradientName, backward);
  tf.registerGradient({
    kernelName,
    inputsToSave: ['x', 'gamma'],
    outputsToSave: [false, false, false, true, true, true],
    gradFunc: (dys, saved, attributes) => {
      const [x, gamma, mean, spread, extra] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const inputs = { dy: (dys as tf.Tensor[])[0]!, x, gamma, mean, spread, extra };
      const [dx, dGamma, dBeta] = tf.engine().runKernel<tf.Tensor[]>(gradientName, inputs, attributes);
      return { x: () => dx!, gamma: () => dGamma!, beta: () => dBeta! };
    },
  });
  fuseNormalization(backendName, { batch: kernelName });
}

/** x [..., channels], gamma, beta → y, mean, biased variance, and three tensors that only the gradient understands. */
function forward(native: NativeBackend, inputs: NamedTensors, options: unknown): tf.TensorInfo[] {
  const { x, gamma, beta } = inputs as Record<'x' | 'gamma' | 'beta', tf.Tensor>;
  const images = asImages(x);
  // The averages that it would update: none.
  const none = tf.tensor1d([], 'float32');
  const operands = [images, gamma, beta, none, none];
  const [y, mean, variance, ...rest] = native.executeMultipleOutputs(
    'FusedBatchNormV3',
    attributesOf(native, options),
    operands,
    6,
  ) as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
  // TensorFlow gives the unbiased variance, with Bessel's correction; the layers of TensorFlow.js average the biased one.
  const rows = x.size / x.shape.at(-1)!;
  const biased = tf.mul(variance, Math.max(rows - 1, 1) / rows);
  const outs = [tf.reshape(y, x.shape), mean, biased, ...rest];
  tf.dispose([none, images, y, variance]);
  return outs;
}

function backward(native: NativeBackend, inputs: NamedTensors, options: unknown): tf.TensorInfo[] {
  const { dy, x, gamma, mean, spread, extra } = inputs;
  const [gradient, images] = [asImages(dy!), asImages(x!)];
  const operands = [gradient, images, gamma!, mean!, spread!, extra!];
  const [dx, dGamma, dBeta, ...unused] = native.executeMultipleOutputs(
    'FusedBatchNormGradV3',
    attributesOf(native, options),
    operands,
    5,
  ) as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
  const outs = [tf.reshape(dx, x!.shape), dGamma, dBeta];
  tf.dispose([gradient, images, dx, ...unused]);
  return outs;
}

/** [rows, 1, 1, channels]-like: the operation takes images only. A new tensor, which shares its values. */
function asImages(x: tf.Tensor): tf.Tensor {
  const channels = x.shape.at(-1)!;
  return tf.reshape(x, x.rank === 4 ? x.shape : [x.size / channels, 1, 1, channels]);
}

function attributesOf(native: NativeBackend, options: unknown): OpAttribute[] {
  const { epsilon } = options as { epsilon: number };
  return [
    floatType(native),
    floatType(native, 'U'),
    attribute(native, 'FLOAT', 'epsilon', epsilon),
    attribute(native, 'STRING', 'data_format', 'NHWC'),
    attribute(native, 'BOOL', 'is_training', true),
  ];
}
