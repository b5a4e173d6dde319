// How the output of a command reaches the runner: stdout and stderr through one pipe, so that it arrives in the order in which
// it was written.
//
// Node.js gives a child two sockets instead of pipes. Two channels lose the order between stdout and stderr, and a socket cannot be
// opened by name: `echo x > /dev/stderr` and `| tee /dev/stderr` fail on it. A log file given to the child directly would keep the
// order, but the same two commands would empty it. So on Linux the channel is a named pipe; it is used again and again, which makes
// it also the cheapest. Where there is none (other systems, no mkfifo program) it is Node's sockets, merged by the shell.

import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { Scratch } from './scratch.ts';

export interface Channel {
  /** What the child gets as stdout and stderr. */
  readonly stdio: number | 'pipe';
  /** Path of the named pipe that it is; undefined where it has no name. */
  readonly pipe: string | undefined;
  /** Goes before a shell command so that both of its outputs use the channel. */
  readonly prefix: string;
  /** True once nobody holds the writing end any more and every byte was delivered. */
  readonly ended: boolean;
  /** To be called right after the spawn, before anything else can happen; without a child where another process has started the command. */
  attach(child?: ChildProcess): void;
  /** Starts delivering; the bytes handed out may be overwritten as soon as `onBytes` returns. Resolves when `ended`, or closed. */
  receive(onBytes: (bytes: Buffer) => void): Promise<void>;
  /** To be called once. Frees everything, whether or not it has ended. */
  close(): void;
}

/** Named pipes made by one call of mkfifo. */
const batch = 4;
const readSize = 64 * 1024;

export interface ChannelOptions {
  /** The program that makes named pipes; null where none are wanted. Default: `mkfifo` on Linux. */
  readonly fifoProgram?: string | null;
}

export class Channels {
  readonly #scratch: Scratch;
  readonly #program: string | null;
  readonly #free: string[] = [];
  /** Shared by all channels: what was read is used up before anything else is read. */
  readonly #buffer = Buffer.allocUnsafeSlow(readSize);
  #making: Promise<boolean> | undefined;

  constructor(scratch: Scratch, options: ChannelOptions = {}) {
    this.#scratch = scratch;
    this.#program =
      options.fifoProgram === undefined ? (process.platform === 'linux' ? 'mkfifo' : null) : options.fifoProgram;
  }

  async open(): Promise<Channel> {
    // Some other call may be faster to take what was made.
    while (this.#free.length === 0) {
      this.#making ??= this.#make();
      if (!(await this.#making)) return new SocketChannel();
      this.#making = undefined;
    }
    const path = this.#free.pop()!;
    try {
      return new FifoChannel(path, this.#buffer, ({ ended }) => this.#takeBack(path, ended));
    } catch {
      return new SocketChannel();
    }
  }

  /** A pipe that somebody still holds must not be used by the next command. */
  #takeBack(path: string, ended: boolean): void {
    if (ended) this.#free.push(path);
    else this.#scratch.remove(path);
  }

  /** False where there are no named pipes; it is not tried again. */
  async #make(): Promise<boolean> {
    const program = this.#program;
    if (program === null) return false;
    try {
      const paths = Array.from({ length: batch }, () => this.#scratch.newPath('pipe'));
      await promisify(execFile)(program, ['-m', '600', ...paths]);
      this.#free.push(...paths);
      return true;
    } catch {
      return false;
    }
  }
}

class FifoChannel implements Channel {
  readonly stdio: number;
  readonly pipe: string;
  readonly prefix = '';
  ended = false;
  readonly #reader: number;
  readonly #buffer: Buffer;
  readonly #release: (state: { readonly ended: boolean }) => void;
  #socket: Socket | undefined;
  #isAttached = false;
  #isClosed = false;

  constructor(path: string, buffer: Buffer, release: (state: { readonly ended: boolean }) => void) {
    this.pipe = path;
    this.#buffer = buffer;
    this.#release = release;
    // The reader first: opening a writer waits for one.
    this.#reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      this.stdio = openSync(path, constants.O_WRONLY);
    } catch (error) {
      closeSync(this.#reader);
      throw error;
    }
  }

  /** The child has its own copy of the writing end; with ours open there would never be an end. */
  attach(): void {
    closeSync(this.stdio);
    this.#isAttached = true;
  }

  receive(onBytes: (bytes: Buffer) => void): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const callback = (count: number, buffer: Uint8Array): boolean => {
      onBytes((buffer as Buffer).subarray(0, count));
      return true;
    };
    // `onread` belongs to the options of every socket; the type declarations know it for connecting ones only.
    const options = { fd: this.#reader, readable: true, writable: false, onread: { buffer: this.#buffer, callback } };
    const socket = new Socket(options);
    this.#socket = socket;
    return new Promise((resolve) => {
      socket.on('error', () => undefined);
      socket.on('end', () => (this.ended = true));
      socket.on('close', () => resolve());
    });
  }

  close(): void {
    this.#isClosed = true;
    if (!this.#isAttached) closeSync(this.stdio);
    if (this.#socket === undefined) closeSync(this.#reader);
    else this.#socket.destroy();
    // Nobody but a child could hold it.
    this.#release({ ended: this.ended || !this.#isAttached });
  }
}

class SocketChannel implements Channel {
  readonly stdio = 'pipe';
  readonly pipe = undefined;
  readonly prefix = process.platform === 'win32' ? '' : 'exec 2>&1; ';
  ended = false;
  #streams: readonly Readable[] = [];
  #onBytes: ((bytes: Buffer) => void) | undefined;
  readonly #early: Buffer[] = [];
  #closed: Promise<unknown> = Promise.resolve();

  /** Output that nobody has asked for yet must not be thrown away, which is what Node.js does with it when the child exits. */
  attach(child?: ChildProcess): void {
    this.#streams = [child?.stdout, child?.stderr].filter((stream) => stream !== null && stream !== undefined);
    this.#closed = Promise.all(
      this.#streams.map((stream) => {
        stream.on('error', () => undefined);
        stream.on('data', (bytes: Buffer) =>
          this.#onBytes === undefined ? this.#early.push(bytes) : this.#onBytes(bytes),
        );
        stream.pause();
        return new Promise((resolve) => stream.once('close', resolve));
      }),
    );
  }

  async receive(onBytes: (bytes: Buffer) => void): Promise<void> {
    this.#onBytes = onBytes;
    for (const bytes of this.#early.splice(0)) onBytes(bytes);
    for (const stream of this.#streams) stream.resume();
    await this.#closed;
    this.ended = this.#streams.every((stream) => stream.readableEnded);
  }

  close(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}
