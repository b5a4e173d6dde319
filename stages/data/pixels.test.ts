import { describe, expect, it } from '@jest/globals';
import type { Pair } from '../config/definition.ts';
import { makeResize, toGrayscale } from './pixels.ts';

/** Resizes an image that is given as one channel; the three channels get multiples of it, and all must come out alike. */
function resizeRows(rows: readonly (readonly number[])[], to: Pair): readonly (readonly number[])[] {
  const flat = rows.flat().flatMap((value) => [value, 0, 255 - value]);
  const pixels = Uint8Array.from([...flat, ...flat]);
  const result = makeResize([rows.length, rows[0]!.length], to)(pixels, 2);
  const size = to[0] * to[1] * 3;
  expect(result.length).toBe(2 * size);
  expect(result.subarray(0, size)).toEqual(result.subarray(size));
  for (let at = 0; at < size; at += 3) expect([result[at + 1], Math.abs(result[at]! + result[at + 2]! - 255) <= 1]).toEqual([0, true]);
  return Array.from({ length: to[0] }, (_, y) => Array.from({ length: to[1] }, (__, x) => result[(y * to[1] + x) * 3]!));
}

describe('toGrayscale', () => {
  it('is the luma of BT.601, rounded', () => {
    // 0.299·255 = 76.245, 0.587·255 = 149.685, 0.114·255 = 29.07; 0.299·10 + 0.587·20 + 0.114·30 = 18.15; 0.299·5 + 0.114·0 + 0.587·0 = 1.495
    const pixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 255, 255, 255, 0, 0, 0, 5, 0, 0];
    expect([...toGrayscale(Uint8Array.from(pixels))]).toEqual([76, 150, 29, 18, 255, 0, 1]);
  });
});

describe('makeResize', () => {
  it('leaves an image of the right size alone', () => {
    expect(resizeRows([[1, 2], [3, 4]], [2, 2])).toEqual([[1, 2], [3, 4]]);
  });

  it('halves by the mean of four', () => {
    const image = [
      [10, 20, 0, 0],
      [30, 40, 0, 2],
      [255, 255, 8, 8],
      [255, 255, 8, 8],
    ];
    // (10+20+30+40)/4 = 25; (0+0+0+2)/4 = 0.5, which rounds up
    expect(resizeRows(image, [2, 2])).toEqual([[25, 1], [255, 8]]);
  });

  it('counts partly covered pixels in proportion', () => {
    // 3 → 2: [0, 1.5) and [1.5, 3): (a + b/2)/1.5 and (b/2 + c)/1.5
    expect(resizeRows([[30, 60, 90]], [1, 2])).toEqual([[40, 80]]);
    // 5 → 2: (10 + 20 + 30/2)/2.5 = 18; (30/2 + 40 + 50)/2.5 = 42
    expect(resizeRows([[10], [20], [30], [40], [50]], [2, 1])).toEqual([[18], [42]]);
  });

  it('enlarges by linear interpolation between pixel centres, the edge repeated', () => {
    // 2 → 4: centres at −0.25, 0.25, 0.75, 1.25
    expect(resizeRows([[0, 100]], [1, 4])).toEqual([[0, 25, 75, 100]]);
    // 2 → 3: centres at −1/6, 0.5, 7/6
    expect(resizeRows([[0], [100]], [3, 1])).toEqual([[0], [50], [100]]);
    expect(resizeRows([[0, 100], [200, 100]], [3, 3])).toEqual([[0, 50, 100], [100, 100, 100], [200, 150, 100]]);
    expect(resizeRows([[7]], [2, 3])).toEqual([[7, 7, 7], [7, 7, 7]]);
  });

  it('treats each axis on its own', () => {
    expect(resizeRows([[0, 100], [50, 150]], [1, 4])).toEqual([[25, 50, 100, 125]]);
  });

  it('keeps a plain image plain at any size', () => {
    for (const side of [1, 7, 24, 31, 33, 48, 100]) {
      const result = makeResize([32, 32], [side, side])(new Uint8Array(32 * 32 * 3).fill(200), 1);
      expect(result.every((value) => value === 200)).toBe(true);
    }
  });
});
