import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from './activity.ts';
import { FileStorage } from './file-storage.ts';
import { HttpStorage } from './http-storage.ts';
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
