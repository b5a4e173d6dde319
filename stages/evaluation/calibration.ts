// Whether a model's confidence can be believed: images grouped by confidence, and what became of them. Pure.

/** Number of bins of equal width over (0, 1]. */
export const calibrationBins = 15;

/** Sums over the images of each bin. */
export interface CalibrationTally {
  readonly images: Float64Array;
  readonly confidence: Float64Array;
  readonly correct: Float64Array;
}

export function emptyCalibration(): CalibrationTally {
  const column = (): Float64Array => new Float64Array(calibrationBins);
  return { images: column(), confidence: column(), correct: column() };
}

/** Bin m (from 0) holds confidences in (m/15, (m+1)/15], as in Guo et al. 2017. */
export function binOf(confidence: number): number {
  const bin = Math.ceil(confidence * calibrationBins) - 1;
  return Math.min(calibrationBins - 1, Math.max(0, bin));
}

/** Counts one image in. */
export function addConfidence(tally: CalibrationTally, confidence: number, correct: boolean): void {
  const bin = binOf(confidence);
  tally.images[bin]! += 1;
  tally.confidence[bin]! += confidence;
  if (correct) tally.correct[bin]! += 1;
}

/** Per bin: images, mean confidence, accuracy. An empty bin is [0, 0, 0]. */
export function calibrationTable(tally: CalibrationTally): readonly (readonly [number, number, number])[] {
  return Array.from(tally.images, (images, bin): readonly [number, number, number] =>
    images === 0 ? [0, 0, 0] : [images, tally.confidence[bin]! / images, tally.correct[bin]! / images],
  );
}

/** Expected calibration error: Σ images/n · |accuracy − mean confidence| over the bins (Guo et al. 2017, eq. 3). */
export function expectedCalibrationError(tally: CalibrationTally): number {
  const total = tally.images.reduce((sum, images) => sum + images, 0);
  const gap = tally.images.reduce((sum, _, bin) => sum + Math.abs(tally.correct[bin]! - tally.confidence[bin]!), 0);
  return total === 0 ? 0 : gap / total;
}
