// Follows the output files of a job as they grow on the shared file system, one file a command, and hands the bytes to the job's log.
// Reads when it is told to, and no more than a bounded amount at a time.

import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import type { JobLog } from '../log.ts';

const pieceSize = 64 * 1024;
/** Bytes that one look may deliver: other jobs have their turn too. */
const mostAtOnce = 4 * 1024 * 1024;

/** Bytes of an output that may lie about until the files of all jobs of its batch go. */
const mostLeft = 64 * 1024;

const piece = Buffer.allocUnsafeSlow(pieceSize);

export class Tail {
  readonly #path: string;
  readonly #cmd: readonly string[];
  readonly #log: () => JobLog;
  readonly #large: string[] = [];
  #index = -1;
  #offset = 0;

  /** `path`: of the files, without the position of their command. */
  constructor(path: string, cmd: readonly string[], log: () => JobLog) {
    this.#path = path;
    this.#cmd = cmd;
    this.#log = log;
  }

  /** Delivers what is new. */
  look(): void {
    for (;;) {
      this.#read(mostAtOnce);
      if (!this.#hasNext()) return;
      // The next command has begun: this file is complete by now.
      this.#finishFile();
      this.#index++;
      this.#offset = 0;
      this.#log().echo(this.#cmd[this.#index] ?? '');
    }
  }

  /** To be called once the job has ended: delivers all that is left. */
  finish(): void {
    this.look();
    this.#finishFile();
  }

  /** Removes what is large of what was delivered. */
  discard(): void {
    for (const path of this.#large) rmSync(path, { force: true });
  }

  #finishFile(): void {
    while (this.#read(mostAtOnce));
    if (this.#offset > mostLeft) this.#large.push(this.#current);
    this.#log().endCommand();
  }

  #hasNext(): boolean {
    if (this.#index + 1 >= this.#cmd.length) return false;
    return statSync(`${this.#path}.${this.#index + 1}`, { throwIfNoEntry: false }) !== undefined;
  }

  get #current(): string {
    return `${this.#path}.${this.#index}`;
  }

  #read(most: number): boolean {
    if (this.#index < 0) return false;
    const path = this.#current;
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    // A command that opens /dev/stderr anew empties the file.
    if (size < this.#offset) this.#offset = 0;
    if (size === this.#offset) return false;
    const descriptor = openSync(path, 'r');
    try {
      for (let done = 0; done < most;) {
        const read = readSync(descriptor, piece, 0, pieceSize, this.#offset);
        if (read === 0) break;
        this.#offset += read;
        done += read;
        this.#log().write(piece.subarray(0, read));
      }
    } finally {
      closeSync(descriptor);
    }
    return true;
  }
}
