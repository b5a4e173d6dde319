// A folder for the few files that running commands needs: named pipes, and commands too long for the kernel. Made at first use,
// readable by this user only. Removed at close; where the runner is killed, the watchdog removes it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Scratch {
  #folder: string | undefined;
  #files = 0;

  /** Makes the folder where it is not there yet. Throws where the system's temporary folder cannot be written. */
  get folder(): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'dagrun-exec-'));
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
