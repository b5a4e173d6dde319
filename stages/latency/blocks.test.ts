import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { packBlocks } from './blocks.ts';

const pack = (sizes: readonly number[], limit: number): number[][] => packBlocks(sizes, (size) => size, limit);

describe('packBlocks', () => {
  it.each([
    [[], 10, []],
    [[4, 6], 10, [[4, 6]]],
    [[4, 7, 3, 1], 10, [[4], [7, 3], [1]]],
    [[50, 1], 10, [[50], [1]]],
    [[1, 50, 1], 10, [[1], [50], [1]]],
  ])('packs %j into %p as %j', (sizes, limit, expected) => {
    expect(pack(sizes, limit)).toEqual(expected);
  });

  it('keeps all items in order, and no block above the limit unless it is one item', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 })), fc.integer({ min: 1, max: 40 }), (sizes, limit) => {
        const blocks = pack(sizes, limit);
        expect(blocks.flat()).toEqual(sizes);
        for (const block of blocks)
          expect(block.length === 1 || block.reduce((sum, size) => sum + size, 0) <= limit).toBe(true);
      }),
    );
  });
});
