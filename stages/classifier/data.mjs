// A data set on disk: labels (one byte each) and 8x8 images (float32, little-endian), with a manifest of their shapes.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** @param {{train: {images: Float32Array, labels: Uint8Array}, test: {images: Float32Array, labels: Uint8Array}, classes: number, pixels: number}} data */
export function writeData(folder, data) {
  mkdirSync(folder, { recursive: true });
  for (const part of ['train', 'test']) {
    writeFileSync(`${folder}/${part}-images.f32`, new Uint8Array(data[part].images.buffer));
    writeFileSync(`${folder}/${part}-labels.u8`, data[part].labels);
  }
  const { classes, pixels } = data;
  writeFileSync(
    `${folder}/manifest.json`,
    JSON.stringify({ classes, pixels, train: data.train.labels.length, test: data.test.labels.length }),
  );
}

export function readData(folder, part) {
  const { classes, pixels } = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8'));
  const bytes = readFileSync(`${folder}/${part}-images.f32`);
  const images = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return { images, labels: new Uint8Array(readFileSync(`${folder}/${part}-labels.u8`)), classes, pixels };
}
