// What training and prediction need of an engine. Everything above uses TensorFlow.js's own API (`tf`, the active backend); an engine makes sure
// that a backend is active on which every kernel and gradient that we use exists and is right. Knows nothing of data, models or stages.

/** How an engine was chosen and what it is: recorded with every result. */
export interface EngineInfo {
  readonly name: 'wasm' | 'cpu';
  /** Of TensorFlow.js and of our kernels, in words: "tfjs 4.22.0, wasm (SIMD)". */
  readonly version: string;
  /** Why this one was taken, and why others were not. */
  readonly notes: readonly string[];
}

export interface Engine {
  readonly info: EngineInfo;
  /** Bytes of tensor memory in use and its high-water mark, for tests and progress. */
  readonly memory: () => { readonly bytes: number; readonly tensors: number };
  readonly close: () => void;
}
