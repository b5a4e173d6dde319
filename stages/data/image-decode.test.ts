import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { describe, expect, it } from '@jest/globals';
import { decodeImage } from './image-decode.ts';

type Rgb = readonly [number, number, number];

/** Left half one colour, right half another. */
function halves(left: Rgb, right: Rgb, width = 40, height = 20): Sharp {
  const pixels = Buffer.alloc(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++)
    for (const channel of [0, 1, 2] as const) pixels[pixel * 3 + channel] = (pixel % width < width / 2 ? left : right)[channel];
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** Asserts on one pixel, give or take what JPEG and colour conversion do. */
function expectPixel(image: Uint8Array, width: number, [x, y]: readonly [number, number], colour: Rgb, slack = 4): void {
  const at = (y * width + x) * 3;
  const actual = [...image.subarray(at, at + 3)];
  const far = actual.some((value, channel) => Math.abs(value - colour[channel]!) > slack);
  if (far) expect(actual).toEqual(colour);
}

const red: Rgb = [220, 30, 40];
const blue: Rgb = [20, 60, 200];

describe('decodeImage', () => {
  it('crops to the centre what has another shape', async () => {
    // 40×20 covers 10×10 as 20×10, of which the columns 5–14 remain: the border of the halves lies in the middle.
    const image = await decodeImage(await halves(red, blue).png().toBuffer(), [10, 10]);
    expect(image.length).toBe(300);
    expectPixel(image, 10, [0, 5], red);
    expectPixel(image, 10, [3, 0], red);
    expectPixel(image, 10, [6, 9], blue);
    expectPixel(image, 10, [9, 5], blue);
  });

  it('takes height and width in this order', async () => {
    const image = await decodeImage(await halves(red, blue).jpeg({ quality: 95 }).toBuffer(), [8, 16]);
    expect(image.length).toBe(8 * 16 * 3);
    expectPixel(image, 16, [1, 7], red, 8);
    expectPixel(image, 16, [14, 0], blue, 8);
  });

  it('stands upright by its EXIF orientation', async () => {
    // Orientation 6: shown turned by 90° clockwise, so that what is stored on the left is on top.
    const file = await halves(red, blue).jpeg({ quality: 95 }).withMetadata({ orientation: 6 }).toBuffer();
    const image = await decodeImage(file, [20, 10]);
    expectPixel(image, 10, [5, 2], red, 8);
    expectPixel(image, 10, [5, 17], blue, 8);
  });

  it('lays what is transparent over white', async () => {
    const file = await sharp({ create: { width: 8, height: 8, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } } }).png().toBuffer();
    expectPixel(await decodeImage(file, [8, 8]), 8, [4, 4], [255, 127, 127], 2);
  });

  it('scales 16 bits to 8', async () => {
    const wide = Uint16Array.from({ length: 8 * 8 * 3 }, (_, index) => [65_535, 32_896, 257][index % 3]!);
    const file = await sharp(wide, { raw: { width: 8, height: 8, channels: 3 } }).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(file).metadata()).depth).toBe('ushort');
    expectPixel(await decodeImage(file, [4, 4]), 4, [1, 1], [255, 128, 1], 1);
  });

  it('makes three channels of one, also of 16 bits with transparency', async () => {
    const gray = await halves([90, 90, 90], [200, 200, 200]).toColourspace('b-w').png().toBuffer();
    expect((await sharp(gray).metadata()).channels).toBe(1);
    expectPixel(await decodeImage(gray, [20, 40]), 40, [2, 2], [90, 90, 90], 1);
    const deep = await sharp(gray).ensureAlpha(0.5).toColourspace('grey16').png().toBuffer();
    expectPixel(await decodeImage(deep, [20, 40]), 40, [2, 2], [172, 172, 172], 2);
  });

  it('converts CMYK', async () => {
    const file = await halves(red, blue).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(file).metadata()).space).toBe('cmyk');
    const image = await decodeImage(file, [20, 40]);
    expect(image[0]!).toBeGreaterThan(image[2]! + 80);
    expect(image[39 * 3 + 2]!).toBeGreaterThan(image[39 * 3]! + 80);
  });

  it('takes the first frame of an animation', async () => {
    const frames = Buffer.concat([Buffer.alloc(8 * 8 * 3, 250), Buffer.alloc(8 * 8 * 3, 10)]);
    const input = { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } } as const;
    for (const file of [await sharp(frames, input).gif().toBuffer(), await sharp(frames, input).webp({ lossless: true }).toBuffer()]) {
      expect((await sharp(file).metadata()).pages).toBe(2);
      expectPixel(await decodeImage(file, [8, 8]), 8, [4, 4], [250, 250, 250]);
    }
  });

  it('fails on what is cut off or no picture', async () => {
    const file = await halves(red, blue, 200, 200).jpeg().toBuffer();
    await expect(decodeImage(file.subarray(0, file.length / 2), [8, 8])).rejects.toThrow();
    const png = await halves(red, blue, 200, 200).png({ compressionLevel: 0 }).toBuffer();
    await expect(decodeImage(png.subarray(0, png.length / 2), [8, 8])).rejects.toThrow();
    await expect(decodeImage(Buffer.from('hello'), [8, 8])).rejects.toThrow('unsupported image format');
    await expect(decodeImage(new Uint8Array(0), [8, 8])).rejects.toThrow();
  });
});
