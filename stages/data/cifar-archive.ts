// Takes named files out of a .tar.gz, streamed. Files are written under names of our own, so that no path, link or device in an archive can lead
// anywhere. Knows nothing of what is in them.

import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Parser } from 'tar';
import type { ReadEntry } from 'tar';
import { StageFailure } from '../context/fail.ts';

/** Called with the part of the work that is done, from 0 to 1. */
export type OnFraction = (fraction: number) => void;

/** What makes an archive damaged; other warnings of the parser are about details that do not matter here. */
const fatalWarnings = ['TAR_BAD_ARCHIVE', 'TAR_ENTRY_INVALID', 'TAR_ABORT'];

/**
 * Unpacks the files called `names`, wherever in the archive they lie, into `folder`; everything else is passed over.
 * @throws StageFailure where the archive is damaged, lacks one of them, or has one twice
 */
export async function unpackFiles(
  archive: string,
  names: readonly string[],
  folder: string,
  onFraction: OnFraction,
): Promise<void> {
  const stop = new AbortController();
  const copies = new Map<string, Promise<void>>();
  const take = (entry: ReadEntry): StageFailure | undefined => {
    const name = entry.path.split('/').at(-1) ?? '';
    if (!names.includes(name)) {
      entry.resume();
      return undefined;
    }
    const fault = faultOf(entry, copies.has(name));
    if (fault !== undefined) return new StageFailure(`${archive}: ${fault}`);
    copies.set(name, pipeline(entry, createWriteStream(join(folder, name)), { signal: stop.signal }));
    return undefined;
  };
  try {
    await parseArchive(archive, take, onFraction);
    await Promise.all(copies.values());
  } catch (error) {
    stop.abort();
    await Promise.allSettled(copies.values());
    if (error instanceof StageFailure) throw error;
    throw new StageFailure(`${archive} is no sound .tar.gz archive (${(error as Error).message}): get it again`);
  }
  const missing = names.filter((name) => !copies.has(name));
  if (missing.length > 0) throw new StageFailure(`${archive} has no ${missing.join(', ')}; is it the binary version?`);
}

function faultOf(entry: ReadEntry, twice: boolean): string | undefined {
  if (twice) return `"${entry.path}" is in it twice`;
  if (entry.type !== 'File' && entry.type !== 'OldFile') return `"${entry.path}" is no regular file but ${entry.type}`;
  return undefined;
}

/** Reads an archive to its end; fails with the first damage, or with what `take` returns. */
async function parseArchive(
  archive: string,
  take: (entry: ReadEntry) => StageFailure | undefined,
  onFraction: OnFraction,
): Promise<void> {
  const { size } = statSync(archive);
  const input = createReadStream(archive, { highWaterMark: 1 << 18 });
  try {
    await new Promise<void>((resolve, reject) => {
      const parser = new Parser({
        onwarn: (code, message) => {
          if (fatalWarnings.includes(code)) reject(new Error(message));
        },
        onReadEntry: (entry) => {
          const refused = take(entry);
          if (refused === undefined) return;
          entry.resume();
          reject(refused);
        },
      });
      parser.on('end', resolve);
      parser.on('error', reject);
      input.on('error', reject);
      input.on('data', () => onFraction(input.bytesRead / size));
      input.pipe(parser);
    });
  } finally {
    input.destroy();
  }
}
