import { describe, expect, it } from '@jest/globals';
import { heldOutOf, holdOut } from './stratify.ts';

/** Held-out images by class. */
function countHeld(labels: Uint16Array, held: Uint8Array): readonly number[] {
  const counts = Array.from({ length: Math.max(...labels) + 1 }, () => 0);
  for (const [index, label] of labels.entries()) counts[label]! += held[index]!;
  return counts;
}

const labels = Uint16Array.from([0, 1, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 3, 3]);

describe('heldOutOf', () => {
  it.each([
    [10, 0.2, 2],
    [13, 0.2, 3],
    [12, 0.2, 2],
    [1, 0.9, 0],
    [2, 0.01, 1],
    [2, 0.99, 1],
    [5, 0.99, 4],
    [0, 0.5, 0],
  ])('of %i images at %f: %i', (count, fraction, expected) => expect(heldOutOf(count, fraction)).toBe(expected));
});

describe('holdOut', () => {
  it('takes the same part of each class', () => {
    expect(countHeld(labels, holdOut(labels, 0.4, 1, 'val'))).toEqual([4, 2, 0, 1]);
  });

  it('depends on the seed and the purpose alone', () => {
    const draw = (seed: number, purpose: string): string => holdOut(labels, 0.4, seed, purpose).join('');
    expect(draw(1, 'val')).toBe(draw(1, 'val'));
    expect(new Set([draw(1, 'val'), draw(2, 'val'), draw(1, 'test')]).size).toBe(3);
  });

  it('does not change in a class when another one grows', () => {
    const grown = Uint16Array.from([...labels, 4, 4, 4, 2]);
    const before = holdOut(labels, 0.4, 1, 'val');
    const after = holdOut(grown, 0.4, 1, 'val');
    for (const [index, label] of labels.entries()) if (label !== 2) expect(after[index]).toBe(before[index]);
  });

  it('gives every image the same chance', () => {
    const many = new Uint16Array(10);
    const times = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 1000; seed++) for (const [index, held] of holdOut(many, 0.3, seed, 'val').entries()) times[index]! += held;
    // 300 expected, standard deviation 14.5
    for (const count of times) expect(Math.abs(count - 300)).toBeLessThan(75);
  });
});
