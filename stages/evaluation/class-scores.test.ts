import { describe, expect, it } from '@jest/globals';
import { confusionRows, macroMean, scoreClasses } from './class-scores.ts';

const confusionOf = (rows: readonly (readonly number[])[]): Parameters<typeof scoreClasses>[0] => ({
  classes: rows.length,
  counts: Uint32Array.from(rows.flat()),
});

describe('scoreClasses', () => {
  it('agrees with an example worked by hand', () => {
    const scores = scoreClasses(
      confusionOf([
        [4, 1, 0],
        [2, 3, 1],
        [0, 0, 9],
      ]),
    );
    expect(scores).toEqual({
      support: [5, 6, 9],
      precision: [4 / 6, 3 / 4, 9 / 10],
      recall: [4 / 5, 3 / 6, 9 / 9],
      f1: [8 / 11, 6 / 10, 18 / 19],
      fpr: [2 / 15, 1 / 14, 1 / 11],
    });
  });

  it('takes 0/0 as 0: no images of a class, no guesses of it, nothing but one class', () => {
    expect(
      scoreClasses(
        confusionOf([
          [0, 0, 0],
          [0, 0, 2],
          [0, 0, 1],
        ]),
      ),
    ).toEqual({
      support: [0, 2, 1],
      precision: [0, 0, 1 / 3],
      recall: [0, 0, 1],
      f1: [0, 0, 0.5],
      fpr: [0, 0, 1],
    });
    expect(scoreClasses(confusionOf([[3]])).fpr).toEqual([0]);
  });
});

describe('macroMean', () => {
  it('leaves out classes without images', () => {
    expect(macroMean([0.5, 0.9, 1], [3, 0, 100])).toBe(0.75);
  });

  it('is 0 where no class has images', () => {
    expect(macroMean([0, 0], [0, 0])).toBe(0);
  });
});

describe('confusionRows', () => {
  it('has the true classes as rows', () => {
    expect(
      confusionRows(
        confusionOf([
          [1, 2],
          [3, 4],
        ]),
      ),
    ).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
});
