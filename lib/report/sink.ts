// Where text goes: a stream whose reader may go away (`dagrun repro | head`). A run must not die of that, so from the first
// error on nothing more is written.

/** The part of a writable stream that is needed here. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on?(event: 'error' | 'resize', listener: () => void): unknown;
  off?(event: 'error' | 'resize', listener: () => void): unknown;
}

/** Writes to an output until that fails; errors of the stream are taken here and never thrown. */
export class Sink {
  readonly #out: Output;
  #broken = false;

  constructor(out: Output) {
    this.#out = out;
    out.on?.('error', () => {
      this.#broken = true;
    });
  }

  /** True once nobody reads any more. */
  get broken(): boolean {
    return this.#broken;
  }

  write(text: string): void {
    if (this.#broken) return;
    try {
      this.#out.write(text);
    } catch {
      this.#broken = true;
    }
  }
}
