import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { inTempFolder, put, serve, serveBody } from './data-rig.ts';
import { fetchArchive, startMeter, verifyArchive } from './fetch.ts';
import type { FetchOptions } from './fetch.ts';

const body = Buffer.from('the bytes of an archive '.repeat(1000));
const hashOf = (algorithm: string): string => createHash(algorithm).update(body).digest('hex');
const sha256 = `sha256:${hashOf('sha256')}`;
const wrong = `sha256:${'0'.repeat(64)}`;

const optionsIn = (folder: string): FetchOptions => ({
  downloads: join(folder, '.downloads'),
  onProgress: () => undefined,
  onNotice: () => undefined,
  patience: { attempts: 2, backoff: 1, stall: 500 },
});

describe('fetchArchive', () => {
  it('downloads once, and uses the file again while its checksum is right', () =>
    inTempFolder(async (folder) => {
      const server = await serve(() => serveBody(body));
      const options = optionsIn(folder);
      const path = await fetchArchive(server.url, sha256, options);
      expect(readFileSync(path)).toEqual(body);
      expect(path).toMatch(/[0-9a-f]{12}-set\.tar\.gz$/);
      await fetchArchive(server.url, `md5:${hashOf('md5').toUpperCase()}`, options);
      expect(server.asked.length).toBe(1);
      put(path, 'bitten');
      await fetchArchive(server.url, sha256, options);
      expect(server.asked.length).toBe(2);
      expect(readFileSync(path)).toEqual(body);
      await server.close();
    }));

  it('removes what has another checksum, and says both', () =>
    inTempFolder(async (folder) => {
      const server = await serve(() => serveBody(body));
      const call = fetchArchive(server.url, wrong, optionsIn(folder));
      await expect(call).rejects.toThrow(`expected ${wrong}\n  actual   ${sha256}`);
      expect(readdirSync(join(folder, '.downloads'))).toEqual([]);
      await server.close();
    }));

  it('tells the checksum where none is given, and then needs no second download', () =>
    inTempFolder(async (folder) => {
      const server = await serve(() => serveBody(body));
      await expect(fetchArchive(server.url, null, optionsIn(folder))).rejects.toThrow(`add\n  checksum: ${sha256}`);
      await expect(fetchArchive(server.url, null, optionsIn(folder))).rejects.toThrow('data.checksum is missing');
      await fetchArchive(server.url, sha256, optionsIn(folder));
      expect(server.asked.length).toBe(1);
      await server.close();
    }));

  it('keeps addresses apart that end alike, and cannot be led out of its folder by one', () =>
    inTempFolder(async (folder) => {
      const server = await serve(() => serveBody(body));
      const one = await fetchArchive(`${server.url}?version=1`, sha256, optionsIn(folder));
      const two = await fetchArchive(`${server.url}?version=2`, sha256, optionsIn(folder));
      const odd = await fetchArchive(server.url.replace('set.tar.gz', '..%2F..%2Fset'), sha256, optionsIn(folder));
      expect(new Set([one, two, odd]).size).toBe(3);
      expect(readdirSync(join(folder, '.downloads')).length).toBe(3);
      await server.close();
    }));

  it('says why it tries again', () =>
    inTempFolder(async (folder) => {
      const server = await serve((attempt) => serveBody(body, attempt === 0 ? { cutAfter: 1000 } : {}));
      const notices: string[] = [];
      await fetchArchive(server.url, sha256, { ...optionsIn(folder), onNotice: (text) => void notices.push(text) });
      expect(notices).toEqual([`${server.url}: the connection was cut; next attempt in 0 s`]);
      await server.close();
    }));
});

describe('verifyArchive', () => {
  it('leaves a local file where it is', () =>
    inTempFolder(async (folder) => {
      const path = put(join(folder, 'a.tar.gz'), body);
      await verifyArchive(path, sha256, () => undefined);
      await expect(verifyArchive(path, wrong, () => undefined)).rejects.toThrow(/has not the checksum .*that of the official archive/);
      expect(existsSync(path)).toBe(true);
    }));
});

describe('startMeter', () => {
  it('tells amount, rate and the time that is left', () => {
    let now = 0;
    const meter = startMeter(() => now);
    expect(meter(50_000_000, 150_000_000)).toBe('50.0/150.0 MB');
    now = 4000;
    expect(meter(70_000_000, 150_000_000)).toBe('70.0/150.0 MB, 5.0 MB/s, 16 s left');
    expect(meter(70_000_000)).toBe('70.0 MB, 5.0 MB/s');
  });
});
