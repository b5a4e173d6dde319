// A remote that is a folder: a disk that several machines share. Every file is written beside its place, synced, and renamed.

import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { uniqueName } from '../core/disk.ts';
import { codeOf, messageOf } from '../core/result.ts';
import { RemoteFault } from './problem.ts';
import type { Range, Storage, StoredFile } from './storage.ts';

export class FileStorage implements Storage {
  readonly label: string;
  readonly readOnly = false;
  readonly canList = true;
  readonly jobs: number;
  readonly #root: string;

  /** `root`: absolute path of the folder; it is made by the first write. */
  constructor(root: string, options: { readonly label: string; readonly jobs: number }) {
    this.#root = root;
    this.label = options.label;
    this.jobs = options.jobs;
  }

  async list(prefix: string): Promise<readonly StoredFile[]> {
    const files: StoredFile[] = [];
    await this.#walk(prefix.replace(/\/$/, ''), files);
    return files;
  }

  async #walk(folder: string, files: StoredFile[]): Promise<void> {
    let items;
    try {
      items = await readdir(this.#path(folder), { withFileTypes: true });
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      throw this.#fault(error, folder);
    }
    for (const item of items) {
      const key = folder === '' ? item.name : `${folder}/${item.name}`;
      if (item.isDirectory()) await this.#walk(key, files);
      else if (item.isFile() && !item.name.startsWith('.tmp-')) {
        const found = await this.stat(key);
        if (found !== undefined) files.push(found);
      }
    }
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

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key);
    const tmp = `${dirname(path)}/.tmp-${uniqueName()}`;
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(tmp, bytes, { flag: 'wx', flush: true });
      await rename(tmp, path);
    } catch (error) {
      await rm(tmp, { force: true });
      throw this.#fault(error, key);
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      try {
        await rm(this.#path(key), { force: true });
      } catch (error) {
        throw this.#fault(error, key);
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
      case 'ESTALE':
      case 'EIO':
      case 'ETIMEDOUT':
        return new RemoteFault('transient', `${what}: ${messageOf(error)}`, 'check that the disk is mounted and sound');
      default:
        return new RemoteFault('other', `${what}: ${messageOf(error)}`, 'check the folder');
    }
  }
}
