// Large buffers that are used again: memory that a process has just got costs more than filling it.

/** As much of the global object as is used: the types of Node.js leave it out. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

/** Pages of WebAssembly have this many bytes. */
const page = 64 << 10;

/** Buffers of one size, each beginning where a page of memory does, as O_DIRECT asks. */
export class TransferBuffers {
  readonly #size: number;
  readonly #free: Buffer[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** What is in it is left over from its last use. */
  take(): Buffer {
    return this.#free.pop() ?? allocate(this.#size);
  }

  /** Only once nothing can write to it any more: where that is not sure, let go of it. `bytes`: what take() gave, or its beginning. */
  give(bytes: Buffer): void {
    this.#free.push(Buffer.from(bytes.buffer, 0, this.#size));
  }
}

function allocate(size: number): Buffer {
  const pages = Math.ceil(size / page);
  try {
    return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer, 0, size);
  } catch {
    // It wants a large range of addresses, of which there may be a limit.
    return Buffer.allocUnsafeSlow(size);
  }
}
