// Modules that a thread is told to load.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** The exports of a TypeScript module. Only on threads that openTeam started. @param url - `file:` */
export function loadModule(url: string): unknown {
  return require(fileURLToPath(url));
}
