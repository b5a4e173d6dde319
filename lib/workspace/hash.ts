// Digests of file contents, read once through one reused buffer, with the stat values that the digest belongs to.
// Knows nothing of the index that remembers them.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DigestStream, digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';
import { isSameStat } from '../core/disk.ts';
import { codeOf, err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { describeReadError as describe } from '../core/source.ts';
import { lstatIfExists } from './files-stat.ts';
import type { Pace, Steps } from './files-pace.ts';
import type { FileClock } from './hash-clock.ts';

export { describe };

export interface Hashed {
  readonly digest: Digest;
  /** What the file's stat was before and after its bytes were read. */
  readonly stat: Stats;
  /** False where an edit could leave that stat as it is: the digest must not be remembered by it. */
  readonly settled: boolean;
}

export const changing = 'changes while it is read';

const bufferSize = 512 * 1024;
const attempts = 4;
// A path that became a link or a FIFO since it was looked at is neither followed nor waited for.
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class FileHasher {
  /** How many files were read, for tests and statistics. */
  filesRead = 0;
  readonly #pace: Pace;
  readonly #clock: FileClock;
  /** What is known of files by path, without reading them. */
  readonly #vouched = new Map<string, { readonly digest: Digest; readonly stat: Stats }>();
  readonly #buffer = Buffer.allocUnsafeSlow(bufferSize);

  constructor(pace: Pace, clock: FileClock) {
    this.#pace = pace;
    this.#clock = clock;
  }

  /** From now on the digest is that of the file, as long as that is what `stat` says; nothing where an edit might not show in it. */
  vouch(path: string, digest: Digest, stat: Stats): void {
    // Its other time is that of its move to where it is.
    const written = { dev: stat.dev, mtimeMs: stat.mtimeMs, ctimeMs: stat.mtimeMs };
    if (this.#clock.settled(written)) this.#vouched.set(path, { digest, stat });
  }

  /** Absolute paths of files that were vouched for. */
  get vouched(): readonly string[] {
    return [...this.#vouched.keys()];
  }

  /** The digest of a regular file whose lstat was just taken; the error says why there is none. */
  *hash(path: string, seen: Stats): Steps<Result<Hashed, string>> {
    const vouched = this.#vouched.get(path);
    if (vouched !== undefined && isSameStat(vouched.stat, seen))
      return ok({ digest: vouched.digest, stat: seen, settled: this.#clock.settled(seen) });
    let stat = seen;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const settled = this.#clock.settled(stat);
      const read = yield* this.#read(path, stat);
      if (read.ok && read.value.digest !== undefined) return ok({ digest: read.value.digest, stat, settled });
      if (!read.ok && read.error !== changing) return read;
      const next = lstatIfExists(path);
      if (next?.isFile() !== true) return err(changing);
      stat = next;
    }
    return err(changing);
  }

  /**
   * The digest of a small file that nobody has looked at yet, in as few system calls as can be; undefined where hash() must do it.
   * One stat after reading is enough: an edit since the reading began would show in it as recent.
   */
  hashNew(path: string): Hashed | undefined {
    let descriptor: number | undefined;
    try {
      const began = this.#clock.now();
      descriptor = openSync(path, openFlags);
      const count = readSync(descriptor, this.#buffer, 0, bufferSize, null);
      if (count === bufferSize) return undefined;
      this.filesRead++;
      const stat = fstatSync(descriptor);
      if (stat.size !== count || !stat.isFile() || !this.#clock.settledAt(began, stat)) return undefined;
      return { digest: digestBytes(this.#buffer.subarray(0, count)), stat, settled: true };
    } catch {
      return undefined;
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  /** True where an edit from now on is sure to show in the stat. */
  settled(stat: Stats): boolean {
    return this.#clock.settled(stat);
  }

  /** Waits until that is true of all that was written up to now. */
  async settle(): Promise<void> {
    await sleep(this.#clock.slack);
  }

  *#read(path: string, stat: Stats): Steps<Result<{ digest: Digest | undefined }, string>> {
    let descriptor: number | undefined;
    try {
      descriptor = openSync(path, openFlags);
      this.filesRead++;
      const digest = stat.size < bufferSize ? this.#whole(descriptor, stat) : yield* this.#pieces(descriptor, stat);
      return ok({ digest: isSameStat(fstatSync(descriptor), stat) ? digest : undefined });
    } catch (error) {
      const code = codeOf(error);
      return err(code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO' ? changing : describe(error));
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  #whole(descriptor: number, { size }: Stats): Digest | undefined {
    let filled = 0;
    for (;;) {
      // One byte more than expected: growth shows at once, and so do special files that claim to be empty.
      const count = readSync(descriptor, this.#buffer, filled, size - filled + (filled === 0 ? 1 : 0), null);
      filled += count;
      if (count === 0 || filled >= size) break;
    }
    return filled === size ? digestBytes(this.#buffer.subarray(0, size)) : undefined;
  }

  *#pieces(descriptor: number, { size }: Stats): Steps<Digest | undefined> {
    const stream = new DigestStream();
    let total = 0;
    // A file that grows is given up at once: it may grow faster than it is read.
    while (total <= size) {
      const count = readSync(descriptor, this.#buffer, 0, bufferSize, null);
      if (count === 0) break;
      total += count;
      stream.update(count === bufferSize ? this.#buffer : this.#buffer.subarray(0, count));
      if (this.#pace.due()) yield;
    }
    return total === size ? stream.digest() : undefined;
  }
}

/** What a thing is that has no content to hash, from its mode. */
export function oddKind(mode: number): string {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFSOCK:
      return 'a socket';
    case constants.S_IFIFO:
      return 'a FIFO';
    case constants.S_IFBLK:
    case constants.S_IFCHR:
      return 'a device';
    default:
      return 'neither a file nor a folder';
  }
}
