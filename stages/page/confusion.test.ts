import { describe, expect, it } from '@jest/globals';
import { findConfusedPairs, findExtremes, packMatrix } from './confusion.ts';

describe('packMatrix', () => {
  it('writes zeros before, and count, of every cell that is not 0', () => {
    const matrix = [
      [5, 0, 0],
      [0, 300, 0],
      [0, 0, 0],
    ];
    expect([...Buffer.from(packMatrix(matrix), 'base64')]).toEqual([0, 5, 3, (300 % 128) | 128, 2]);
  });
  it('is small for 100 classes', () => {
    const matrix = Array.from({ length: 100 }, (_, row) =>
      Array.from({ length: 100 }, (__, column) => ((row * 31 + column * 17) % 3 === 0 ? (row + column) % 40 : 0)),
    );
    expect(packMatrix(matrix).length).toBeLessThan(14_000);
  });
});

describe('findConfusedPairs', () => {
  const classes = ['cat', 'dog', 'fox'];
  const matrix = [
    [7, 3, 0],
    [1, 6, 3],
    [0, 0, 0],
  ];
  it('lists mistakes by count, then in class order, with their share of the true class', () => {
    expect(findConfusedPairs(matrix, classes, 9)).toEqual([
      { truth: 'cat', predicted: 'dog', count: 3, share: 0.3 },
      { truth: 'dog', predicted: 'fox', count: 3, share: 0.3 },
      { truth: 'dog', predicted: 'cat', count: 1, share: 0.1 },
    ]);
  });
  it('stops at the limit', () => expect(findConfusedPairs(matrix, classes, 1)).toHaveLength(1));
});

describe('findExtremes', () => {
  it('never lists a class twice, nor one without images', () => {
    const split = { f1: [0.5, 0.1, 0.9, 0], support: [1, 1, 1, 0] };
    expect(findExtremes(split, ['a', 'b', 'c', 'd'], 5)).toEqual({
      hardest: [{ name: 'b', f1: 0.1 }],
      easiest: [{ name: 'c', f1: 0.9 }],
    });
  });
});
