import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TransferBuffers } from '../core/transfer-buffers.ts';
import { register } from './activity.ts';
import { FileStorage } from './file-storage.ts';
import { HttpStorage } from './http-storage.ts';
import { collectPiece } from './piece.ts';
import type { Piece } from './storage.ts';
import { RemoteFault } from './problem.ts';
import { RetryingStorage, usualRetries } from './retry.ts';

const folder = mkdtempSync(join(tmpdir(), 'dagrun-retry-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('an interruption', () => {
  it('ends a request to a peer that says nothing', async () => {
    const controller = new AbortController();
    const server = createServer(() => controller.abort('SIGINT'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const inner = new HttpStorage({ label: 'web', jobs: 1, base, authorization: null, ca: null, timeout: 60_000 });
    const storage = new RetryingStorage(inner, { ...usualRetries, signal: controller.signal });
    try {
      await expect(storage.read('catalogue')).rejects.toMatchObject({ problem: { kind: 'interrupted' } });
      await expect(storage.read('catalogue')).rejects.toMatchObject({ problem: { kind: 'interrupted' } });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('leaves no registration that would keep a gc waiting', async () => {
    const controller = new AbortController();
    const inner = new FileStorage(folder, { label: 'folder', jobs: 1 });
    const storage = new RetryingStorage(inner, { ...usualRetries, signal: controller.signal });
    const registration = await register(storage, 'push');
    expect((await inner.list('active/')).map(({ key }) => key)).toEqual([registration.key]);
    controller.abort('SIGINT');
    await expect(storage.list('active/')).rejects.toMatchObject({ problem: { kind: 'interrupted' } });
    await registration.release();
    expect(await inner.list('active/')).toEqual([]);
  });

  it('leaves none either that was only just arriving', async () => {
    const controller = new AbortController();
    const inner = new SlowStorage(folder, { label: 'folder', jobs: 1 });
    const storage = new RetryingStorage(inner, { ...usualRetries, signal: controller.signal });
    setTimeout(() => controller.abort('SIGINT'), 50);
    await expect(register(storage, 'push')).rejects.toMatchObject({ problem: { kind: 'interrupted' } });
    expect(inner.written).toHaveLength(1);
    expect(await inner.list('active/')).toEqual([]);
  });
});

describe('a registration that fails', () => {
  it('is not tried twice as long to be taken away again', async () => {
    const inner = new LostStorage(folder, { label: 'folder', jobs: 1 });
    const storage = new RetryingStorage(inner, { ...usualRetries, pause: 1, signal: new AbortController().signal });
    await expect(register(storage, 'push')).rejects.toMatchObject({ problem: { kind: 'offline' } });
    expect(inner.asked).toEqual({ write: usualRetries.attempts, remove: 1 });
  });

  it('leaves nothing where it has arrived though the answer was lost', async () => {
    const inner = new LostStorage(folder, { label: 'folder', jobs: 1 }, 'answers');
    const storage = new RetryingStorage(inner, { ...usualRetries, pause: 1, signal: new AbortController().signal });
    await expect(register(storage, 'push')).rejects.toMatchObject({ problem: { kind: 'offline' } });
    expect(inner.asked).toEqual({ write: usualRetries.attempts, remove: 1 });
    expect(await inner.list('active/')).toEqual([]);
  });

  it('is taken away with patience where the remote has answered', async () => {
    const inner = new LostStorage(folder, { label: 'folder', jobs: 1 }, 'first removals');
    const other = await register(new FileStorage(folder, { label: 'folder', jobs: 1 }), 'gc');
    const storage = new RetryingStorage(inner, { ...usualRetries, pause: 1, signal: new AbortController().signal });
    await expect(register(storage, 'push')).rejects.toMatchObject({ problem: { kind: 'busy' } });
    expect((await inner.list('active/')).map(({ key }) => key)).toEqual([other.key]);
  });
});

describe('a removal', () => {
  it('comes after the write of the same file that is under way', async () => {
    const inner = new SlowStorage(folder, { label: 'folder', jobs: 1 });
    const storage = new RetryingStorage(inner, { ...usualRetries, signal: new AbortController().signal });
    const renewal = storage.write('active/push-this', Buffer.from('here'));
    await storage.remove(['active/push-this']);
    await renewal;
    expect(await inner.list('active/')).toEqual([]);
  });
});

/** What is written gets there a while later. */
class SlowStorage extends FileStorage {
  readonly written: string[] = [];

  override async write(key: string, bytes: Uint8Array): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await super.write(key, bytes);
    this.written.push(key);
  }
}

/** A folder that cannot be reached: no request comes there, or no answer to a write comes back, or the first removals do not. */
class LostStorage extends FileStorage {
  readonly asked = { write: 0, remove: 0 };
  readonly #lost: 'everything' | 'answers' | 'first removals';

  constructor(
    root: string,
    options: { readonly label: string; readonly jobs: number },
    lost: 'everything' | 'answers' | 'first removals' = 'everything',
  ) {
    super(root, options);
    this.#lost = lost;
  }

  override async write(key: string, bytes: Uint8Array): Promise<void> {
    this.asked.write++;
    if (this.#lost !== 'everything') await super.write(key, bytes);
    if (this.#lost !== 'first removals') throw new RemoteFault('offline', 'it cannot be reached');
  }

  override async remove(keys: readonly string[]): Promise<void> {
    this.asked.remove++;
    const isLost = this.#lost === 'first removals' && this.asked.remove < 3;
    if (this.#lost === 'everything' || isLost) throw new RemoteFault('offline', 'it cannot be reached');
    await super.remove(keys);
  }
}

describe('a piece', () => {
  const options = { ...usualRetries, pause: 1, signal: new AbortController().signal };

  it('that came too late writes into no buffer that is in use', async () => {
    const inner = new LatePieces(folder, { label: 'folder', jobs: 1 });
    await inner.write('blobs/a', Buffer.alloc(1000, 1));
    const storage = new RetryingStorage(inner, { ...options, timeout: 100 });
    const buffers = new TransferBuffers(1000);
    const { bytes } = await storage.readPiece('blobs/a', 1000, buffers);
    buffers.give(bytes);
    const used = [buffers.take(), buffers.take()];
    await inner.end(9);
    expect(used.map((buffer) => buffer.includes(9))).toEqual([false, false]);
  });

  it('of which only a part comes is asked for again', async () => {
    const inner = new FileStorage(folder, { label: 'folder', jobs: 1 });
    await inner.write('blobs/a', Buffer.alloc(999));
    const storage = new RetryingStorage(inner, { ...options, attempts: 2 });
    await expect(storage.readPiece('blobs/a', 1000, new TransferBuffers(1000))).rejects.toMatchObject({
      problem: { kind: 'transient', message: 'folder sent 999 bytes of "blobs/a" instead of 1000' },
    });
  });

  it('that is sent is let go once no attempt reads it any more', async () => {
    const inner = new SlowStorage(folder, { label: 'folder', jobs: 1 });
    const storage = new RetryingStorage(inner, { ...options, attempts: 1, timeout: 100 });
    const released = new Promise<string>((resolve) => {
      const onReleased = (): void => resolve(inner.written.join());
      storage.write('blobs/a', Buffer.from('piece'), { onReleased }).catch(() => undefined);
    });
    expect(await released).toBe('blobs/a');
  });
});

/** The first reading of a piece ends when it is told to; until then it holds on to its buffer. */
class LatePieces extends FileStorage {
  #late: Buffer | undefined;
  #end = (): void => undefined;
  #ended: Promise<unknown> = Promise.resolve();

  override readPiece(key: string, length: number, buffers: TransferBuffers): Promise<Piece> {
    if (this.#late !== undefined) return super.readPiece(key, length, buffers);
    const piece = collectPiece(length, buffers, async (rest) => {
      this.#late = rest;
      await new Promise<void>((resolve) => (this.#end = resolve));
      return rest.length;
    });
    this.#ended = piece;
    return piece;
  }

  async end(value: number): Promise<void> {
    this.#late?.fill(value);
    this.#end();
    await this.#ended;
  }
}
