// New files of the store on their way to their places: written under other names, synced together, and then renamed, so that what is in its
// place is whole and on the disk. The disk does the work of many syncs at once.

import { closeSync, fchmodSync, openSync, renameSync, rmSync } from 'node:fs';
import { codeOf } from '../core/result.ts';
import { withFolder } from '../core/disk.ts';
import { fsyncAsync } from './bytes.ts';

interface Arrival {
  readonly tmp: string;
  readonly target: string;
  descriptor: number | null;
  moved: boolean;
}

/** Files that are to be synced together. All methods throw what the file system says. */
export class Arrivals {
  readonly #all: Arrival[] = [];

  /** Makes the file `tmp`, to be written by its descriptor, which is not the caller's to close. */
  create(tmp: string, target: string): number {
    const descriptor = withFolder(tmp, () => openSync(tmp, 'wx', 0o600));
    this.#all.push({ tmp, target, descriptor, moved: false });
    return descriptor;
  }

  /** Takes over a file that is there already, and that `open` opens. */
  take<T extends { readonly descriptor: number }>(tmp: string, target: string, open: () => T): T {
    const arrival: Arrival = { tmp, target, descriptor: null, moved: false };
    this.#all.push(arrival);
    const opened = open();
    arrival.descriptor = opened.descriptor;
    return opened;
  }

  /** Syncs all, then puts all in their places, read-only; `onPlaced` is told of each. */
  async finish(onPlaced: (target: string) => void): Promise<void> {
    const open = this.#all.flatMap(({ descriptor }) => (descriptor === null ? [] : [descriptor]));
    for (const descriptor of open) fchmodSync(descriptor, 0o444);
    // All of them end before any descriptor is closed, also where one fails.
    const failed = (await Promise.allSettled(open.map((descriptor) => fsyncAsync(descriptor)))).find(
      (end) => end.status === 'rejected',
    );
    if (failed !== undefined) throw failed.reason;
    for (const arrival of this.#all) {
      close(arrival);
      moveInto(arrival.tmp, arrival.target);
      arrival.moved = true;
      onPlaced(arrival.target);
    }
  }

  /** Removes what has not come to its place. */
  abandon(): void {
    for (const arrival of this.#all) {
      if (arrival.moved) continue;
      close(arrival);
      rmSync(arrival.tmp, { force: true });
    }
  }
}

function close(arrival: Arrival): void {
  if (arrival.descriptor !== null) closeSync(arrival.descriptor);
  arrival.descriptor = null;
}

/** Renames, making the folder where it is missing and removing a folder that stands where the file belongs. */
export function moveInto(tmp: string, target: string): void {
  try {
    withFolder(target, () => renameSync(tmp, target));
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EISDIR' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    rmSync(target, { recursive: true, force: true });
    renameSync(tmp, target);
  }
}
