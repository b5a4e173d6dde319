// lstat without exceptions for what is not there.

import { lstatSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { codeOf } from '../core/result.ts';

/** Undefined where nothing is, also where a parent is a file. Other errors are thrown. */
export function lstatIfExists(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Undefined also where it cannot be told: whoever needs the reason asks lstatIfExists. */
export function lstatIfReadable(path: string): Stats | undefined {
  try {
    return lstatIfExists(path);
  } catch {
    return undefined;
  }
}
