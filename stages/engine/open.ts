// Opens the engine that trains and predicts: starts the wasm backend of TensorFlow.js and puts our kernels where it lacks them, is wrong or is slow.
// One thread, and the same bits on every run. Knows nothing of data, models or stages.

import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

import { setWasmPaths, type BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

import type { EngineChoice } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import { setActivationKernels } from './activation.ts';
import { setConvolutionKernels } from './convolution.ts';
import { setDepthwiseKernels } from './depthwise.ts';
import type { Engine } from './engine.ts';
import { memoryOf, openHeap } from './heap.ts';
import { setIdentityKernel } from './identity.ts';
import { loadKernels } from './kernels.ts';
import { setMatrixKernels } from './matrix.ts';
import { setNormalizationKernels } from './normalization.ts';
import { setOptimizerKernels } from './optimize.ts';
import { setPoolingKernels } from './pooling.ts';
import { setProductKernels } from './product.ts';
import { setReductionKernels } from './reduction.ts';

/** Who uses the backend, and the one start that they share. */
let users = 0;
let started: Promise<void> | undefined;

/**
 * The engine of `train.engine`. 'auto' and 'wasm' are the same one; what this version does not have is a StageFailure. May be called more than once:
 * the engine is shared, and its memory is given back when the last user closes it. Tensors and models are to be disposed before that.
 */
export async function openEngine(choice: EngineChoice): Promise<Engine> {
  refuseOthers(choice);
  users++;
  started ??= start();
  try {
    await started;
    // Somebody else, a test for instance, may have made another backend the active one.
    await tf.setBackend('wasm');
  } catch (error) {
    users--;
    started = undefined;
    throw error;
  }
  let open = true;
  return {
    info: { name: 'wasm', version: `tfjs ${tf.version_core}, wasm (SIMD)`, notes: notesOf(choice) },
    memory: () => ({ bytes: tf.memory().numBytes, tensors: tf.memory().numTensors }),
    close: () => {
      if (open && --users === 0) stop();
      open = false;
    },
  };
}

function refuseOthers(choice: EngineChoice): void {
  if (choice === 'auto' || choice === 'wasm') return;
  const what = choice === 'webgpu' ? 'the WebGPU engine' : `the native engine "${choice}"`;
  throw new StageFailure(`${what} is not part of this version: write \`engine: wasm\` or \`engine: auto\` instead`);
}

function notesOf(choice: EngineChoice): readonly string[] {
  if (choice === 'wasm') return ['wasm was asked for'];
  return [
    'wasm runs everywhere, needs no native library, and gives the same bits on every run',
    'node and node-gpu (native TensorFlow) and webgpu are not part of this version',
  ];
}

async function start(): Promise<void> {
  if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')))
    throw new StageFailure('this Node.js has no WebAssembly SIMD: take Node.js 20 or newer');
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

function stop(): void {
  started = undefined;
  const factory = tf.findBackendFactory('wasm');
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', factory, 2);
}
