// The engines `node` and `node-gpu`: native TensorFlow by way of TensorFlow.js's own bindings, where they are installed. It spreads its work over
// all cores, or a GPU, and does not promise the same bits on every machine.

import * as tf from '@tensorflow/tfjs-core';

import { refuse, stopBackend, type Driver, type Refused, type Started } from '../driver.ts';
import { postponeRelu } from '../postpone.ts';
import { setNativeActivations } from './activation.ts';
import { setNativeBias } from './bias.ts';
import { setNativeConvolution } from './convolution.ts';
import { setNativeCrossEntropy } from './cross-entropy.ts';
import { setNativeDense } from './dense.ts';
import { describeGpu } from './device.ts';
import { loadedPackage, loadNative, type NativeBackend } from './load.ts';
import { setNativeNormalization } from './normalization.ts';
import { hasOneDnn } from './onednn.ts';
import { backendName } from './operation.ts';
import { setNativeOptimizers, stopNativeOptimizers } from './optimize.ts';
import { setNativePooling } from './pooling.ts';

const cpuPackage = '@tensorflow/tfjs-node';
const gpuPackage = '@tensorflow/tfjs-node-gpu';

export const nodeGpuDriver: Driver = {
  name: 'node-gpu',
  threads: 'own',
  merit: 'native TensorFlow on a GPU is the fastest',
  start: () => Promise.resolve(startGpu()),
};

export const nodeDriver: Driver = {
  name: 'node',
  threads: 'own',
  merit: 'native TensorFlow is about twice as fast as wasm on a processor',
  start: () => Promise.resolve(startProcessor()),
};

function startGpu(): Started | Refused {
  const loading = loadNative(gpuPackage);
  if (loading.kind === 'failed') return refuse(loading.reason);
  if (!loading.backend.isUsingGpuDevice)
    return refuse(
      `${gpuPackage} loads, but its TensorFlow ${loading.backend.binding.TF_Version} finds no GPU: it needs an NVIDIA GPU with its driver, and the CUDA and cuDNN that it was built for`,
    );
  return begin(loading.backend, 'GPU', []);
}

function startProcessor(): Started | Refused {
  // `auto` may have looked for a GPU first: what it loaded then works without one, and is all that this process can load.
  const other = loadedPackage();
  if (other?.name === gpuPackage && !other.backend.isUsingGpuDevice)
    return begin(other.backend, 'CPU', [`${gpuPackage} is used for it, which found no GPU`]);
  const loading = loadNative(cpuPackage);
  return loading.kind === 'failed' ? refuse(loading.reason) : begin(loading.backend, 'CPU', []);
}

let registered = false;

/** A process has one native backend, so that its kernels are registered once. */
function registerKernels(native: NativeBackend): void {
  if (registered) return;
  registered = true;
  const oneDnn = hasOneDnn(native);
  setNativeNormalization();
  setNativeActivations();
  setNativeBias();
  setNativeConvolution({ oneDnn });
  setNativeDense();
  setNativeCrossEntropy();
  if (oneDnn) {
    setNativePooling();
    // Any other max pooling passes NaN over in silence, and a ReLU after it would hide that.
    postponeRelu(backendName);
  }
  if (!native.isUsingGpuDevice) setNativeOptimizers();
}

function begin(native: NativeBackend, processor: 'CPU' | 'GPU', notes: readonly string[]): Started {
  registerKernels(native);
  return {
    kind: 'started',
    backend: 'tensorflow',
    version: `tfjs ${tf.version_core}, TensorFlow ${native.binding.TF_Version} (${processor})`,
    ...(processor === 'GPU' ? { device: describeGpu() } : {}),
    notes,
    stop: () => {
      stopNativeOptimizers();
      stopBackend('tensorflow');
    },
  };
}
