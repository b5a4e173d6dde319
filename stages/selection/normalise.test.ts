import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { normalise } from './normalise.ts';
import type { Direction, Normalisation } from './ranking.ts';

describe('normalise', () => {
  const cases: readonly (readonly [string, Normalisation, Direction, readonly number[], readonly number[]])[] = [
    ['the original, maximised: v / max', 'ratio', 'maximize', [0.2, 0.4, 0.1], [0.5, 1, 0.25]],
    ['the original, minimised: min / v', 'ratio', 'minimize', [100, 400, 200], [1, 0.25, 0.5]],
    ['a minimised 0 is best, and leaves 0 for the others', 'ratio', 'minimize', [0, 3, 5], [1, 0, 0]],
    ['a maximised 0 gets 0', 'ratio', 'maximize', [0, 2], [0, 1]],
    ['nothing above 0 to maximise', 'ratio', 'maximize', [-2, 0, -1], [0, 1, 0]],
    ['negative figures, maximised', 'ratio', 'maximize', [-2, -1, -4], [0.5, 1, 0.25]],
    ['negative figures, minimised', 'ratio', 'minimize', [-2, -1, -4], [0.5, 0.25, 1]],
    ['figures of both signs, maximised', 'ratio', 'maximize', [-1, 2, 4], [0, 0.5, 1]],
    ['figures of both signs, minimised', 'ratio', 'minimize', [-1, 2, -4], [0.25, 0, 1]],
    ['min-max, maximised', 'min-max', 'maximize', [1, 3, 2], [0, 1, 0.5]],
    ['min-max, minimised', 'min-max', 'minimize', [1, 3, 2], [1, 0, 0.5]],
    ['min-max with zeros and signs', 'min-max', 'maximize', [-1, 0, 1], [0, 0.5, 1]],
    ['rank, maximised', 'rank', 'maximize', [10, 1000, 20], [0, 1, 0.5]],
    ['rank, minimised', 'rank', 'minimize', [10, 1000, 20], [1, 0, 0.5]],
    ['rank, a tie at the top shares ranks 1 and 2', 'rank', 'maximize', [5, 5, 1], [0.75, 0.75, 0]],
    ['rank, a tie in the middle', 'rank', 'minimize', [1, 2, 2, 3], [1, 0.5, 0.5, 0]],
  ];
  it.each(cases)('%s', (_, normalisation, direction, values, expected) => {
    expect(normalise(values, direction, normalisation)).toEqual(expected);
  });

  it.each(['ratio', 'min-max', 'rank'] as const)(
    '%s gives 1 to a single model, to equal figures and to zeros',
    (way) => {
      for (const direction of ['minimize', 'maximize'] as const) {
        expect(normalise([3], direction, way)).toEqual([1]);
        expect(normalise([7, 7, 7], direction, way)).toEqual([1, 1, 1]);
        expect(normalise([0, 0], direction, way)).toEqual([1, 1]);
        expect(normalise([], direction, way)).toEqual([]);
      }
    },
  );

  it('stays in [0, 1], keeps the order, and treats equal figures alike', () => {
    const figure = fc.oneof(fc.constantFrom(0, 1, -1), fc.double({ min: -1e9, max: 1e9, noNaN: true }));
    const way = fc.constantFrom<Normalisation>('ratio', 'min-max', 'rank');
    const direction = fc.constantFrom<Direction>('minimize', 'maximize');
    fc.assert(
      fc.property(
        fc.array(figure, { minLength: 1, maxLength: 8 }),
        direction,
        way,
        (values, towards, normalisation) => {
          const result = normalise(values, towards, normalisation);
          const best = towards === 'maximize' ? Math.max(...values) : Math.min(...values);
          for (const [index, value] of values.entries()) {
            expect(result[index]).toBeGreaterThanOrEqual(0);
            expect(result[index]).toBeLessThanOrEqual(1);
            if (value === best && normalisation !== 'rank') expect(result[index]).toBe(1);
            for (const [other, rival] of values.entries()) {
              const better = towards === 'maximize' ? value > rival : value < rival;
              if (better) expect(result[index]).toBeGreaterThanOrEqual(result[other]!);
              if (value === rival) expect(result[index]).toBe(result[other]);
            }
          }
        },
      ),
    );
  });
});
