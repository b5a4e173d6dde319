import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { DatasetPlan, PrepareSettings } from '../config/definition.ts';
import { imageBytes } from './cifar-format.ts';
import { inTempFolder, put } from './data-rig.ts';
import { openDataset } from './dataset.ts';
import { openCifar } from './image-source.ts';
import type { ImageSource } from './image-source.ts';
import { splitNames } from './manifest.ts';
import { prepareSets } from './prepare-sets.ts';

const settings: PrepareSettings = { seed: 7, split: 0.25, imageSize: [32, 32], grayscale: false };

/** CIFAR-10 records of `perClass` images of 3 classes; image i is filled with i in red, 2i in green, 3i in blue (mod 256), its first pixel white. */
function putSource(folder: string, perClass: number): ImageSource {
  for (const [part, count] of [['train', perClass], ['test', 2]] as const) {
    const records = Array.from({ length: count * 3 }, (_, image) => {
      const bytes = new Uint8Array(1 + imageBytes);
      bytes[0] = image % 3;
      for (let at = 0; at < imageBytes; at++) bytes[1 + at] = at % 1024 === 0 ? 255 : image * (1 + Math.floor(at / 1024));
      return bytes;
    });
    put(join(folder, `${part}.bin`), Buffer.concat(records));
  }
  return openCifar(folder, { version: 1, kind: 'cifar', name: 'three', labelBytes: 1, classes: ['a', 'b', 'c'], digest: 'd1' });
}

const planOf = (variants: Readonly<Record<string, PrepareSettings>>, models: Readonly<Record<string, string>>): DatasetPlan => ({ version: 1, variants, models });

async function prepare(plan: DatasetPlan, folder: string, perClass = 12): Promise<void> {
  await prepareSets(plan, putSource(join(folder, 'source'), perClass), join(folder, 'prepared'), () => undefined);
}

/** The images of a split by their red value, which is their index in the source. */
function indicesOf(folder: string, split: 'train' | 'val' | 'test'): readonly number[] {
  const { manifest, read } = openDataset(folder);
  const { images, count } = read(split);
  const [height, width, channels] = manifest.shape;
  return Array.from({ length: count }, (_, image) => images[image * height * width * channels + 5 * channels]!);
}

describe('prepareSets', () => {
  it('splits each class alike and loses no image', () =>
    inTempFolder(async (folder) => {
      await prepare(planOf({ x1: settings }, { m: 'x1' }), folder);
      const set = join(folder, 'prepared/m');
      const { manifest, read } = openDataset(set);
      expect(splitNames.map((name) => manifest.splits[name].count)).toEqual([27, 9, 6]);
      for (const [name, each] of [['train', 9], ['val', 3], ['test', 2]] as const) {
        const labels = [...read(name).labels];
        expect([0, 1, 2].map((label) => labels.filter((one) => one === label).length)).toEqual([each, each, each]);
        expect(labels).toEqual(indicesOf(set, name).map((index) => index % 3));
      }
      const [train, val] = [indicesOf(set, 'train'), indicesOf(set, 'val')];
      expect([...train, ...val].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 36 }, (_, index) => index));
      expect(train.toSorted((a, b) => a - b)).toEqual(train);
    }));

  it('stores [height, width, channels] bytes', () =>
    inTempFolder(async (folder) => {
      await prepare(planOf({ x1: settings }, { m: 'x1' }), folder);
      const { images } = openDataset(join(folder, 'prepared/m')).read('test');
      expect([...images.subarray(4 * imageBytes, 4 * imageBytes + 9)]).toEqual([255, 255, 255, 4, 8, 12, 4, 8, 12]);
    }));

  it('scales and grays each data set by its own settings, all in one pass', () =>
    inTempFolder(async (folder) => {
      const variants = {
        x1: settings,
        x2: { ...settings, grayscale: true },
        x3: { ...settings, imageSize: [16, 8] as const },
        x4: { ...settings, imageSize: [16, 8] as const, grayscale: true, seed: 8 },
      };
      const source = putSource(join(folder, 'source'), 12);
      let passes = 0;
      const counting: ImageSource = { ...source, batches: (sizes) => (passes++, expect(sizes.length).toBe(2), source.batches(sizes)) };
      await prepareSets(planOf(variants, { a: 'x1', b: 'x2', c: 'x3', d: 'x4' }), counting, join(folder, 'prepared'), () => undefined);
      expect(passes).toBe(1);
      const shapes = ['a', 'b', 'c', 'd'].map((model) => openDataset(join(folder, 'prepared', model)).manifest.shape);
      expect(shapes).toEqual([[32, 32, 3], [32, 32, 1], [16, 8, 3], [16, 8, 1]]);
      const testOf = (model: string): Uint8Array => openDataset(join(folder, 'prepared', model)).read('test').images;
      // Image 4 is (4, 8, 12): luma 0.299·4 + 0.587·8 + 0.114·12 = 7.26. Its first pixel is white.
      expect([...testOf('b').subarray(4 * 1024, 4 * 1024 + 2)]).toEqual([255, 7]);
      // 2×4 pixels become one: (255 + 7·4)/8 = 35.375, (255 + 7·8)/8 = 38.875, (255 + 7·12)/8 = 42.375
      expect([...testOf('c').subarray(4 * 128 * 3, 4 * 128 * 3 + 6)]).toEqual([35, 39, 42, 4, 8, 12]);
      // 0.299·35 + 0.587·39 + 0.114·42 = 38.146
      expect([...testOf('d').subarray(4 * 128, 4 * 128 + 2)]).toEqual([38, 7]);
      expect(indicesOf(join(folder, 'prepared/c'), 'val')).toEqual(indicesOf(join(folder, 'prepared/a'), 'val'));
      expect(indicesOf(join(folder, 'prepared/d'), 'val').length).toBe(9);
    }));

  it('takes mean and deviation from the train split alone', () =>
    inTempFolder(async (folder) => {
      await prepare(planOf({ x1: { ...settings, imageSize: [4, 4] }, g: { ...settings, imageSize: [4, 4], grayscale: true } }, { m: 'x1', n: 'g' }), folder);
      for (const model of ['m', 'n']) {
        const { manifest, read } = openDataset(join(folder, 'prepared', model));
        const channels = manifest.shape[2];
        const { images } = read('train');
        for (let channel = 0; channel < channels; channel++) {
          const values = [...images].filter((_, index) => index % channels === channel).map((value) => value / 255);
          const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
          const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
          expect(manifest.mean[channel]).toBeCloseTo(mean, 12);
          expect(manifest.std[channel]).toBeCloseTo(Math.sqrt(variance), 12);
        }
        expect(manifest.mean.length).toBe(channels);
      }
    }));

  it('links each model to its set, and models of one variant to the same', () =>
    inTempFolder(async (folder) => {
      await prepare(planOf({ x1: settings }, { first: 'x1', second: 'x1' }), folder);
      const prepared = join(folder, 'prepared');
      expect(readdirSync(prepared)).toEqual(['first', 'second', 'sets']);
      expect(lstatSync(join(prepared, 'first')).isSymbolicLink()).toBe(true);
      expect(readlinkSync(join(prepared, 'second'))).toBe(join('sets', 'x1'));
      expect(readdirSync(join(prepared, 'sets'))).toEqual(['x1']);
    }));

  it('gives the same bytes again', () =>
    inTempFolder(async (folder) => {
      const plan = planOf({ x1: { ...settings, imageSize: [40, 20] } }, { m: 'x1' });
      await prepare(plan, join(folder, 'one'));
      await prepare(plan, join(folder, 'two'));
      for (const file of readdirSync(join(folder, 'one/prepared/m')))
        expect(readFileSync(join(folder, 'one/prepared/m', file))).toEqual(readFileSync(join(folder, 'two/prepared/m', file)));
    }));

  it('tells by identity which data sets have the same images in the same roles', () =>
    inTempFolder(async (folder) => {
      const variants = { base: settings, scaled: { ...settings, imageSize: [8, 8] as const, grayscale: true }, seed: { ...settings, seed: 8 }, split: { ...settings, split: 0.3 } };
      const source = putSource(join(folder, 'source'), 12);
      const plan = planOf(variants, { base: 'base', scaled: 'scaled', seed: 'seed', split: 'split' });
      const { models } = await prepareSets(plan, source, join(folder, 'prepared'), () => undefined);
      expect(models['scaled']).toEqual(models['base']);
      expect(models['base']).toMatchObject({ name: 'three', source: 'd1' });
      expect(new Set(Object.values(models).map(({ identity }) => identity)).size).toBe(3);
      expect(new Set(Object.values(models).map((model) => model.source)).size).toBe(1);
      const digests = ['base', 'seed'].map((model) => openDataset(join(folder, 'prepared', model)).manifest.splits.val.digest);
      expect(digests[0]).not.toBe(digests[1]);
    }));

  it('needs two images of a class for a validation set', () =>
    inTempFolder(async (folder) => {
      await expect(prepare(planOf({ x1: settings }, { m: 'x1' }), folder, 1)).rejects.toThrow('none can be kept for validation');
    }));

  it.each(['sets', '../m', 'a/b', '.m'])('refuses a model called "%s"', (model) =>
    inTempFolder(async (folder) => {
      await expect(prepare(planOf({ x1: settings }, { [model]: 'x1' }), folder)).rejects.toThrow(`the model name "${model}"`);
    }),
  );
});

describe('openDataset', () => {
  const broken: readonly (readonly [string, (set: string) => void, RegExp])[] = [
    ['without a manifest', (set) => rmSync(join(set, 'manifest.json')), /its manifest\.json cannot be read/],
    ['with half a manifest', (set) => truncateSync(join(set, 'manifest.json'), 50), /its manifest\.json cannot be read/],
    ['of another version', (set) => writeFileSync(join(set, 'manifest.json'), '{"version":2}'), /has version 2, and 1 is known/],
    ['without its pixels', (set) => rmSync(join(set, 'val.images')), /its file val\.images is missing/],
    ['with too few pixels', (set) => truncateSync(join(set, 'train.images'), 5), /train\.images has 5 bytes instead of 82944/],
    ['with too few labels', (set) => truncateSync(join(set, 'test.labels'), 10), /test\.labels has 10 bytes instead of 12/],
  ];
  it.each(broken)('refuses a data set %s', (_, damage, message) =>
    inTempFolder(async (folder) => {
      await prepare(planOf({ x1: settings }, { m: 'x1' }), folder);
      damage(join(folder, 'prepared/m'));
      expect(() => openDataset(join(folder, 'prepared/m'))).toThrow(message);
      expect(() => openDataset(join(folder, 'prepared/m'))).toThrow('dagrun repro prepare --force');
    }),
  );

  it('refuses labels that are no class', () =>
    inTempFolder(async (folder) => {
      await prepare(planOf({ x1: settings }, { m: 'x1' }), folder);
      const labels = Buffer.alloc(12);
      labels.writeUInt16LE(3, 4);
      writeFileSync(join(folder, 'prepared/m/test.labels'), labels);
      expect(() => openDataset(join(folder, 'prepared/m')).read('test')).toThrow('image 2 of test has the label 3, but there are 3 classes');
    }));
});
