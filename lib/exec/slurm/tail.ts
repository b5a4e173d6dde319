// Follows the output files of a job as they grow on the shared file system, one file a command, and hands the bytes to the job's log.
// Reads when it is told to, and no more than a bounded amount at a time.

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { JobLog } from '../log.ts';

const pieceSize = 64 * 1024;
/** Bytes that one look may deliver: other jobs have their turn too. */
const mostAtOnce = 4 * 1024 * 1024;

const piece = Buffer.allocUnsafeSlow(pieceSize);

export class Tail {
  readonly #folder: string;
  readonly #cmd: readonly string[];
  readonly #log: JobLog;
  #index = -1;
  #offset = 0;

  constructor(folder: string, cmd: readonly string[], log: JobLog) {
    this.#folder = folder;
    this.#cmd = cmd;
    this.#log = log;
  }

  /** Delivers what is new; true where something was. */
  look(): boolean {
    let anything = false;
    for (;;) {
      anything = this.#read(mostAtOnce) || anything;
      if (!this.#hasNext()) return anything;
      // The next command has begun: this file is complete by now.
      this.#finishFile();
      this.#index++;
      this.#offset = 0;
      this.#log.echo(this.#cmd[this.#index] ?? '');
      anything = true;
    }
  }

  /** To be called once the job has ended: delivers all that is left. */
  finish(): void {
    this.look();
    this.#finishFile();
  }

  #finishFile(): void {
    while (this.#read(mostAtOnce));
    this.#log.endCommand();
  }

  #hasNext(): boolean {
    if (this.#index + 1 >= this.#cmd.length) return false;
    return statSync(`${this.#folder}/out.${this.#index + 1}`, { throwIfNoEntry: false }) !== undefined;
  }

  #read(most: number): boolean {
    if (this.#index < 0) return false;
    const path = `${this.#folder}/out.${this.#index}`;
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
        this.#log.write(piece.subarray(0, read));
      }
    } finally {
      closeSync(descriptor);
    }
    return true;
  }
}
