// The folder of machine-local state: made on the first write, and hidden from git by a file of its own.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';

/** Makes the folder with a .gitignore that ignores all of it. Errors are thrown: without it nothing can be run. */
export function makeStateFolder(stateDir: string): void {
  const ignore = `${stateDir}/.gitignore`;
  if (existsSync(ignore)) return;
  mkdirSync(stateDir, { recursive: true });
  writeFileSync(ignore, '*\n');
}
