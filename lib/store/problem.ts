// What the store says when it cannot do something: system errors in words, and warnings that are given once.

import { codeOf, messageOf } from '../core/result.ts';
import type { StoreProblem } from '../plan/ports.ts';

export function problem(kind: StoreProblem['kind'], message: string): StoreProblem {
  return { kind, message };
}

const words: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a file stands where a folder is needed',
  EISDIR: 'a folder stands where a file is needed',
  ELOOP: 'too many symbolic links, or one where none may be',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
  EIO: 'the device reports an input/output error',
};

/** `doing` says what was tried: `cannot store "a.bin" in /cache`. What is no system error is a bug and is thrown again. */
export function ioProblem(error: unknown, doing: string): StoreProblem {
  const code = codeOf(error);
  if (code === undefined || code.startsWith('ERR_')) throw error;
  return problem('io', `${doing}: ${words[code] ?? messageOf(error)}`);
}

export type OnWarning = (message: string, hint?: string) => void;

/** Gives each warning once. */
export class Warnings {
  readonly #given = new Set<string>();
  readonly #onWarning: OnWarning;

  constructor(onWarning: OnWarning) {
    this.#onWarning = onWarning;
  }

  once(message: string, hint?: string): void {
    if (this.#given.has(message)) return;
    this.#given.add(message);
    if (hint === undefined) this.#onWarning(message);
    else this.#onWarning(message, hint);
  }
}
