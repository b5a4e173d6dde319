// Turns a picture file into uint8 pixels of a given size, by sharp. Whatever the file has – a palette, CMYK, 16 bits, one channel, transparency, several
// frames, a rotation in its EXIF data – comes out as upright sRGB with three channels of 8 bits.

import sharp from 'sharp';
import type { Pair } from '../config/definition.ts';

// Nothing is decoded twice, so that libvips's cache would only hold memory; and several pictures are decoded side by side instead of one by several threads.
sharp.cache(false);
sharp.concurrency(1);

/**
 * Decodes one picture: upright by EXIF, its first frame, transparency over white, scaled (Lanczos 3) until it covers the size and cropped to its
 * centre. Returns [height, width, 3]. Fails with sharp's error where the file is damaged or no picture.
 */
export async function decodeImage(file: Uint8Array, [height, width]: Pair): Promise<Uint8Array> {
  const { data, info } = await sharp(file, { failOn: 'warning' })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .resize({ width, height, fit: 'cover', position: 'centre' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels === 3 && data.length === height * width * 3) return data;
  throw new Error(`it decodes to ${info.channels} channels`);
}
