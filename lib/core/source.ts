// Text that a person wrote: pipeline, parameter and schema files. What is no text is said to be so, with its place: read
// leniently, two different values could look alike.

import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { readTextIfExists } from './disk.ts';
import type { Fault } from './failure.ts';
import { codeOf, err, messageOf, ok } from './result.ts';
import type { Result } from './result.ts';

/** Stands for every byte that is no text. */
const replacement = '\uFFFD';

/** The text of the file, undefined where there is none; `name` is what it is called in messages, `path` is absolute. */
export function readSource(path: string, name: string): Result<string | undefined, Fault> {
  try {
    const text = readTextIfExists(path);
    if (text === undefined || !text.includes(replacement)) return ok(text);
    const bytes = readFileSync(path);
    return isUtf8(bytes) ? ok(bytes.toString('utf8')) : err(notText(bytes, name));
  } catch (error) {
    return err({ message: `${name} cannot be read: ${describeReadError(error)}` });
  }
}

function notText(bytes: Buffer, name: string): Fault {
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    const row = bytes.subarray(start, end < 0 ? bytes.length : end);
    if (!isUtf8(row)) {
      const column = row.toString('utf8').indexOf(replacement) + 1;
      return {
        at: { file: name, line, column },
        message: 'this is not UTF-8',
        hint: 'save the file in the encoding UTF-8',
      };
    }
    start = end + 1;
  }
}

/** Why something could not be read, in words where the system has only a code. */
export function describeReadError(error: unknown): string {
  const code = codeOf(error);
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  if (code === 'ELOOP') return 'its symbolic links lead in a circle';
  if (code === 'ENAMETOOLONG') return 'its name is too long';
  if (code === 'EISDIR') return 'it is a folder';
  return messageOf(error);
}
