// What is moved: files of random bytes, which nothing can compress, the same in every run.

import { createCipheriv } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `changed`: the base with one file in a hundred rewritten, a byte longer than it was. */
export type Version = 'base' | 'changed';

interface Entry {
  readonly path: string;
  readonly size: number;
  /** Names the bytes. */
  readonly seed: number;
}

export interface Case {
  readonly name: string;
  readonly title: string;
  /** True: the base is there already, and what is measured is the change. */
  readonly isChange: boolean;
  readonly files: (version: Version) => readonly Entry[];
}

const MiB = 2 ** 20;

function entries(folder: string, count: number, size: number): readonly Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    path: `${folder}/${String(index % 100)}/${String(index)}`,
    size,
    seed: size + index,
  }));
}

function change(files: readonly Entry[]): readonly Entry[] {
  return files.map((file, index) =>
    index % 100 === 0 ? { ...file, size: file.size + 1, seed: file.seed + 2 ** 31 } : file,
  );
}

/** `scale`: 1 for what RESULTS.md shows, less for a quick look. */
export function makeCases(scale: number): readonly Case[] {
  const count = (full: number): number => Math.max(1, Math.round(full * scale));
  const bytes = count(2048) * MiB;
  const large = [{ path: 'large', size: bytes, seed: 1 }];
  const small = entries('small', count(10_000), 3000);
  const mixed = [...small, ...entries('middle', count(200), 4 * MiB)];
  return [
    { name: 'large', title: `1 × ${bytes / MiB} MiB`, isChange: false, files: () => large },
    { name: 'small', title: `${small.length} × 3 KB`, isChange: false, files: () => small },
    {
      name: 'change',
      title: `1 % of ${small.length} × 3 KB and ${mixed.length - small.length} × 4 MiB`,
      isChange: true,
      files: (version) => (version === 'base' ? mixed : change(mixed)),
    },
  ];
}

/** The files of a version that the other one does not have. */
export function changedFiles(of: Case): readonly string[] {
  const base = new Map(of.files('base').map(({ path, seed }) => [path, seed]));
  return of
    .files('changed')
    .filter(({ path, seed }) => base.get(path) !== seed)
    .map(({ path }) => path);
}

/** Bytes that have to be moved. */
export function bytesOf(of: Case): number {
  const moved = of.isChange ? new Set(changedFiles(of)) : undefined;
  return of.files('changed').reduce((sum, { path, size }) => sum + (moved?.has(path) === false ? 0 : size), 0);
}

export function writeCase(of: Case, version: Version, folder: string): void {
  const zeros = Buffer.alloc(4 * MiB);
  for (const { path, size, seed } of of.files(version)) {
    const start = Buffer.alloc(16);
    start.writeUInt32BE(seed, 0);
    const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), start);
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    const file = openSync(target, 'w');
    for (let done = 0; done < size; done += zeros.length)
      writeSync(file, cipher.update(zeros.subarray(0, Math.min(zeros.length, size - done))));
    closeSync(file);
  }
}
