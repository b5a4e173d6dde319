// Kernels and gradients of ours in the registry of TensorFlow.js: kernels for the wasm backend, gradients for the backends that ask. The `cpu` backend is left as it is: it is what ours are
// tested against.

import * as tf from '@tensorflow/tfjs-core';

export type Inputs = Readonly<Record<string, tf.TensorInfo | undefined>>;

/** What a kernel computes. It may hand a case that it does not know to the kernel that was there before it. */
export type Compute = (inputs: Inputs, attributes: unknown) => tf.TensorInfo | tf.TensorInfo[];
export type ComputeWithStock = (stock: Compute) => Compute;

/** The kernels that came with TensorFlow.js, and that ours took the place of. */
const stockKernels = new Map<string, tf.KernelConfig | undefined>();
const stockGradients = new Map<string, tf.GradConfig>();

/** Puts a kernel in the place of the one of this name, or adds it. Safe to call again, for a backend opened anew. */
export function setKernel(kernelName: string, compute: ComputeWithStock): void {
  const backendName = 'wasm';
  const current = findKernel(kernelName, backendName);
  if (!stockKernels.has(kernelName)) stockKernels.set(kernelName, current);
  const stock = stockKernels.get(kernelName);
  if (current !== undefined) tf.unregisterKernel(kernelName, backendName);
  const passOn = (inputs: Inputs, attributes: unknown): tf.TensorInfo | tf.TensorInfo[] => {
    if (stock === undefined) throw new Error(`${kernelName}: shapes or options that the wasm engine does not know`);
    return stock.kernelFunc({
      inputs: inputs,
      attrs: attributes as tf.NamedAttrMap,
      backend: tf.backend(),
    });
  };
  const ours = compute(passOn);
  tf.registerKernel({
    // Setting up the stock kernel, too, binds it to the backend.
    ...stock,
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs }) => ours(inputs, attrs),
  });
}

/** Whether the active backend has a kernel of this name. */
export function hasKernel(kernelName: string): boolean {
  return findKernel(kernelName, tf.getBackend()) !== undefined;
}

function findKernel(kernelName: string, backendName: string): tf.KernelConfig | undefined {
  return tf.getKernel(kernelName, backendName);
}

/** The gradient of a kernel of ours. */
export function addGradient(config: tf.GradConfig): void {
  tf.registerGradient(config);
}

/** The gradient of each input, computed when it is asked for. */
export type Gradients = Record<string, () => tf.Tensor>;
type Derive = (dy: tf.Tensor, saved: tf.Tensor[], attributes: tf.NamedAttrMap) => Gradients | null;

/** By kernel, then by the backend that they are for. */
const derivations = new Map<string, Map<string, Derive>>();

/**
 * Replaces a gradient while this backend is the active one. It gets what the stock gradient had saved, in the same order; null leaves a case to the stock
 * one.
 */
export function setGradient(kernelName: string, derive: Derive, backendName = 'wasm'): void {
  const stock = stockGradients.get(kernelName) ?? tf.getGradient(kernelName);
  stockGradients.set(kernelName, stock);
  const ours = derivations.get(kernelName) ?? new Map<string, Derive>();
  derivations.set(kernelName, ours.set(backendName, derive));
  tf.registerGradient({
    ...stock,
    gradFunc: (dy, saved, attributes) => {
      const own = ours.get(tf.getBackend())?.(dy as tf.Tensor, saved, attributes);
      return own ?? stock.gradFunc(dy, saved, attributes);
    },
  });
}
