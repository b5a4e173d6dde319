// How our kernels call operations of TensorFlow on float32 tensors. Knows none of them.

import * as tf from '@tensorflow/tfjs-core';

import type { NativeBackend, OpAttribute } from './load.ts';

/** In TensorFlow.js. */
export const backendName = 'tensorflow';

export type NamedTensors = Readonly<Record<string, tf.Tensor>>;

/** Registers a kernel of native TensorFlow. */
export function addKernel(
  kernelName: string,
  compute: (native: NativeBackend, inputs: NamedTensors, attributes: unknown) => tf.TensorInfo | tf.TensorInfo[],
): void {
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) =>
      compute(backend as unknown as NativeBackend, inputs as NamedTensors, attrs),
  });
}

type Kind = 'BOOL' | 'FLOAT' | 'INT' | 'SHAPE' | 'STRING' | 'TYPE';

/** @param value - of its kind: one value, or as many as the operation wants */
export function attribute(
  { binding }: NativeBackend,
  kind: Kind,
  name: string,
  value: OpAttribute['value'],
): OpAttribute {
  return { name, type: binding[`TF_ATTR_${kind}`], value };
}

/** That an operation takes float32. */
export function floatType(native: NativeBackend, name = 'T'): OpAttribute {
  return attribute(native, 'TYPE', name, native.binding.TF_FLOAT);
}

/** How a window moves over images [n, height, width, channels]. */
export interface Window {
  readonly strides: readonly [number, number];
  readonly pad: 'same' | 'valid';
}

export function windowAttributes(native: NativeBackend, { strides, pad }: Window): OpAttribute[] {
  return [
    floatType(native),
    attribute(native, 'INT', 'strides', [1, ...strides, 1]),
    attribute(native, 'STRING', 'padding', pad.toUpperCase()),
    attribute(native, 'STRING', 'data_format', 'NHWC'),
  ];
}
