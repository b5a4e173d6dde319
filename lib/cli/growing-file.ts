// A file that somebody is still writing, from its beginning until it is complete. Knows nothing of what is in it, or of who writes it.

import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks at a file that has not grown: nothing tells of growth on every file system. */
const pause = 100;

/** Its bytes as they come. Ends when all of a complete file was given, or the signal is aborted. */
export async function* readGrowing(
  path: string,
  isComplete: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(64 * 1024);
    while (!signal.aborted) {
      // Asked first: whatever was written until then is read afterwards.
      const complete = isComplete();
      const { bytesRead } = await file.read(buffer);
      if (bytesRead > 0) {
        yield Buffer.from(buffer.subarray(0, bytesRead));
        continue;
      }
      if (complete) return;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await file.close();
  }
}
