// Max pooling while training by oneDNN, which notes where each maximum was. The gradient of TensorFlow's own operation looks for it again, for ten times
// as long.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { replaceCall } from '../layers.ts';
import { addGradient } from '../registry.ts';
import type { NativeBackend, OpAttribute } from './load.ts';
import { oneDnnLabel } from './onednn.ts';
import { addKernel, attribute, backendName, windowAttributes, type Window } from './operation.ts';

const poolKernel = 'NativeMaxPool';
const poolGradient = 'NativeMaxPoolGradient';

/** Of float32. */
const lowestNumber = -(2 - 2 ** -23) * 2 ** 127;

interface PoolAttributes extends Window {
  readonly size: readonly [number, number];
}

/** Makes the layers use it while native TensorFlow is the active backend. Needs oneDNN. */
export function setNativePooling(): void {
  addKernel(poolKernel, (native, { x }, options) => {
    const [y, places] = native.executeMultipleOutputs('_MklNativeMaxPool', attributesOf(native, options), [x!], 2);
    return [revealNaN(y!), concealShape(native, places!)];
  });
  addKernel(poolGradient, (native, { x, y, dy, places }, options) =>
    native.executeSingleOutput('_MklNativeMaxPoolGrad', attributesOf(native, options), [x!, y!, dy!, places!]),
  );
  addGradient({
    kernelName: poolKernel,
    inputsToSave: ['x'],
    outputsToSave: [true, true],
    gradFunc: (dys, saved, options) => {
      const [x, y, places] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const dy = (dys as tf.Tensor[])[0]!;
      return { x: () => tf.engine().runKernel(poolGradient, { x, y, dy, places }, options) };
    },
  });
  usePoolingInLayers();
}

/**
 * oneDNN passes NaN over, and gives the lowest number where it finds nothing else. A ReLU after it would make 0 of that, and a network that has diverged could
 * not be told from one that has not. Disposes what it gets, if it gives something else.
 */
function revealNaN(y: tf.Tensor): tf.Tensor {
  const lowest = tf.tidy(() => tf.min(y).dataSync<'float32'>()[0]!);
  if (lowest > lowestNumber) return y;
  y.dispose();
  return tf.fill(y.shape, NaN);
}

/**
 * What only the gradient understands, as a scalar to TensorFlow.js, which would otherwise make zeros of its size to be the gradient by it. TensorFlow knows
 * the shape. Disposes what it gets.
 */
function concealShape(native: NativeBackend, tensor: tf.Tensor): tf.TensorInfo {
  const { dataId, dtype } = tensor;
  native.incRef(dataId);
  tensor.dispose();
  return { dataId, dtype, shape: [] };
}

function attributesOf(native: NativeBackend, options: unknown): OpAttribute[] {
  const { size, ...window } = options as PoolAttributes;
  return [...windowAttributes(native, window), attribute(native, 'INT', 'ksize', [1, ...size, 1]), oneDnnLabel(native)];
}

/** What the pooling layers of TensorFlow.js hold. */
interface PoolLayer {
  readonly poolSize: [number, number];
  readonly strides: [number, number];
  readonly padding: string;
  readonly dataFormat: string;
}

function usePoolingInLayers(): void {
  replaceCall<PoolLayer>(tfl.layers.maxPooling2d({}), ({ poolSize, strides, padding, dataFormat }, x, training) => {
    const known = dataFormat === 'channelsLast' && (padding === 'same' || padding === 'valid');
    if (!training || !known || tf.getBackend() !== backendName) return null;
    const options = { size: poolSize, strides, pad: padding };
    return tf.engine().runKernel<tf.Tensor[]>(poolKernel, { x }, options)[0]!;
  });
}
