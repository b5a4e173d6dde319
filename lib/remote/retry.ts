// A storage that tries again: transient faults, lost connections and peers that say nothing, with growing pauses.

import { setMaxListeners } from 'node:events';
import { randomInt } from 'node:crypto';
import type { TransferBuffers } from '../core/transfer-buffers.ts';
import type { ListOptions, Piece, Range, RemoveOptions, Storage, StoredFile, WriteOptions } from './storage.ts';
import { RemoteFault, isKind } from './problem.ts';

export interface RetryOptions {
  /** In all, the first included. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubles with each, up to `longest`, half of it by chance. */
  readonly pause: number;
  readonly longest: number;
  /** Milliseconds that one attempt may take, besides one second for every 64 KiB that it moves. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export const usualRetries = { attempts: 5, pause: 250, longest: 10_000, timeout: 60_000 } as const;

/** Milliseconds that the last request of an interrupted command may take, or one in which there is little hope. */
const farewell = 5000;

export class RetryingStorage implements Storage {
  readonly label: string;
  readonly readOnly: boolean;
  readonly canList: boolean;
  readonly leavesParts: boolean;
  readonly jobs: number;
  readonly #inner: Storage;
  readonly #options: RetryOptions;
  /** Writes that were begun and have not ended, by key: those that nobody waits for any more are among them. */
  readonly #writing = new Map<string, Promise<unknown>>();

  constructor(inner: Storage, options: RetryOptions) {
    this.#inner = inner;
    this.#options = options;
    this.label = inner.label;
    this.readOnly = inner.readOnly;
    this.canList = inner.canList;
    this.leavesParts = inner.leavesParts;
    this.jobs = inner.jobs;
    // Each request waits for it, and several pulls may be under way.
    setMaxListeners(0, options.signal);
  }

  list(prefix: string, options?: ListOptions): Promise<readonly StoredFile[]> {
    // A listing comes in many answers.
    return this.#persist(4 << 20, () => this.#inner.list(prefix, options));
  }

  stat(key: string): Promise<StoredFile | undefined> {
    return this.#persist(0, () => this.#inner.stat(key));
  }

  read(key: string, range?: Range): Promise<Buffer> {
    // What is read whole is small.
    return this.#persist(range?.length ?? 256 << 10, async () => {
      const bytes = await this.#inner.read(key, range);
      if (range !== undefined && bytes.length !== range.length) throw this.#tooFew(key, bytes.length, range.length);
      return bytes;
    });
  }

  #tooFew(key: string, came: number, expected: number): RemoteFault {
    return new RemoteFault('transient', `${this.label} sent ${came} bytes of "${key}" instead of ${expected}`);
  }

  readPiece(key: string, length: number, buffers: TransferBuffers): Promise<Piece> {
    // A reading that is given up keeps its buffer: what comes late may still be written there.
    return this.#persist(length, async () => {
      const piece = await this.#inner.readPiece(key, length, buffers);
      if (piece.bytes.length === length) return piece;
      buffers.give(piece.bytes);
      throw this.#tooFew(key, piece.bytes.length, length);
    });
  }

  async write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<void> {
    if (this.readOnly) throw readOnlyFault(this.label);
    let readers = 1;
    const release = (): void => {
      if (--readers === 0) options?.onReleased?.();
    };
    try {
      await this.#persist(bytes.length, () => {
        readers++;
        return this.#writeOnce(key, bytes, options).finally(release);
      });
    } finally {
      release();
    }
  }

  async #writeOnce(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<void> {
    const write = this.#inner.write(key, bytes, options);
    const end = write.catch(() => undefined);
    this.#writing.set(key, end);
    try {
      await write;
    } finally {
      if (this.#writing.get(key) === end) this.#writing.delete(key);
    }
  }

  async remove(keys: readonly string[], { patient }: RemoveOptions = { patient: true }): Promise<void> {
    if (this.readOnly) throw readOnlyFault(this.label);
    const work = async (): Promise<void> => {
      // What is only arriving now would come after it.
      await Promise.all(keys.flatMap((key) => this.#writing.get(key) ?? []));
      await this.#inner.remove(keys);
    };
    // One file goes also after an interruption: whoever ends takes the registration away that would keep others waiting.
    const isFarewell = !patient || (keys.length === 1 && this.#options.signal.aborted);
    if (isFarewell) await this.#limited(farewell, work);
    else if (keys.length > 0) await this.#persist(keys.length << 10, work);
  }

  async #persist<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const { attempts, signal, timeout } = this.#options;
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) throw new RemoteFault('interrupted', 'interrupted');
      try {
        return await this.#heeding(this.#limited(timeout + (bytes / (64 << 10)) * 1000, work));
      } catch (error) {
        if (!isKind(error, 'transient', 'offline') || attempt >= attempts) throw error;
      }
      await this.#rest(attempt);
    }
  }

  /** Ends at once when interrupted, however long the peer says nothing. */
  async #heeding<T>(request: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    let stop = (): void => undefined;
    const interrupted = new Promise<never>((_resolve, reject) => {
      stop = () => reject(new RemoteFault('interrupted', 'interrupted'));
      signal.addEventListener('abort', stop);
    });
    try {
      return await Promise.race([request, interrupted]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** What is given up goes on in the background and is not listened to any more. */
  async #limited<T>(limit: number, work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const fault = new RemoteFault(
        'transient',
        `${this.label} did not answer within ${Math.round(limit / 1000)} s`,
        'try again later, or give it more time with `timeout:` of the remote',
      );
      timer = setTimeout(() => reject(fault), limit);
    });
    try {
      return await Promise.race([work(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #rest(attempt: number): Promise<void> {
    const { pause, longest, signal } = this.#options;
    const full = Math.min(longest, pause * 2 ** (attempt - 1));
    const length = full / 2 + randomInt(Math.max(1, Math.ceil(full / 2)));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, length);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
    });
  }
}

export function readOnlyFault(label: string): RemoteFault {
  return new RemoteFault(
    'read-only',
    `${label} can only be read`,
    'push to another remote: `dagrun remote list` shows them',
  );
}
