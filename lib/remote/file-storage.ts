// A remote that is a folder: a disk that several machines share. Every file is written in tmp/, synced (but for those of which
// the name alone counts), and renamed: what can be seen is whole, also after a power cut. What a writer that was killed leaves in tmp/ is for
// leftovers.ts.

import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DirectFile } from '../core/direct-file.ts';
import { uniqueName } from '../core/disk.ts';
import { codeOf, messageOf } from '../core/result.ts';
import type { TransferBuffers } from '../core/transfer-buffers.ts';
import { partKey } from './keys.ts';
import { collectPiece } from './piece.ts';
import type { ListOptions, Piece, Range, Storage, StoredFile, WriteOptions } from './storage.ts';
import { RemoteFault } from './problem.ts';

/** From so many bytes on a file is written past the page cache. */
const large = 4 << 20;
/** Of a piece so much is read before it is hashed. */
const part = 1 << 20;

export class FileStorage implements Storage {
  readonly label: string;
  readonly readOnly = false;
  readonly canList = true;
  readonly leavesParts = true;
  readonly jobs: number;
  readonly #root: string;

  /** `root`: absolute path of the folder; it is made by the first write. */
  constructor(root: string, options: { readonly label: string; readonly jobs: number }) {
    this.#root = root;
    this.label = options.label;
    this.jobs = options.jobs;
  }

  async list(prefix: string, { deep }: ListOptions = { deep: true }): Promise<readonly StoredFile[]> {
    return this.#walk(prefix.replace(/\/$/, ''), deep);
  }

  async #walk(folder: string, deep: boolean): Promise<readonly StoredFile[]> {
    let items;
    try {
      items = await readdir(this.#path(folder), { withFileTypes: true });
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw this.#fault(error, folder);
    }
    const found = items.map(async (item): Promise<readonly StoredFile[]> => {
      const key = folder === '' ? item.name : `${folder}/${item.name}`;
      if (item.isDirectory()) return deep ? this.#walk(key, deep) : [];
      const file = item.isFile() ? await this.stat(key) : undefined;
      return file === undefined ? [] : [file];
    });
    return (await Promise.all(found)).flat();
  }

  async stat(key: string): Promise<StoredFile | undefined> {
    try {
      const found = await stat(this.#path(key));
      return found.isFile() ? { key, size: found.size, modified: found.mtimeMs } : undefined;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
      throw this.#fault(error, key);
    }
  }

  async read(key: string, range?: Range): Promise<Buffer> {
    try {
      const file = await open(this.#path(key), 'r');
      try {
        const { offset, length } = range ?? { offset: 0, length: (await file.stat()).size };
        const bytes = Buffer.allocUnsafe(length);
        const { bytesRead } = await file.read(bytes, 0, length, offset);
        return bytes.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw this.#fault(error, key);
    }
  }

  async readPiece(key: string, length: number, buffers: TransferBuffers): Promise<Piece> {
    try {
      const file = await DirectFile.open(this.#path(key), 'r');
      try {
        let done = 0;
        return await collectPiece(length, buffers, async (rest) => {
          const count = await file.read(rest.subarray(0, part), done);
          done += count;
          return count;
        });
      } finally {
        await file.close();
      }
    } catch (error) {
      throw this.#fault(error, key);
    }
  }

  async write(key: string, bytes: Uint8Array, { durable = true }: WriteOptions = {}): Promise<void> {
    const path = this.#path(key);
    const tmp = this.#path(partKey(uniqueName()));
    try {
      const file = await making(tmp, () => DirectFile.open(tmp, 'wx+', { isPlain: bytes.length < large }));
      try {
        await file.write(bytes, 0);
        if (durable) await file.sync();
      } finally {
        await file.close();
      }
      await making(path, () => rename(tmp, path));
    } catch (error) {
      // Why it was not written says more than why nothing can be removed.
      await rm(tmp, { force: true }).catch(() => undefined);
      // After an hour in which this process did not run, somebody may have tidied up.
      if (codeOf(error) === 'ENOENT')
        throw new RemoteFault('transient', `${this.label}: "${key}" vanished while it was written`, 'try again');
      throw this.#fault(error, key);
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      try {
        // rm() would say of what it may not remove that it is no folder.
        await unlink(this.#path(key));
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw this.#fault(error, key);
      }
    }
  }

  #path(key: string): string {
    return `${this.#root}/${key}`;
  }

  #fault(error: unknown, key: string): RemoteFault {
    const code = codeOf(error);
    if (code === undefined || code.startsWith('ERR_')) throw error;
    const what = `${this.label}: "${key}"`;
    switch (code) {
      case 'ENOTDIR':
        return new RemoteFault('no-place', `${what}: a part of its path is no folder`, 'check the path of the remote');
      case 'ENOENT':
        return new RemoteFault('missing', `${what} is not there`);
      case 'EACCES':
      case 'EPERM':
        return new RemoteFault('denied', `${what}: permission denied`, 'check who may read and write the folder');
      case 'EROFS':
        return new RemoteFault('read-only', `${what}: the file system is read-only`, 'push to another remote');
      case 'ENOSPC':
      case 'EDQUOT':
        return new RemoteFault('other', `${what}: no space left`, '`dagrun gc --remote` removes what nobody needs');
      case 'EXDEV':
        return new RemoteFault('other', `${what}: ${messageOf(error)}`, 'keep all of the folder on one file system');
      case 'ESTALE':
      case 'EIO':
      case 'ETIMEDOUT':
        return new RemoteFault('transient', `${what}: ${messageOf(error)}`, 'check that the disk is mounted and sound');
      default:
        return new RemoteFault('other', `${what}: ${messageOf(error)}`, 'check the folder');
    }
  }
}

/** Runs `action`; where the folder of `path` is missing, makes it and runs it again. */
async function making<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true });
    return action();
  }
}
