// The folder of machine-local state: made on the first write, and hidden from git by a file of its own.

import { existsSync } from 'node:fs';
import { writeFileAtomic } from '../core/disk.ts';

/** Makes the folder with a .gitignore that ignores all of it. Errors are thrown: without it nothing can be run. */
export function makeStateFolder(stateDir: string): void {
  const ignore = `${stateDir}/.gitignore`;
  if (!existsSync(ignore)) writeFileAtomic(ignore, '*\n', { durable: false });
}
