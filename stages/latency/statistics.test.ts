import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { quantile } from './statistics.ts';

describe('quantile', () => {
  it.each([
    [[7], 0.95, 7],
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 3, 2], 0.5, 2.5],
    [[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 0.95, 9.55],
    [[5, 1], 0, 1],
    [[5, 1], 1, 5],
    [[100, 20, 3], 0.5, 20],
  ])('of %j at %p is %p', (sample, fraction, expected) => {
    expect(quantile(sample, fraction)).toBeCloseTo(expected, 12);
  });

  it('has the asked part of the sample at or below it', () => {
    const samples = fc.array(fc.double({ min: 0, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(samples, fc.double({ min: 0, max: 1, noNaN: true }), (sample, fraction) => {
        const value = quantile(sample, fraction);
        expect(sample.filter((item) => item <= value).length).toBeGreaterThanOrEqual(
          Math.floor(fraction * (sample.length - 1)) + 1,
        );
        expect(sample.filter((item) => item >= value).length).toBeGreaterThanOrEqual(
          Math.floor((1 - fraction) * (sample.length - 1)),
        );
      }),
    );
  });

  it('leaves the sample in its order', () => {
    const sample = [3, 1, 2];
    quantile(sample, 0.5);
    expect(sample).toEqual([3, 1, 2]);
  });

  it('is not defined for nothing', () => {
    expect(() => quantile([], 0.5)).toThrow('empty sample');
  });
});
