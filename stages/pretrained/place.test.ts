import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { WeightsOrigin } from '../config/definition.ts';
import { inTempFolder, put, serve, serveBody } from '../data/data-rig.ts';
import { openWeights } from './manifest.ts';
import { placeWeights } from './place.ts';
import type { PlaceOptions } from './place.ts';

/** An HDF5 file as far as its signature goes: what is in it does not matter here. */
const body = Buffer.concat([Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), Buffer.from('weights '.repeat(5000))]);
const digestOf = (algorithm: string): string => createHash(algorithm).update(body).digest('hex');
const sha256 = digestOf('sha256');
const wrong = `md5:${'0'.repeat(32)}`;

function optionsIn(root: string, notices: string[] = []): PlaceOptions {
  mkdirSync(join(root, 'data/raw'), { recursive: true });
  return {
    root,
    raw: join(root, 'data/raw'),
    folder: join(root, 'data/weights/m'),
    downloads: join(root, 'data/.downloads'),
    onProgress: () => undefined,
    onNotice: (text) => void notices.push(text),
    patience: { attempts: 2, backoff: 1, stall: 500 },
  };
}

const official = (url: string, checksum: string | null): WeightsOrigin => ({
  kind: 'imagenet',
  backbone: 'MobileNet',
  url,
  fileName: 'mobilenet.h5',
  checksum,
});
const own = (path: string, checksum: string | null = null): WeightsOrigin => ({ kind: 'file', path, checksum });

/** Nothing listens there: the port was given to a server that is closed by now. */
async function deadAddress(): Promise<string> {
  const server = await serve(() => serveBody(body));
  await server.close();
  return server.url;
}

describe('official weights', () => {
  it('are downloaded once, go on where a connection broke, and are verified', () =>
    inTempFolder(async (root) => {
      const server = await serve((attempt) => serveBody(body, attempt === 0 ? { cutAfter: 9000 } : {}));
      const options = optionsIn(root);
      const origin = official(server.url, `md5:${digestOf('md5')}`);
      await placeWeights(origin, options);
      expect(openWeights(options.folder)).toEqual({ path: join(options.folder, 'backbone.h5'), sha256 });
      expect(readFileSync(join(options.folder, 'backbone.h5'))).toEqual(body);
      expect(server.asked.map(({ range }) => range)).toEqual([undefined, 'bytes=9000-']);
      // Another server, the same file.
      await placeWeights({ ...official(await deadAddress(), `md5:${digestOf('md5')}`) }, options);
      expect(server.asked.length).toBe(2);
      await server.close();
    }));

  it('are taken from data/raw without any network', () =>
    inTempFolder(async (root) => {
      const options = optionsIn(root);
      put(join(root, 'data/raw/mobilenet.h5'), body);
      await placeWeights(official(await deadAddress(), `md5:${digestOf('md5')}`), options);
      expect(openWeights(options.folder)?.sha256).toBe(sha256);
      expect(existsSync(options.downloads)).toBe(false);
      await expect(placeWeights(official('http://127.0.0.1:1/', wrong), options)).rejects.toThrow(
        `data/raw/mobilenet.h5 has another checksum than it should have:\n  expected ${wrong}\n  actual   md5:${digestOf('md5')}\nGet it again`,
      );
    }));

  it('that cannot be had: says which file, from where, and every way to go on', () =>
    inTempFolder(async (root) => {
      const url = await deadAddress();
      const message = await placeWeights(official(url, wrong), optionsIn(root)).catch(
        (error: unknown) => (error as Error).message,
      );
      expect(message).toBe(
        [
          `cannot download ${url}: nothing answers there (connection refused)`,
          'These are the weights that MobileNet starts from. To go on, do one of these:',
          `- get mobilenet.h5 from ${url} by other means and put it into data/raw`,
          '- name a server that has it as `weights_mirror` in params.yaml',
          '- write `weights: null` in the options of the backbone, to train it from scratch',
          'Models that need no weights can be trained meanwhile: `dagrun repro -k`.',
        ].join('\n'),
      );
    }));

  it('with another checksum, or that are a web page, are refused and not kept', () =>
    inTempFolder(async (root) => {
      const options = optionsIn(root);
      const server = await serve((attempt) => serveBody(attempt === 0 ? body : Buffer.from('<!doctype html>')));
      await expect(placeWeights(official(server.url, wrong), options)).rejects.toThrow(`expected ${wrong}`);
      expect(readdirSync(options.downloads)).toEqual([]);
      await expect(placeWeights(official(server.url, null), options)).rejects.toThrow('is no HDF5 file: get it again');
      expect(readdirSync(options.downloads)).toEqual([]);
      expect(existsSync(join(options.folder, 'weights.json'))).toBe(false);
      await server.close();
    }));

  it('without a published checksum: tells the one they have', () =>
    inTempFolder(async (root) => {
      const server = await serve(() => serveBody(body));
      const notices: string[] = [];
      await placeWeights(official(server.url, null), optionsIn(root, notices));
      expect(notices).toEqual([expect.stringContaining(`write \`checksum: sha256:${sha256}\` beside \`weights\``)]);
      await server.close();
    }));
});

describe('weights of a file', () => {
  it('are known by their content, not by where they were', () =>
    inTempFolder(async (root) => {
      const options = optionsIn(root);
      const [one, two] = [join(root, 'data/weights/one'), join(root, 'data/weights/two')];
      put(join(root, 'data/raw/a.h5'), body);
      put(join(root, 'data/raw/sub/b.h5'), body);
      await placeWeights(own('data/raw/a.h5'), { ...options, folder: one });
      await placeWeights(own('data/raw/sub/b.h5', `sha256:${sha256}`), { ...options, folder: two });
      expect(readFileSync(join(one, 'weights.json'))).toEqual(readFileSync(join(two, 'weights.json')));
    }));

  it('that is not there, another one, or no HDF5 file', () =>
    inTempFolder(async (root) => {
      const options = optionsIn(root);
      put(join(root, 'data/raw/page.h5'), '<html>');
      put(join(root, 'data/raw/a.h5'), body);
      const place = (origin: WeightsOrigin): Promise<unknown> => placeWeights(origin, options);
      await expect(place(own('data/raw/none.h5'))).rejects.toThrow(
        'there is no file data/raw/none.h5. Put a Keras HDF5',
      );
      await expect(place(own('data/raw'))).rejects.toThrow('there is no file data/raw.');
      await expect(place(own('data/raw/page.h5'))).rejects.toThrow('data/raw/page.h5 is no HDF5 file');
      await expect(place(own('data/raw/a.h5', wrong))).rejects.toThrow(`expected ${wrong}\n  actual   md5:`);
    }));
});

it('a model that needs no weights gets the note that it needs none', () =>
  inTempFolder(async (root) => {
    const options = optionsIn(root);
    await placeWeights(null, options);
    expect(readdirSync(options.folder)).toEqual(['weights.json']);
    expect(openWeights(options.folder)).toBeNull();
  }));
