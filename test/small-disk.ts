// Small disks of a test's own, which may be full or read-only: file systems in memory, mounted where the test wants them.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const mounted: string[] = [];

function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: 'pipe' });
}

/** Undefined where mounting is allowed; otherwise why it is not. */
export function whyNoMounts(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'dagrun-mount-'));
  try {
    mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder);
    execFileSync('umount', [folder]);
    return undefined;
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error)
      .trim()
      .split('\n')[0]!;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Mounts an empty disk of so many KiB at a folder, which is made. */
export function mountDisk(folder: string, size: number): void {
  mkdirSync(folder, { recursive: true });
  mount('-t', 'tmpfs', '-o', `size=${size}k`, 'tmpfs', folder);
  mounted.push(folder);
}

export function resizeDisk(folder: string, size: number): void {
  mount('-o', `remount,size=${size}k`, folder);
}

export function setReadOnly(folder: string, readOnly: boolean): void {
  mount('-o', `remount,${readOnly ? 'ro' : 'rw'}`, folder);
}

/** Writes a file that takes what is left. */
export function fillDisk(file: string): void {
  const descriptor = openSync(file, 'w');
  try {
    for (const block of [Buffer.alloc(4096, 1), Buffer.alloc(1, 1)]) {
      try {
        for (;;) writeSync(descriptor, block);
      } catch {
        // Full.
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

export function unmountAll(): void {
  for (const folder of mounted.splice(0).reverse()) execFileSync('umount', ['-l', folder], { stdio: 'pipe' });
}
