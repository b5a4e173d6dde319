// Large files, past the page cache where the file system can do that (O_DIRECT): what is copied in or out once and soon needed by nobody would
// only push other things out of memory, and filling the cache costs more than all the rest of the work. Elsewhere it is an ordinary file.

import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { codeOf } from './result.ts';

/** What disks and file systems ask of offsets and lengths at most; buffers are to begin where a page does (TransferBuffers). */
const block = 4096;

export class DirectFile {
  readonly #plain: FileHandle;
  readonly #direct: FileHandle | undefined;
  #isDirect: boolean;
  /** Ends with the last write that was asked for. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(plain: FileHandle, direct: FileHandle | undefined) {
    this.#plain = plain;
    this.#direct = direct;
    this.#isDirect = direct !== undefined;
  }

  /** `isPlain`: it is an ordinary file in any case. */
  static async open(
    path: string,
    flags: 'r' | 'r+' | 'w+' | 'wx+',
    { mode = 0o666, isPlain = false }: { readonly mode?: number; readonly isPlain?: boolean } = {},
  ): Promise<DirectFile> {
    const plain = await open(path, flags, mode);
    const access = flags === 'r' ? constants.O_RDONLY : constants.O_RDWR;
    return new DirectFile(plain, isPlain ? undefined : await openAgain(plain, access));
  }

  stat(): Promise<Stats> {
    return this.#plain.stat();
  }

  /** Fills `bytes` from `position` on; how many there were, fewer only where the file ends. */
  read(bytes: Buffer, position: number): Promise<number> {
    return this.#move(bytes.length, position, async (file, done) => {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
      return bytesRead;
    });
  }

  /** Writes all bytes. Into the page cache one write after the other: they would wait for each other there, with a processor each. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    const write = (): Promise<number> =>
      this.#move(bytes.length, position, async (file, done) => {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
        return bytesWritten;
      });
    if (this.#isDirect) {
      await write();
      return;
    }
    const turn = this.#writing.then(write);
    this.#writing = turn.catch(() => undefined);
    await turn;
  }

  /** Makes it an empty file, which it is not for long where writes are under way. */
  empty(): Promise<void> {
    return this.#plain.truncate();
  }

  /** Waits until all is on the disk. */
  sync(): Promise<void> {
    return this.#plain.sync();
  }

  async close(): Promise<void> {
    await this.#direct?.close();
    await this.#plain.close();
  }

  /** Repeats `step`, which says how far it came, until all is done or it comes no further. */
  async #move(
    length: number,
    position: number,
    step: (file: FileHandle, done: number) => Promise<number>,
  ): Promise<number> {
    for (let done = 0; done < length;) {
      const isDirect = this.#isDirect && (position + done) % block === 0 && (length - done) % block === 0;
      try {
        const count = await step(isDirect ? this.#direct! : this.#plain, done);
        if (count === 0) return done;
        done += count;
      } catch (error) {
        // It asks for more than whole blocks, or can only pretend to be opened in this way.
        if (!isDirect || codeOf(error) !== 'EINVAL') throw error;
        this.#isDirect = false;
      }
    }
    return length;
  }
}

/** The same file, whatever has its name by now; undefined where the system or the file system does not know O_DIRECT. */
async function openAgain(file: FileHandle, access: number): Promise<FileHandle | undefined> {
  // Other systems than Linux do not have it, whatever the types say.
  const direct = constants.O_DIRECT as number | undefined;
  if (direct === undefined) return undefined;
  try {
    return await open(`/proc/self/fd/${file.fd}`, access | direct);
  } catch {
    return undefined;
  }
}
