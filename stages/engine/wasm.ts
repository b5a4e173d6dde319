// The engine that runs everywhere: starts the wasm backend of TensorFlow.js and puts our kernels where it lacks them, is wrong or is slow.
// One thread, and the same bits on every run. Knows nothing of data, models or stages.

import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

import { setWasmPaths, type BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

import { setActivationKernels } from './activation.ts';
import { setConvolutionKernels } from './convolution.ts';
import { setDepthwiseKernels } from './depthwise.ts';
import { refuse, stopBackend, type Driver, type Refused, type Started } from './driver.ts';
import { memoryOf, openHeap } from './heap.ts';
import { setIdentityKernel } from './identity.ts';
import { loadKernels } from './kernels.ts';
import { setMatrixKernels } from './matrix.ts';
import { setNormalizationKernels } from './normalization.ts';
import { setOptimizerKernels } from './optimize.ts';
import { setPoolingKernels } from './pooling.ts';
import { setProductKernels } from './product.ts';
import { setReductionKernels } from './reduction.ts';

export const wasmDriver: Driver = {
  name: 'wasm',
  threads: 'ours',
  merit: 'it runs everywhere, needs no native library, and gives the same bits on every run',
  start,
};

async function start(): Promise<Started | Refused> {
  if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')))
    return refuse('this Node.js has no WebAssembly SIMD: take Node.js 20 or newer');
  // Models train side by side as processes; threads within one would only take turns.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(join(dirname(main), sep));
  await withoutNewListeners(async () => {
    if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend of TensorFlow.js did not start');
  });
  const backend = tf.backend() as unknown as BackendWasm;
  const heap = openHeap(backend, await loadKernels(memoryOf(backend)));
  setIdentityKernel(backend);
  setConvolutionKernels(heap);
  setDepthwiseKernels(heap);
  setPoolingKernels(heap);
  setMatrixKernels(heap);
  setReductionKernels(heap);
  setProductKernels(heap);
  setActivationKernels(heap);
  setNormalizationKernels(heap);
  setOptimizerKernels(heap);
  const version = `tfjs ${tf.version_core}, wasm (SIMD)`;
  return { kind: 'started', backend: 'wasm', version, notes: [], stop: () => stopBackend('wasm') };
}

/** The backend's loader hooks into the process and turns any error into exit code 7 without a message of ours: unhooks it again. */
async function withoutNewListeners(action: () => Promise<void>): Promise<void> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.rawListeners(event));
  await action();
  events.forEach((event, index) => {
    for (const listener of process.rawListeners(event))
      if (!before[index]!.includes(listener)) process.removeListener(event, listener as () => void);
  });
}
