// The few disk primitives that several adapters need. Everything that other processes may read is written whole or not at all.

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './result.ts';

/** False where the file was touched between the two looks, as far as the clock of its file system tells, or is another one. */
export function isSameStat(a: Stats, b: Stats): boolean {
  return (
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs &&
    a.ino === b.ino &&
    a.dev === b.dev &&
    a.mode === b.mode
  );
}

let counter = 0;

/** Tells this process from one of the same number on another machine, or in another container. */
const salt = Math.floor(Math.random() * 36 ** 6)
  .toString(36)
  .padStart(6, '0');

/** A name for a temporary file that no other process on any machine, and no other call in this one, will choose. */
export function uniqueName(): string {
  return `${process.pid.toString(36)}-${Date.now().toString(36)}-${salt}${(counter++).toString(36)}`;
}

/** Writes all bytes, whatever the kernel takes at a time. */
function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}

export interface WriteOptions {
  /** Wait until the bytes are on the disk before the file appears under its name. */
  readonly durable: boolean;
  readonly mode?: number;
  /** Folder for the temporary file; it must lie on the same file system. Default: the folder of `path`. */
  readonly tmp?: string;
}

/** Replaces the file at `path` in one step: a reader sees the old bytes or the new, never a part. Makes missing folders. */
export function writeFileAtomic(path: string, data: Uint8Array | string, options: WriteOptions): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const tmp = `${options.tmp ?? dirname(path)}/.tmp-${uniqueName()}`;
  const descriptor = withFolder(tmp, () => openSync(tmp, 'wx', options.mode ?? 0o644));
  try {
    try {
      writeAll(descriptor, bytes);
      if (options.durable) fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    withFolder(path, () => renameSync(tmp, path));
  } catch (error) {
    rmSync(tmp, { force: true });
    throw error;
  }
}

/** Runs `action`; where it fails because the folder of `path` is missing, makes that folder and runs it again. */
export function withFolder<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    return action();
  }
}

/** The file's text, or undefined where there is none. Other errors are thrown. */
export function readTextIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
