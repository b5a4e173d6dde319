// The peer of the training bench: the wasm backend of TensorFlow.js with its own kernels alone. What it lacks (the filter gradient of a convolution)
// or does with a scalar loop (the input gradient, products with transposed matrices) is put together from those that it has, in the fastest way found.

import '@tensorflow/tfjs-backend-wasm';

import * as tf from '@tensorflow/tfjs-core';

type Shape4 = [number, number, number, number];

/** Makes the stock backend the active one. */
export async function openStock(): Promise<void> {
  await tf.setBackend('wasm');
  compose('Conv2DBackpropFilter', filterGradient);
  compose('Conv2DBackpropInput', inputGradient);
  composeMatrixProduct();
}

type Inputs = tf.NamedTensorInfoMap;

function compose(kernelName: string, compute: (inputs: Inputs, attributes: Attributes) => tf.Tensor): void {
  const backendName = 'wasm';
  const names = tf.getKernelsForBackend(backendName).map((kernel) => kernel.kernelName);
  if (names.includes(kernelName)) tf.unregisterKernel(kernelName, backendName);
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) =>
    tf.tidy(() => compute(inputs, attrs as unknown as Attributes));
  tf.registerKernel({ kernelName, backendName, kernelFunc });
}

interface Attributes {
  readonly strides: [number, number];
  readonly pad: 'same' | 'valid';
  readonly filterShape: Shape4;
  readonly inputShape: Shape4;
}

/** dx as a convolution of dy with the turned filter; the networks here have neither strides nor filters of even size. */
function inputGradient(inputs: Inputs, { strides, pad }: Attributes): tf.Tensor {
  const { dy, filter } = inputs as unknown as { dy: tf.Tensor4D; filter: tf.Tensor4D };
  if (strides.some((stride) => stride !== 1) || pad !== 'same') throw new Error('the bench knows no such convolution');
  return tf.conv2d(dy, tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]), 1, 'same');
}

/** The stock kernel is fast where neither matrix is transposed. */
function composeMatrixProduct(): void {
  const stock = tf.getKernel('BatchMatMul', 'wasm');
  tf.unregisterKernel('BatchMatMul', 'wasm');
  tf.registerKernel({
    ...stock,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { transposeA, transposeB } = attrs as unknown as { transposeA: boolean; transposeB: boolean };
      const { a, b } = inputs as unknown as { a: tf.Tensor; b: tf.Tensor };
      const plain = { transposeA: false, transposeB: false };
      return tf.tidy(() => {
        const factors = { a: transposeA ? turn(a) : a, b: transposeB ? turn(b) : b };
        return stock.kernelFunc({ inputs: factors, attrs: plain, backend }) as tf.Tensor;
      });
    },
  });
}

function turn(matrices: tf.Tensor): tf.Tensor {
  const axes = matrices.shape.map((_, axis) => axis);
  const [rows, columns] = axes.splice(-2) as [number, number];
  return tf.transpose(matrices, [...axes, columns, rows]);
}

/** dw as a convolution: images in the place of channels, dy as the filter, the stride as its dilation. */
function filterGradient(inputs: Inputs, { strides, pad, filterShape }: Attributes): tf.Tensor {
  const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
  const info = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad);
  const height = (info.outHeight - 1) * info.strideHeight + info.filterHeight;
  const width = (info.outWidth - 1) * info.strideWidth + info.filterWidth;
  const { top, left } = info.padInfo;
  const below = Math.max(0, height - info.inHeight - top);
  const right = Math.max(0, width - info.inWidth - left);
  const padded = tf.pad(x, [
    [0, 0],
    [top, below],
    [left, right],
    [0, 0],
  ]);
  const reached = tf.slice(padded, [0, 0, 0, 0], [-1, height, width, -1]);
  const images = tf.transpose(reached, [3, 1, 2, 0]);
  const filter = tf.transpose(dy, [1, 2, 0, 3]);
  return tf.transpose(tf.conv2d(images, filter, 1, 'valid', 'NHWC', strides), [1, 2, 0, 3]);
}
