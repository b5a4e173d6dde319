// The running total of a split: logits go in batch by batch, figures come out at the end. Memory is that of a confusion matrix and two numbers an
// image, however many classes there are. Pure: where logits come from is not its business.

import {
  addConfidence,
  calibrationTable,
  emptyCalibration,
  expectedCalibrationError,
  type CalibrationTally,
} from './calibration.ts';
import { confusionRows, macroMean, scoreClasses, type Confusion } from './class-scores.ts';
import { judgeRow } from './judgement.ts';
import type { ClassDetails, SplitFigures } from './result.ts';

export interface Tally {
  readonly confusion: Confusion;
  readonly calibration: CalibrationTally;
  /** Predicted class of each image, in order. */
  readonly predicted: Uint16Array;
  /** Softmax probability of the predicted class. */
  readonly confidence: Float64Array;
  images: number;
  /** Sum, in nats. */
  loss: number;
  top5: number;
}

/** @param images - how many images will come at most */
export function emptyTally(classes: number, images: number): Tally {
  return {
    confusion: { classes, counts: new Uint32Array(classes * classes) },
    calibration: emptyCalibration(),
    predicted: new Uint16Array(images),
    confidence: new Float64Array(images),
    images: 0,
    loss: 0,
    top5: 0,
  };
}

/** Adds the images whose logits are [labels.length, classes]. Throws a StageFailure for logits that are not finite. */
export function addLogits(tally: Tally, logits: Float32Array, labels: Uint16Array): void {
  const { classes, counts } = tally.confusion;
  if (logits.length !== labels.length * classes)
    throw new Error(`${logits.length} logits do not go with ${labels.length} labels of ${classes} classes`);
  if (tally.images + labels.length > tally.predicted.length) throw new Error('more images than the tally was made for');
  labels.forEach((truth, row) => {
    const { predicted, confidence, loss, higher } = judgeRow(logits, row * classes, classes, truth);
    counts[truth * classes + predicted]! += 1;
    addConfidence(tally.calibration, confidence, predicted === truth);
    tally.predicted[tally.images] = predicted;
    tally.confidence[tally.images] = confidence;
    tally.images += 1;
    tally.loss += loss;
    if (higher < 5) tally.top5 += 1;
  });
}

/** The figures of the images so far. Throws where there are none. */
export function figuresOf(tally: Tally): SplitFigures {
  const { images, confusion, calibration } = tally;
  if (images === 0) throw new Error('there are no figures of no images');
  const { support, precision, recall, f1, fpr } = scoreClasses(confusion);
  const correct = support.reduce((sum, _, index) => sum + confusion.counts[index * confusion.classes + index]!, 0);
  return {
    images,
    loss: tally.loss / images,
    accuracy: correct / images,
    top5: tally.top5 / images,
    precision: macroMean(precision, support),
    recall: macroMean(recall, support),
    f1: macroMean(f1, support),
    fpr: macroMean(fpr, support),
    ece: expectedCalibrationError(calibration),
  };
}

/** The details of the images so far, class by class. */
export function detailsOf({ confusion, calibration }: Tally): ClassDetails['splits']['val'] {
  const { precision, recall, f1, support } = scoreClasses(confusion);
  return {
    confusion: confusionRows(confusion),
    precision,
    recall,
    f1,
    support,
    calibration: calibrationTable(calibration),
  };
}
