// The embedded data set: 100 procedural classes in CIFAR-100's binary format, so that the pipeline runs without a download. The same seed gives the
// same bytes on every machine. Knows nothing of the files that it goes to.

import { randomOf } from '../random/random.ts';
import { recordBytes } from './cifar-format.ts';
import { classesPerSuperclass, nameClass, syntheticClasses } from './synthetic-classes.ts';
import { drawImage } from './synthetic-draw.ts';

/** Names in the order of the fine labels. */
export const syntheticNames: readonly string[] = syntheticClasses.map(nameClass);

/**
 * The records of one file, in chunks of one image of each class (so that any first part of the file is balanced).
 * A chunk is only valid until the next one is asked for.
 *
 * @param perClass - images of each class
 */
export function* drawRecords(seed: number, file: 'train' | 'test', perClass: number): Generator<Uint8Array> {
  const size = recordBytes(2);
  const chunk = new Uint8Array(size * syntheticClasses.length);
  for (let image = 0; image < perClass; image++) {
    for (const [label, kind] of syntheticClasses.entries()) {
      const start = label * size;
      chunk[start] = Math.floor(label / classesPerSuperclass);
      chunk[start + 1] = label;
      drawImage(kind, randomOf(seed, 'synthetic', file, label, image), chunk.subarray(start + 2, start + size));
    }
    yield chunk;
  }
}
