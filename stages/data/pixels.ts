// Arithmetic on interleaved uint8 pixels, [count, height, width, channels] in row-major order: grayscale and resizing. Exact and the same everywhere.

import type { Pair } from '../config/definition.ts';

// Bound once: a look-up of the global for every pixel is slow where the module runs in a sandbox.
const { ceil, floor, max, min } = Math;

/**
 * Luma of ITU-R BT.601, Y = 0.299 R + 0.587 G + 0.114 B, rounded to the nearest integer (in integer arithmetic).
 * @param pixels - red, green, blue, …
 */
export function toGrayscale(pixels: Uint8Array): Uint8Array {
  const gray = new Uint8Array(pixels.length / 3);
  for (let to = 0, from = 0; to < gray.length; to++, from += 3) {
    const luma = 299 * pixels[from]! + 587 * pixels[from + 1]! + 114 * pixels[from + 2]!;
    gray[to] = floor((luma + 500) / 1000);
  }
  return gray;
}

/** What one output position of an axis takes from the input. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * The taps of each output position of an axis. Smaller: the mean of the input interval that the output pixel covers (area, partly covered pixels in
 * proportion), so that nothing aliases. Larger: linear between the two nearest pixel centres, the edge repeated (half-pixel centres, as in
 * OpenCV's INTER_LINEAR and in TensorFlow's resize with `half_pixel_centers`).
 */
function tapsOf(from: number, to: number): readonly Taps[] {
  return Array.from({ length: to }, (_, index) => (to < from ? areaTaps(index, from, to) : linearTaps(index, from, to)));
}

function areaTaps(index: number, from: number, to: number): Taps {
  // In units of 1/to of an input pixel all ends are integers, so that the weights are exact quotients.
  const start = index * from;
  const end = start + from;
  const first = floor(start / to);
  const last = ceil(end / to);
  const weights = Array.from({ length: last - first }, (_, tap) => {
    const pixel = (first + tap) * to;
    return (min(end, pixel + to) - max(start, pixel)) / from;
  });
  return { first, weights };
}

function linearTaps(index: number, from: number, to: number): Taps {
  const centre = min(from - 1, max(0, ((2 * index + 1) * from - to) / (2 * to)));
  const first = min(floor(centre), max(0, from - 2));
  const part = centre - first;
  return { first, weights: part === 0 ? [1] : [1 - part, part] };
}

/** Resizes images of three channels. The result is valid until the next call. */
export type Resize = (pixels: Uint8Array, count: number) => Uint8Array;

/** A function that resizes images from one size to another, each axis on its own; sums are rounded to the nearest integer at the very end. */
export function makeResize(from: Pair, to: Pair): Resize {
  if (from[0] === to[0] && from[1] === to[1]) return (pixels) => pixels;
  const columns = tapsOf(from[1], to[1]);
  const rows = tapsOf(from[0], to[0]);
  const wide = new Float64Array(from[0] * to[1] * 3);
  let result = new Uint8Array(0);
  return (pixels, count) => {
    const size = to[0] * to[1] * 3;
    if (result.length < count * size) result = new Uint8Array(count * size);
    for (let image = 0; image < count; image++) {
      const start = image * from[0] * from[1] * 3;
      resizeColumns(pixels.subarray(start, start + from[0] * from[1] * 3), from, columns, wide);
      resizeRows(wide, rows, to[1] * 3, result.subarray(image * size, (image + 1) * size));
    }
    return result.subarray(0, count * size);
  };
}

function resizeColumns(pixels: Uint8Array, from: Pair, columns: readonly Taps[], wide: Float64Array): void {
  let to = 0;
  for (let row = 0; row < from[0]; row++) {
    for (const { first, weights } of columns) {
      const start = (row * from[1] + first) * 3;
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++) sum += weights[tap]! * pixels[start + tap * 3 + channel]!;
        wide[to++] = sum;
      }
    }
  }
}

function resizeRows(wide: Float64Array, rows: readonly Taps[], rowLength: number, target: Uint8Array): void {
  let to = 0;
  for (const { first, weights } of rows) {
    for (let column = 0; column < rowLength; column++) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap]! * wide[(first + tap) * rowLength + column]!;
      target[to++] = min(255, floor(sum + 0.5));
    }
  }
}
