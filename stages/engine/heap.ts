// The heap of the TensorFlow.js wasm backend, on which our kernels work in place: addresses of tensors, new tensors, and scratch memory. Addresses
// stay valid when the heap grows, views of its buffer do not: nobody keeps one.

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { util, type TensorInfo } from '@tensorflow/tfjs-core';

import { StageFailure } from '../context/fail.ts';
import type { Kernels } from './kernels.ts';

/** What we use of the emscripten module inside the backend. */
interface Module {
  readonly asm: { readonly memory?: unknown };
  readonly _malloc: (bytes: number) => number;
  readonly _free: (address: number) => void;
}

/** The backend's heap together with the kernels bound to it. */
export interface Heap {
  readonly kernels: Kernels;
  /** Address of a tensor's values. */
  readonly address: (tensor: TensorInfo) => number;
  /** A new float32 tensor; its values are whatever lay there. */
  readonly create: (shape: readonly number[]) => TensorInfo;
  /** Sets all values to zero. */
  readonly clear: (tensor: TensorInfo) => void;
  /** Writes 32-bit whole numbers. */
  readonly write: (address: number, words: readonly number[]) => void;
  /** Calls `use` with the addresses of blocks of so many float32 (or 32-bit words), which are free again afterwards. */
  readonly scratch: (sizes: readonly number[], use: (...addresses: number[]) => void) => void;
}

/** The WebAssembly memory of a backend; throws if this TensorFlow.js keeps it elsewhere. */
export function memoryOf(backend: BackendWasm): object {
  const { asm } = backend.wasm as unknown as Partial<Module>;
  if (typeof asm?.memory === 'object' && asm.memory !== null) return asm.memory;
  throw new Error('this version of @tensorflow/tfjs-backend-wasm does not show its memory; 4.22.0 does');
}

export function openHeap(backend: BackendWasm, kernels: Kernels): Heap {
  const module = backend.wasm as unknown as Module;
  const address = (tensor: TensorInfo): number => backend.getMemoryOffset(tensor.dataId);
  return {
    kernels,
    address,
    create: (shape) => {
      const tensor = backend.makeOutput([...shape], 'float32');
      if (address(tensor) === 0) throw outOfMemory(util.sizeFromShape([...shape]) * 4);
      return tensor;
    },
    clear: (tensor) => void backend.typedArrayFromHeap(tensor).fill(0),
    write: (target, words) => {
      const { buffer } = memoryOf(backend) as { readonly buffer: ArrayBuffer };
      new Int32Array(buffer, target, words.length).set(words);
    },
    scratch: (sizes, use) => {
      // Sixteen bytes more: a vector may start on the last value of a block. Blocks start where a line of the cache does: a vector that crosses the
      // border of two lines takes twice as long to load.
      const bytes = sizes.map((size) => aligned(size * 4 + 16));
      const total = bytes.reduce((sum, size) => sum + size, line);
      const start = module._malloc(total) >>> 0;
      if (start === 0) throw outOfMemory(total);
      try {
        let next = aligned(start);
        use(...bytes.map((size) => (next += size) - size));
      } finally {
        module._free(start);
      }
    },
  };
}

/** Bytes of a line of the cache. */
const line = 64;

function aligned(bytes: number): number {
  return Math.ceil(bytes / line) * line;
}

function outOfMemory(bytes: number): StageFailure {
  const size = Math.ceil(bytes / 2 ** 20);
  return new StageFailure(
    `out of memory: the wasm engine found no ${size} MiB within its 4 GiB; take a smaller batch or a smaller model`,
  );
}
