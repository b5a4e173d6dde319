import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DirectFile } from './direct-file.ts';
import { TransferBuffers } from './transfer-buffers.ts';

// A file system of a disk, and one of memory: not both can pass the page cache by on every kernel.
const places = [tmpdir(), ...(existsSync('/dev/shm') ? ['/dev/shm'] : [])];
const size = 1 << 20;
const buffers = new TransferBuffers(size);

describe.each(places)('a large file in %s', (place) => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(place, 'dagrun-direct-'));
    path = join(folder, 'file');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each([
    ['whole blocks', 4096 * 8, 4096 * 3],
    ['an odd length', 4096 * 8 + 17, 0],
    ['an odd place', 4096, 5],
    ['no whole block', 3, 1],
  ])('takes and gives %s', async (_what, length, position) => {
    const bytes = randomBytes(length);
    const file = await DirectFile.open(path, 'wx+');
    const buffer = buffers.take().subarray(0, length);
    buffer.set(bytes);
    await file.write(buffer, position);
    await file.sync();
    buffer.fill(0);
    expect(await file.read(buffer, position)).toBe(length);
    await file.close();
    expect(buffer.equals(bytes)).toBe(true);
    expect(readFileSync(path).equals(Buffer.concat([Buffer.alloc(position), bytes]))).toBe(true);
    buffers.give(buffer);
  });

  it('that is to stay in the page cache takes many writes at a time', async () => {
    const bytes = randomBytes(size);
    const file = await DirectFile.open(path, 'w+', { isPlain: true });
    const step = size / 8;
    const positions = Array.from({ length: 8 }, (_, index) => index * step);
    await Promise.all(positions.map((at) => file.write(bytes.subarray(at, at + step), at)));
    await file.close();
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it('takes bytes that lie anywhere in memory', async () => {
    const bytes = Buffer.allocUnsafeSlow(size + 1).subarray(1);
    bytes.set(randomBytes(size));
    const file = await DirectFile.open(path, 'w+');
    await file.write(bytes, 0);
    const found = Buffer.allocUnsafeSlow(size + 1).subarray(1);
    expect(await file.read(found, 0)).toBe(size);
    await file.close();
    expect(found.equals(bytes)).toBe(true);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it('gives what there is where it ends early', async () => {
    writeFileSync(path, randomBytes(4096 * 2 + 5));
    const file = await DirectFile.open(path, 'r');
    const buffer = buffers.take();
    expect(await file.read(buffer, 4096)).toBe(4096 + 5);
    expect(await file.read(buffer, 4096 * 3)).toBe(0);
    await file.close();
    expect(buffer.subarray(0, 4096 + 5).equals(readFileSync(path).subarray(4096))).toBe(true);
    buffers.give(buffer);
  });

  it('stays the one that was opened when its name goes to another', async () => {
    const file = await DirectFile.open(path, 'wx+', { mode: 0o600 });
    renameSync(path, `${path}-moved`);
    writeFileSync(path, 'another');
    await file.write(buffers.take().fill(1), 0);
    await file.close();
    expect(statSync(`${path}-moved`)).toMatchObject({ size, mode: 0o100600 });
    expect(readFileSync(path, 'utf8')).toBe('another');
  });

  it('is not opened where something has its name already, nor where nothing has', async () => {
    await expect(DirectFile.open(path, 'r')).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(path, '');
    await expect(DirectFile.open(path, 'wx+')).rejects.toMatchObject({ code: 'EEXIST' });
  });
});

describe('a buffer', () => {
  it('is handed out again only once it was given back, and then whole', () => {
    const pool = new TransferBuffers(100);
    const first = pool.take();
    const second = pool.take();
    expect(second.buffer).not.toBe(first.buffer);
    pool.give(first.subarray(0, 10));
    const again = pool.take();
    expect(again.buffer).toBe(first.buffer);
    expect(again).toHaveLength(100);
  });
});
