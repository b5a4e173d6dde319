// When a file's times may be trusted to change with its next edit: the racy window, as in git's index.
// A file that changed so recently that another edit could carry the same times is hashed again next time.

import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { uniqueName } from '../core/disk.ts';

/** Milliseconds. A kernel stamps files by a clock that ticks every 1 to 10 ms. */
const fineSlack = 20;
/** For file systems that keep whole seconds (or two), and for those whose clock could not be compared with ours. */
const coarseSlack = 2000;
const probes = 3;

type Times = Pick<Stats, 'dev' | 'mtimeMs' | 'ctimeMs'>;

/** Tells time as the file system under the state folder does. */
export class FileClock {
  readonly #folder: string;
  #skew: number | undefined;
  #device = NaN;

  /** Milliseconds after which times are settled, on a file system that keeps them finely. */
  readonly slack = fineSlack + 1;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * True where an edit from now on is sure to give the file other times than these.
   * To be asked before the content is read, with times that are still the same afterwards.
   */
  settled(stat: Times): boolean {
    return this.settledAt(this.now(), stat);
  }

  /** The same for edits since `time`, a moment that now() told. */
  settledAt(time: number, stat: Times): boolean {
    const coarse = stat.dev !== this.#device || stat.ctimeMs % 1000 === 0;
    return Math.max(stat.mtimeMs, stat.ctimeMs) < time - (coarse ? coarseSlack : fineSlack);
  }

  /** Milliseconds since 1970 by the clock of the file system, give or take one of its ticks. */
  now(): number {
    return Date.now() + this.#skewMs();
  }

  /** Measured once, by a file written for it; where none can be written, nothing counts as finely timed. */
  #skewMs(): number {
    if (this.#skew !== undefined) return this.#skew;
    this.#skew = 0;
    const probe = `${this.#folder}/.probe-${uniqueName()}`;
    try {
      mkdirSync(this.#folder, { recursive: true });
      const seen = Array.from({ length: probes }, () => this.#probe(probe));
      // A probe that was held up makes our clock seem to be ahead: the least such difference is the truest.
      this.#skew = Math.max(...seen);
      rmSync(probe, { force: true });
    } catch {
      // A read-only or full disk: the wide window is used.
    }
    return this.#skew;
  }

  #probe(path: string): number {
    writeFileSync(path, '.');
    const seen = statSync(path);
    const skew = seen.mtimeMs - Date.now();
    this.#device = seen.dev;
    return skew;
  }
}
