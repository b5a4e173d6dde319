import { describe, expect, it } from '@jest/globals';

import type { Augmentation } from '../config/definition.ts';
import { createAugmenter } from './augment.ts';

const none: Augmentation = { flip: false, padCrop: 0, cutout: 0 };
type Shape = readonly [number, number, number];

function variants(settings: Augmentation, shape: Shape, image: readonly number[], count = 400): string[] {
  const { augment } = createAugmenter(settings, shape, [9, 8, 7], 77);
  return Array.from({ length: count }, (_, index) => {
    const target = new Float32Array(image.length);
    augment(Uint8Array.from(image), target, 1, index);
    return target.join(' ');
  });
}
const tally = (all: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
};

describe('augmentation', () => {
  // Two rows of two pixels with two channels.
  const image = [1, 2, 3, 4, 5, 6, 7, 8];

  it('changes nothing where none is asked for', () => {
    expect(new Set(variants(none, [2, 2, 2], image))).toEqual(new Set([image.join(' ')]));
  });

  it('flips left and right, channels together, half of the time', () => {
    const counts = tally(variants({ ...none, flip: true }, [2, 2, 2], image));
    expect([...counts.keys()].sort()).toEqual(['1 2 3 4 5 6 7 8', '3 4 1 2 7 8 5 6']);
    for (const count of counts.values()) expect(count).toBeGreaterThan(150);
  });

  it('crops at every place of the padded image, black beyond the border', () => {
    const rows = [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ];
    const counts = tally(variants({ ...none, padCrop: 1 }, [3, 3, 1], rows.flat()));
    const shifted = [-1, 0, 1].flatMap((down) =>
      [-1, 0, 1].map((right) =>
        [0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => rows[y + down]?.[x + right] ?? 0)).join(' '),
      ),
    );
    expect([...counts.keys()].sort()).toEqual(shifted.sort());
  });

  it('crops a flipped image like any other', () => {
    const all = new Set(variants({ ...none, flip: true, padCrop: 1 }, [1, 3, 1], [1, 2, 3]));
    expect(all).toEqual(new Set(['1 2 3', '0 1 2', '2 3 0', '3 2 1', '2 1 0', '0 3 2', '0 0 0']));
  });

  it('cuts a square of the mean colour out, at any pixel, clipped at the border', () => {
    const counts = tally(variants({ ...none, cutout: 1 }, [2, 2, 2], image));
    const fill = (pixel: number): string =>
      image.map((value, at) => (at >> 1 === pixel ? 9 - (at % 2) : value)).join(' ');
    expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3].map(fill).sort());
    const sizes = variants({ ...none, cutout: 2 }, [4, 4, 1], Array<number>(16).fill(1)).map(
      (result) => result.split(' ').filter((value) => value === '9').length,
    );
    expect(new Set(sizes)).toEqual(new Set([1, 2, 4]));
  });

  it('draws by seed, epoch and image, whatever came before', () => {
    const settings = { flip: true, padCrop: 4, cutout: 3 };
    const pixels = Uint8Array.from({ length: 300 }, (_, index) => index % 251);
    const draw = (seed: number, epoch: number, index: number): string => {
      const target = new Float32Array(300);
      createAugmenter(settings, [10, 10, 3], [1, 2, 3], seed).augment(pixels, target, epoch, index);
      return target.join(' ');
    };
    expect(draw(1, 2, 3)).toBe(draw(1, 2, 3));
    expect(new Set([draw(1, 2, 3), draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)]).size).toBe(4);
    expect(pixels[250]).toBe(250);
  });
});
