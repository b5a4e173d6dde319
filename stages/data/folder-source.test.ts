import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from '@jest/globals';
import { inTempFolder, put } from './data-rig.ts';
import { openFolder } from './folder-source.ts';
import { listImages } from './image-list.ts';
import type { ImageBatch, ImageSource } from './image-source.ts';

/** A PNG of 4×4 pixels of one gray. */
const gray = (value: number): Promise<Buffer> =>
  sharp({ create: { width: 4, height: 4, channels: 3, background: { r: value, g: value, b: value } } }).png().toBuffer();

/** Writes pictures `<folder>/<class>/<number>.png`, each in a gray of its own. */
async function putClasses(folder: string, classes: Readonly<Record<string, number>>, first = 0): Promise<void> {
  let value = first;
  for (const [name, count] of Object.entries(classes))
    for (let image = 0; image < count; image++) put(join(folder, name, `${image}.png`), await gray(value++));
}

const open = (folder: string, options: { readonly testSplit?: number; readonly seed?: number } = {}): ImageSource =>
  openFolder(folder, { version: 1, kind: 'images', name: 'pets', path: 'data/raw/pets', testSplit: 0.2, seed: 1, ...options });

interface Read {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/** The gray of each image, as it comes. */
async function readGrays(source: ImageSource): Promise<Read> {
  const grays: Record<ImageBatch['part'], number[]> = { train: [], test: [] };
  for await (const { part, start, count, pixels } of source.batches([[2, 2], [3, 5]])) {
    expect(start).toBe(grays[part].length);
    expect(pixels.map(({ length }) => length / count)).toEqual([12, 45]);
    for (let image = 0; image < count; image++) {
      expect(pixels[1]![image * 45]).toBe(pixels[0]![image * 12]);
      grays[part].push(pixels[0]![image * 12]!);
    }
  }
  return grays;
}

describe('listImages', () => {
  it('sorts classes and images by name, and passes over what is hidden or no concern', () =>
    inTempFolder(async (folder) => {
      await putClasses(folder, { zebra: 2, Ant: 1, cat: 1 });
      for (const name of ['.DS_Store', '.hidden/1.png', 'README.md', 'cat/.thumb.png', 'cat/Thumbs.db']) put(join(folder, name), 'x');
      put(join(folder, 'cat/B.JPEG'), 'x');
      const { classes, train, test } = listImages(folder);
      expect(classes).toEqual(['Ant', 'cat', 'zebra']);
      expect(test).toBeUndefined();
      expect(train).toEqual(
        [['Ant/0.png', 0], ['cat/0.png', 1], ['cat/B.JPEG', 1], ['zebra/0.png', 2], ['zebra/1.png', 2]].map(([path, label]) => ({
          path: join(folder, String(path)),
          label,
        })),
      );
    }));

  it('knows train and test, and takes them for classes where they hold images themselves', () =>
    inTempFolder(async (folder) => {
      await putClasses(join(folder, 'a/train'), { cat: 1, dog: 2 });
      await putClasses(join(folder, 'a/test'), { cat: 1, dog: 1 });
      const { classes, train, test } = listImages(join(folder, 'a'));
      expect([classes, train.length, test!.length]).toEqual([['cat', 'dog'], 3, 2]);
      await putClasses(join(folder, 'b'), { train: 1, test: 1, car: 1 });
      expect(listImages(join(folder, 'b')).classes).toEqual(['car', 'test', 'train']);
    }));

  it('follows a link to a class that lies elsewhere', () =>
    inTempFolder(async (folder) => {
      await putClasses(join(folder, 'elsewhere'), { big: 2 });
      await putClasses(join(folder, 'set'), { cat: 1 });
      symlinkSync(join(folder, 'elsewhere/big'), join(folder, 'set/dog'));
      expect(listImages(join(folder, 'set')).train.map(({ label }) => label)).toEqual([0, 1, 1]);
    }));

  it('names everything that does not fit, at once', () =>
    inTempFolder(async (folder) => {
      await putClasses(folder, { cat: 1 });
      for (const name of ['dog/1.bmp', 'dog/deep/1.png', 'stray.jpg']) put(join(folder, name), 'x');
      const list = (): unknown => listImages(folder);
      expect(list).toThrow(`"${join(folder, 'stray.jpg')}" lies in no class folder`);
      expect(list).toThrow(`"${join(folder, 'dog/1.bmp')}" is no image that can be read (.jpg .jpeg .png`);
      expect(list).toThrow(`"${join(folder, 'dog/deep')}" is a folder in a class folder`);
      expect(list).toThrow(`class "dog" has no image in ${folder}`);
    }));

  it('needs two classes, and the same ones in train and test', () =>
    inTempFolder(async (folder) => {
      put(join(folder, 'none/readme.txt'), '');
      expect(() => listImages(join(folder, 'none'))).toThrow('it has no class folder: at least 2 are needed');
      await putClasses(join(folder, 'one'), { cat: 3 });
      expect(() => listImages(join(folder, 'one'))).toThrow('one class folder only ("cat")');
      await putClasses(join(folder, 'two/train'), { cat: 1, dog: 1 });
      await putClasses(join(folder, 'two/test'), { cat: 1, cow: 1 });
      await putClasses(join(folder, 'two/val'), { cat: 1 });
      const list = (): unknown => listImages(join(folder, 'two'));
      expect(list).toThrow(`"${join(folder, 'two/test/cow')}" has no counterpart in train`);
      expect(list).toThrow(`class "dog" has no image in ${join(folder, 'two/test')}`);
      expect(list).toThrow('"val" lies beside train and test');
    }));
});

describe('openFolder', () => {
  it('splits a test part off, the same part of each class', () =>
    inTempFolder(async (folder) => {
      await putClasses(folder, { cat: 10, dog: 5 });
      const source = open(folder);
      expect([...source.labels.train]).toEqual([...Array<number>(8).fill(0), ...Array<number>(4).fill(1)]);
      expect([...source.labels.test]).toEqual([0, 0, 1]);
      const grays = await readGrays(source);
      expect([...grays.train, ...grays.test].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, index) => index));
      expect(grays.train.toSorted((a, b) => a - b)).toEqual(grays.train);
      expect(await readGrays(open(folder))).toEqual(grays);
      expect(await readGrays(open(folder, { seed: 2 }))).not.toEqual(grays);
    }));

  it('takes the test part that there is', () =>
    inTempFolder(async (folder) => {
      await putClasses(join(folder, 'train'), { cat: 2, dog: 2 });
      await putClasses(join(folder, 'test'), { cat: 1, dog: 1 }, 100);
      expect(await readGrays(open(folder))).toEqual({ train: [0, 1, 2, 3], test: [100, 101] });
    }));

  it('has another digest for other images, classes and parts, not for other paths', () =>
    inTempFolder(async (folder) => {
      const digestOf = async (name: string, options = {}): Promise<string> => {
        const source = open(join(folder, name), options);
        for await (const batch of source.batches([[2, 2]])) expect(batch.count).toBeGreaterThan(0);
        return source.digest();
      };
      await putClasses(join(folder, 'a'), { cat: 5, dog: 5 });
      await putClasses(join(folder, 'b'), { cat: 5, dog: 5 });
      await putClasses(join(folder, 'c'), { cat: 5, cow: 5 });
      await putClasses(join(folder, 'd'), { cat: 5, dog: 5 }, 1);
      const digest = await digestOf('a');
      expect(await digestOf('b')).toBe(digest);
      const others = [await digestOf('c'), await digestOf('d'), await digestOf('a', { seed: 9 }), await digestOf('a', { testSplit: 0.5 })];
      expect(new Set([digest, ...others]).size).toBe(5);
    }));

  it('names every image that cannot be read', () =>
    inTempFolder(async (folder) => {
      await putClasses(folder, { cat: 12, dog: 12 });
      put(join(folder, 'cat/3.png'), 'no picture');
      put(join(folder, 'dog/9.png'), (await gray(3)).subarray(0, 60));
      const call = readGrays(open(folder));
      await expect(call).rejects.toThrow('2 of the images cannot be read; mend or remove:');
      await expect(call).rejects.toThrow(`${join(folder, 'cat/3.png')}: Input buffer contains unsupported image format`);
      await expect(call).rejects.toThrow(`${join(folder, 'dog/9.png')}: `);
    }));

  it('names an image that went away', () =>
    inTempFolder(async (folder) => {
      await putClasses(folder, { cat: 3, dog: 3 });
      const source = open(folder);
      rmSync(join(folder, 'dog/1.png'));
      await expect(readGrays(source)).rejects.toThrow(/dog\/1\.png: ENOENT/);
    }));

  it('cannot keep a test part where every class has one image', () =>
    inTempFolder(async (folder) => {
      await putClasses(folder, { cat: 1, dog: 1 });
      expect(() => open(folder)).toThrow('no class has two images');
    }));
});
