// A folder for the few files that running commands needs: named pipes, and commands too long for the kernel. Made at first use,
// readable by this user only. Removed at close; where the runner is killed, the watchdog removes it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Scratch {
  readonly #place: string;
  #folder: string | undefined;
  #files = 0;

  /** `place`: the folder that it is made in. Default: the system's temporary folder. */
  constructor(place: string = tmpdir()) {
    this.#place = place;
  }

  /** Makes the folder where it is not there yet. Throws where its place cannot be written. */
  get folder(): string {
    this.#folder ??= mkdtempSync(join(this.#place, 'dagrun-exec-'));
    return this.#folder;
  }

  /** A name that is not taken. */
  newPath(extension: string): string {
    return join(this.folder, `${this.#files++}.${extension}`);
  }

  writeScript(text: string): string {
    const path = this.newPath('sh');
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  remove(path: string): void {
    rmSync(path, { force: true });
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
