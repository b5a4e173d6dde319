// What training and prediction need of an engine. Everything above uses TensorFlow.js's own API (`tf`, the active backend); an engine makes sure
// that a backend is active on which every kernel and gradient that we use exists and is right. Knows nothing of data, models or stages.

export type EngineName = 'wasm' | 'node' | 'node-gpu' | 'webgpu' | 'cpu';

/** How an engine was chosen and what it is: recorded with every result. */
export interface EngineInfo {
  readonly name: EngineName;
  /** Of all that the results depend on, in words: "tfjs 4.22.0, wasm (SIMD)", "tfjs 4.22.0, TensorFlow 2.9.1 (CPU)". */
  readonly version: string;
  /** Why this one was taken, and why others were not. */
  readonly notes: readonly string[];
  /** What computes where that is not the processor: "NVIDIA H200, CUDA 12.3". */
  readonly device?: string;
}

export interface Engine {
  readonly info: EngineInfo;
  /**
   * Who spreads the work over the cores. `ours`: the engine is one thread and may be opened again in worker threads, each with a share of a batch.
   * `own`: it takes all cores, or a GPU, by itself; it is opened once a process, in its main thread, and gets whole batches.
   */
  readonly threads: 'ours' | 'own';
  /** Bytes of tensor memory in use and the number of tensors, for tests and progress. */
  readonly memory: () => { readonly bytes: number; readonly tensors: number };
  readonly close: () => void;
}

/** An engine and what it runs on, in one line: "wasm: tfjs 4.22.0, wasm (SIMD)". */
export function describeEngine({ name, version, device }: EngineInfo): string {
  return `${name}: ${version}${device === undefined ? '' : `, on ${device}`}`;
}
