import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { overlaps } from '../core/path.ts';
import { Places } from './places.ts';

const place = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
  .map((names) => `/${names.join('/')}`);

describe('Places', () => {
  it('takes what overlaps, once, and leaves the rest', () => {
    fc.assert(
      fc.property(fc.array(place), fc.array(place), (added, changed) => {
        const places = new Places();
        const left = new Map(added.map((path, index) => [`${index}`, path]));
        for (const [key, path] of left) places.add(path, key);
        for (const path of changed) {
          const expected = [...left].filter(([, other]) => overlaps(other, path)).map(([key]) => key);
          expect(places.take(path).sort()).toEqual(expected.sort());
          for (const key of expected) left.delete(key);
        }
      }),
    );
  });
});
