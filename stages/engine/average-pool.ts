// The gradient of average pooling, put together from kernels that every backend has. Those of the `cpu` and `webgpu` backends are wrong where a window
// reaches beyond the image: they divide by the size of the window, the forward pass by what lies within.

import * as tf from '@tensorflow/tfjs-core';

/**
 * Takes the place of the kernel of a backend. Average pooling is a depthwise convolution with ones, divided by that of an image of ones; and so is its
 * gradient that of this convolution.
 */
export function setAveragePoolGradient(backendName: string): void {
  const kernelName = tf.AvgPoolGrad;
  if ((tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined) !== undefined)
    tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ kernelName, backendName, kernelFunc: averagePoolGradient });
}

/** An attribute that the types do not mention. */
interface Rounding {
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

const averagePoolGradient: tf.KernelFunc = ({ inputs, attrs }) => {
  const { dy, input } = inputs as { dy: tf.Tensor4D; input: tf.Tensor4D };
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as tf.AvgPoolGradAttrs & Rounding;
  const info = tf.backend_util.computePool2DInfo(input.shape, filterSize, strides, 1, pad, dimRoundingMode);
  return tf.tidy(() => {
    const filter = tf.ones<tf.Rank.R4>([info.filterHeight, info.filterWidth, info.inChannels, 1]);
    const counts = tf.depthwiseConv2d(tf.onesLike(input), filter, strides, pad, 'NHWC', 1, dimRoundingMode);
    const attributes = { strides, pad, dilations: 1, dimRoundingMode: dimRoundingMode!, inputShape: input.shape };
    const operands = { dy: tf.div(dy, counts), filter };
    return tf.engine().runKernel<tf.Tensor>(tf.DepthwiseConv2dNativeBackpropInput, operands, attributes);
  });
};
