// The engine `webgpu`: TensorFlow.js's WebGPU backend on an adapter of Dawn. `auto` takes it on a real GPU only; who asks for it gets a software
// adapter too, which is right but slow. Results can only be read asynchronously.

import { createRequire } from 'node:module';

import * as tf from '@tensorflow/tfjs-core';

import { setAveragePoolGradient } from '../average-pool.ts';
import { refuse, stopBackend, type Driver, type Refused, type Started } from '../driver.ts';
import { findAdapter } from './adapter.ts';

const backendPackage = '@tensorflow/tfjs-backend-webgpu';

export const webgpuDriver: Driver = {
  name: 'webgpu',
  threads: 'own',
  merit: 'a GPU is faster than any processor',
  start,
};

async function start(asked: boolean): Promise<Started | Refused> {
  const finding = await findAdapter();
  if (finding.kind === 'none') return refuse(finding.reason);
  const { description } = finding.adapter.info;
  if (finding.software && !asked)
    return refuse(`its only adapter, ${description}, is software, which is slower than wasm`);
  const failure = loadBackend();
  if (failure !== undefined) return refuse(failure);
  if (!(await tf.setBackend('webgpu'))) return refuse(`its adapter, ${description}, does not give a device`);
  setAveragePoolGradient('webgpu');
  return {
    kind: 'started',
    backend: 'webgpu',
    version: `tfjs ${tf.version_core}, WebGPU (Dawn${finding.software ? ', software adapter' : ''})`,
    device: description,
    notes: finding.software ? ['the adapter is software: right, but slow'] : [],
    stop: () => stopBackend('webgpu'),
  };
}

/** Registers the backend, which looks for `navigator.gpu` as it is loaded. @returns why it could not be */
function loadBackend(): string | undefined {
  try {
    createRequire(import.meta.url)(backendPackage);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND') return `${backendPackage} is not installed: run \`npm install ${backendPackage}\``;
    return `${backendPackage} does not load: ${message.split('\n')[0]!}`;
  }
  const factory: unknown = tf.findBackendFactory('webgpu');
  return factory === null ? `${backendPackage} found no WebGPU` : undefined;
}
