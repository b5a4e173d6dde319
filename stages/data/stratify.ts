// Stratified, seeded splits: every class gives the same part of its images, whatever the order of the others.

import { permutation, randomOf } from '../random/random.ts';

/**
 * Marks (1) the images that are held out. Of a class with n images these are round(fraction·n), but at least 1 and at most n−1 where n ≥ 2, and none
 * where n = 1. Which ones depends on the seed, the purpose and the order within the class alone.
 *
 * @param labels - the class of each image
 * @param fraction - in (0, 1)
 * @param purpose - names the random stream: "val", "test"
 */
export function holdOut(labels: Uint16Array, fraction: number, seed: number, purpose: string): Uint8Array {
  const held = new Uint8Array(labels.length);
  for (const [label, members] of membersOf(labels)) {
    const order = permutation(members.length, randomOf(seed, 'split', purpose, label));
    for (const index of order.subarray(0, heldOutOf(members.length, fraction))) held[members[index]!] = 1;
  }
  return held;
}

/** How many of n images of a class are held out. */
export function heldOutOf(count: number, fraction: number): number {
  if (count < 2) return 0;
  return Math.min(count - 1, Math.max(1, Math.round(fraction * count)));
}

/** Indices of the images of each class. */
function membersOf(labels: Uint16Array): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (const [index, label] of labels.entries()) {
    const known = members.get(label);
    if (known === undefined) members.set(label, [index]);
    else known.push(index);
  }
  return members;
}
