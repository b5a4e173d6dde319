// Reading, hashing, copying and cloning of single files. Small ones at once, large ones in steps that give way to the event loop.
// Knows nothing of the cache's layout. Throws system errors.

import {
  closeSync,
  constants,
  copyFile,
  fstatSync,
  fsync,
  fsyncSync,
  openSync,
  read,
  readSync,
  writeSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { promisify } from 'node:util';
import { DigestStream, digestBytes } from '../core/digest.ts';
import type { Digest } from '../core/digest.ts';

const readAsync = promisify(read);
export const copyFileAsync = promisify(copyFile);
/** Waits until an open file is on the disk, without holding up the event loop. */
export const fsyncAsync = promisify(fsync);

/** Files up to this many bytes are read whole. */
export const smallSize = 1 << 20;
const chunkSize = 1 << 20;

export interface OpenFile {
  readonly descriptor: number;
  readonly stats: Stats;
}

/** Opens a regular file for reading; undefined for anything else (a folder, a pipe: never waits for one). Symlinks only where told. */
export function openRegular(path: string, options: { readonly followLink: boolean }): OpenFile | undefined {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (options.followLink ? 0 : constants.O_NOFOLLOW);
  const descriptor = openSync(path, flags);
  const stats = fstatSync(descriptor);
  if (stats.isFile()) return { descriptor, stats };
  closeSync(descriptor);
  return undefined;
}

/** The first `size` bytes, or fewer where the file ends before; one byte more is tried for, so that growth shows. */
export function readWhole(descriptor: number, size: number): Buffer {
  const buffer = Buffer.allocUnsafe(size + 1);
  let done = 0;
  while (done < buffer.length) {
    const count = readSync(descriptor, buffer, done, buffer.length - done, done);
    done += count;
    // One that was asked for more than there is has come to the end of the file.
    if (count === 0 || done === size) break;
  }
  return buffer.subarray(0, done);
}

export function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}

/** Reads to the end, handing on what is read, and returns the digest of exactly those bytes. */
async function stream(descriptor: number, onChunk: (bytes: Uint8Array) => void): Promise<Digest> {
  const digest = new DigestStream();
  const buffer = Buffer.allocUnsafe(chunkSize);
  for (let position = 0; ;) {
    const { bytesRead } = await readAsync(descriptor, buffer, 0, chunkSize, position);
    if (bytesRead === 0) return digest.digest();
    const bytes = buffer.subarray(0, bytesRead);
    digest.update(bytes);
    onChunk(bytes);
    position += bytesRead;
  }
}

/** The digest of an open file: at once where it is small. */
export function digestOpen(file: OpenFile): Digest | Promise<Digest> {
  if (file.stats.size <= smallSize) return digestBytes(readWhole(file.descriptor, file.stats.size));
  return stream(file.descriptor, () => undefined);
}

/** Digest and size of a regular file; undefined for anything else. A missing one throws ENOENT. */
export async function digestFile(
  path: string,
  options: { readonly followLink: boolean },
): Promise<{ readonly digest: Digest; readonly stats: Stats } | undefined> {
  const file = openRegular(path, options);
  if (file === undefined) return undefined;
  try {
    return { digest: await digestOpen(file), stats: file.stats };
  } finally {
    closeSync(file.descriptor);
  }
}

/** Copies an open file into another and returns the digest of the bytes that were written. */
export async function copyOpen(source: OpenFile, target: number): Promise<Digest> {
  if (source.stats.size > smallSize) return stream(source.descriptor, (bytes) => writeWhole(target, bytes));
  const bytes = readWhole(source.descriptor, source.stats.size);
  const digest = digestBytes(bytes);
  writeWhole(target, bytes);
  return digest;
}

/** Makes the names in a folder durable. */
export function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Copy-on-write copies. Remembers the devices that cannot make them: ext4 refuses every time. */
export class Cloner {
  readonly #unable = new Set<number>();

  /** True where `target`, a new file, now shares its bytes with `source`; false, and no target, where that cannot be done. */
  async clone(source: string, target: string, device: number): Promise<boolean> {
    if (this.#unable.has(device)) return false;
    try {
      await copyFileAsync(source, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      return true;
    } catch {
      this.#unable.add(device);
      return false;
    }
  }
}
