// Batch normalisation while training as TensorFlow's own fused operation and its gradient. TensorFlow.js would take some thirty operations for it.

import * as tf from '@tensorflow/tfjs-core';

import { fuseNormalization } from '../norm-layers.ts';
import type { NativeBackend, OpAttribute } from './load.ts';

const kernelName = 'NativeBatchNormTraining';
const gradientName = 'NativeBatchNormTrainingGradient';
const backendName = 'tensorflow';

let registered = false;

/** Makes the layers use it while native TensorFlow is the active backend. */
export function setNativeNormalization(): void {
  if (registered) return;
  registered = true;
  tf.registerKernel({ kernelName, backendName, kernelFunc: forward });
  tf.registerKernel({ kernelName: gradientName, backendName, kernelFunc: backward });
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

type KernelArguments = Parameters<tf.KernelFunc>[0];

/** x [..., channels], gamma, beta → y, mean, biased variance, and three tensors that only the gradient understands. */
function forward({ inputs, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const { x, gamma, beta } = inputs as Record<'x' | 'gamma' | 'beta', tf.Tensor>;
  const native = backend as unknown as NativeBackend;
  const images = asImages(x);
  // The averages that it would update: none.
  const none = tf.tensor1d([], 'float32');
  const operands = [images, gamma, beta, none, none];
  const [y, mean, variance, ...rest] = native.executeMultipleOutputs(
    'FusedBatchNormV3',
    attributesOf(native, attrs),
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

function backward({ inputs, attrs, backend }: KernelArguments): tf.TensorInfo[] {
  const { dy, x, gamma, mean, spread, extra } = inputs as Record<string, tf.Tensor>;
  const native = backend as unknown as NativeBackend;
  const [gradient, images] = [asImages(dy!), asImages(x!)];
  const operands = [gradient, images, gamma!, mean!, spread!, extra!];
  const [dx, dGamma, dBeta, ...unused] = native.executeMultipleOutputs(
    'FusedBatchNormGradV3',
    attributesOf(native, attrs),
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

function attributesOf({ binding }: NativeBackend, attrs: KernelArguments['attrs']): OpAttribute[] {
  const { epsilon } = attrs as unknown as { epsilon: number };
  return [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'U', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'epsilon', type: binding.TF_ATTR_FLOAT, value: epsilon },
    { name: 'data_format', type: binding.TF_ATTR_STRING, value: 'NHWC' },
    { name: 'is_training', type: binding.TF_ATTR_BOOL, value: true },
  ];
}
