// Copies that share their values with the original, as on the `cpu` backend. The stock kernel copies the values, and the tape of a training step makes a
// hundred such copies. Tensors never change in place, so sharing is safe.

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { CastAttrs } from '@tensorflow/tfjs-core';

import { setKernel } from './registry.ts';

export function setIdentityKernel(backend: BackendWasm): void {
  setKernel('Identity', (stock) => (inputs, attributes) => {
    const { dataId, shape, dtype } = inputs['x']!;
    if (dtype === 'string') return stock(inputs, attributes);
    backend.incRef(dataId);
    return { dataId, shape, dtype };
  });
  // A cast that changes nothing is one, too: the gradients of products are full of them.
  setKernel('Cast', (stock) => (inputs, attributes) => {
    const { dataId, shape, dtype } = inputs['x']!;
    if (dtype === 'string' || dtype !== (attributes as CastAttrs).dtype) return stock(inputs, attributes);
    backend.incRef(dataId);
    return { dataId, shape, dtype };
  });
}
