import { describe, expect, it } from '@jest/globals';
import {
  addConfidence,
  binOf,
  calibrationBins,
  calibrationTable,
  emptyCalibration,
  expectedCalibrationError,
} from './calibration.ts';

function tallyOf(images: readonly (readonly [number, boolean])[]): ReturnType<typeof emptyCalibration> {
  const tally = emptyCalibration();
  for (const [confidence, correct] of images) addConfidence(tally, confidence, correct);
  return tally;
}

describe('binOf', () => {
  it.each([
    [0, 0],
    [0.01, 0],
    [1 / 15, 0],
    [0.07, 1],
    [0.5, 7],
    [0.94, 14],
    [1, 14],
  ])('puts a confidence of %p into bin %p', (confidence, bin) => {
    expect(binOf(confidence)).toBe(bin);
  });
});

describe('calibration', () => {
  it('has a row a bin, zeros where there are no images', () => {
    const table = calibrationTable(
      tallyOf([
        [0.5, true],
        [0.52, false],
        [1, true],
      ]),
    );
    expect(table).toHaveLength(calibrationBins);
    expect(table[7]).toEqual([2, 0.51, 0.5]);
    expect(table[14]).toEqual([1, 1, 1]);
    expect(table.filter(([images]) => images > 0)).toHaveLength(2);
    expect(table[0]).toEqual([0, 0, 0]);
  });

  it('has the expected error, worked by hand', () => {
    // Bin 7: two images, confidence 0.51, accuracy 0.5; bin 14: two images, confidence 0.98, accuracy 0.5.
    const tally = tallyOf([
      [0.5, true],
      [0.52, false],
      [0.97, false],
      [0.99, true],
    ]);
    expect(expectedCalibrationError(tally)).toBeCloseTo(0.5 * 0.01 + 0.5 * 0.48, 12);
  });

  it('is 0 for a model that is right as often as it says, and for no images', () => {
    const honest = tallyOf(Array.from({ length: 10 }, (_, index) => [0.7, index < 7] as const));
    expect(expectedCalibrationError(honest)).toBeCloseTo(0, 12);
    expect(expectedCalibrationError(emptyCalibration())).toBe(0);
  });
});
