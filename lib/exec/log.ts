// The output of one job: every byte to its log file in the order of arrival, and the lines to whoever watches.
// Written synchronously: a command that prints faster than the disk takes it is slowed down by its pipe, nothing piles up in
// memory, and the log is complete when the job ends. Does not know where the bytes come from.

import { closeSync, open, openSync, writeSync } from 'node:fs';
import { withFolder } from '../core/disk.ts';
import { messageOf } from '../core/result.ts';
import type { JobOutput } from '../plan/ports.ts';
import { LineSplitter } from './lines.ts';
import { parseProgress } from './progress.ts';

export class JobLog {
  /** Resolves once the file is open, or cannot be. Output is to be handed over after that. */
  readonly ready: Promise<void>;
  readonly #path: string;
  readonly #output: JobOutput;
  readonly #lines: LineSplitter;
  #descriptor: number | undefined;
  #atLineStart = true;
  /** What was written before the file was open. */
  #early: Buffer[] | undefined = [];

  /**
   * Creates the log file and its folder; an old file of that name is emptied. Creating a file takes long on some file systems,
   * so it goes on while the first command is being started.
   */
  constructor(path: string, output: JobOutput) {
    this.#path = path;
    this.#output = output;
    this.#lines = new LineSplitter((line) => this.#deliver(line));
    this.ready = new Promise((resolve) => {
      open(path, 'w', (error, descriptor) => {
        this.#begin(error, descriptor);
        resolve();
      });
    });
  }

  /** Writes `$ command` on a line of its own; only the log shows it. */
  echo(command: string): void {
    this.#store(Buffer.from(`${this.#atLineStart ? '' : '\n'}$ ${command}\n`));
  }

  /** Takes output of the command; the bytes may be overwritten as soon as this returns. */
  write(bytes: Buffer): void {
    this.#store(bytes);
    this.#lines.write(bytes);
  }

  /** A remark of the runner, in the log and among the lines. */
  note(text: string): void {
    this.endCommand();
    this.#store(Buffer.from(`${this.#atLineStart ? '' : '\n'}dagrun: ${text}\n`));
    this.#output.line(`dagrun: ${text}`);
  }

  /** Delivers an unterminated last line, so that it does not run into what comes next. */
  endCommand(): void {
    this.#lines.end();
  }

  async close(): Promise<void> {
    await this.ready;
    this.endCommand();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #deliver(line: string): void {
    const progress = parseProgress(line);
    if (progress === undefined) this.#output.line(line);
    else this.#output.progress(progress.fraction, progress.text);
  }

  #begin(error: NodeJS.ErrnoException | null, descriptor: number): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    try {
      this.#descriptor = error === null ? descriptor : this.#makeFolderAndOpen(error);
    } catch (problem) {
      this.#output.line(`dagrun: the log "${this.#path}" cannot be written: ${messageOf(problem)}`);
    }
    for (const bytes of early) this.#store(bytes);
  }

  #makeFolderAndOpen(error: NodeJS.ErrnoException): number {
    if (error.code !== 'ENOENT') throw error;
    return withFolder(this.#path, () => openSync(this.#path, 'w'));
  }

  /** A log that cannot be written (disk full) does not fail the stage: it is told once, and the lines still come. */
  #store(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#atLineStart = bytes[bytes.length - 1] === 10;
    if (this.#early !== undefined) this.#early.push(Buffer.from(bytes));
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return;
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    } catch (error) {
      this.#descriptor = undefined;
      closeSync(descriptor);
      this.#output.line(`dagrun: the log "${this.#path}" is cut off here: ${messageOf(error)}`);
    }
  }
}
