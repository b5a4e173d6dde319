import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import sharp from 'sharp';
import { temporaryFolder } from './fixture.ts';
import { choosePreview, pictureName, writePicture } from './preview.ts';

describe('choosePreview', () => {
  const size = { images: 12, ofEach: 3 };

  it('has right and wrong ones wherever there are such, and never more or less than it should', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (correct) => {
        const chosen = choosePreview(correct, size);
        expect(chosen).toHaveLength(Math.min(12, correct.length));
        expect(new Set(chosen).size).toBe(chosen.length);
        for (const kind of [true, false]) {
          const available = correct.filter((value) => value === kind).length;
          expect(chosen.filter((index) => correct[index] === kind).length).toBeGreaterThanOrEqual(
            Math.min(3, available),
          );
        }
      }),
    );
  });

  it('shows the same images for models that err enough', () => {
    const first = choosePreview(
      Array.from({ length: 500 }, (_, index) => index % 2 === 0),
      size,
    );
    const second = choosePreview(
      Array.from({ length: 500 }, (_, index) => index % 2 === 1),
      size,
    );
    expect(second).toEqual(first);
    expect(
      choosePreview(
        Array.from({ length: 500 }, () => true),
        size,
      ),
    ).toEqual(first);
  });

  it('exchanges the fewest images for the wrong ones of a model that is nearly always right', () => {
    const always = Array.from({ length: 500 }, () => true);
    const usual = choosePreview(always, size);
    const errors = [0, 1, 2, 3, 4, 5, 6, 7].filter((index) => !usual.includes(index)).slice(0, 5);
    const chosen = choosePreview(
      always.map((_, index) => !errors.includes(index)),
      size,
    );
    expect(chosen.filter((index) => errors.includes(index))).toHaveLength(3);
    expect(chosen.filter((index) => usual.includes(index))).toEqual(usual.slice(0, 9));
  });
});

describe('writePicture', () => {
  it('enlarges colour images by a whole factor, pixel by pixel', async () => {
    const file = join(temporaryFolder(), pictureName(0));
    const pixels = Uint8Array.from([255, 0, 0, 0, 255, 0]);
    await writePicture(pixels, [1, 2, 3], file);
    const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 128, height: 64, channels: 3 });
    const at = (x: number, y: number): number[] => [...data.subarray((y * 128 + x) * 3, (y * 128 + x) * 3 + 3)];
    expect([at(0, 0), at(63, 63), at(64, 0), at(127, 63)]).toEqual([
      [255, 0, 0],
      [255, 0, 0],
      [0, 255, 0],
      [0, 255, 0],
    ]);
  });

  it('writes grayscale images as such', async () => {
    const file = join(temporaryFolder(), pictureName(11));
    await writePicture(
      Uint8Array.from({ length: 32 * 32 }, (_, index) => index % 256),
      [32, 32, 1],
      file,
    );
    expect(await sharp(file).metadata()).toMatchObject({ width: 128, height: 128, channels: 1, format: 'png' });
    const { data } = await sharp(file).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
    expect([data[0], data[4], data[4 * 31]]).toEqual([0, 1, 31]);
  });

  it('leaves large images as they are', async () => {
    const file = join(temporaryFolder(), 'large.png');
    await writePicture(new Uint8Array(100 * 90 * 3), [100, 90, 3], file);
    expect(await sharp(file).metadata()).toMatchObject({ width: 90, height: 100 });
  });
});

describe('pictureName', () => {
  it('sorts', () => {
    expect([pictureName(0), pictureName(9)]).toEqual(['01.png', '10.png']);
  });
});
