// What one row of logits says of one image. Pure: knows neither models nor data sets.

import { StageFailure } from '../context/fail.ts';

/** A model's answer for one image, measured against the truth. */
export interface Judgement {
  /** Class with the highest logit; of equal ones the first. */
  readonly predicted: number;
  /** Softmax probability of the predicted class, in (0, 1]. */
  readonly confidence: number;
  /** Categorical cross-entropy, −ln softmax(truth), in nats. */
  readonly loss: number;
  /** Number of classes that score strictly higher than the true one: below k, the truth is among the top k. */
  readonly higher: number;
}

/**
 * Judges the logits `logits[start … start + classes)`.
 * The loss is (max − z_truth) + ln Σ exp(z − max), the log-sum-exp form, which neither overflows nor loses a small probability to rounding.
 * Throws a StageFailure for a logit that is not finite, an Error for a label outside [0, classes).
 */
export function judgeRow(logits: Float32Array, start: number, classes: number, truth: number): Judgement {
  if (!(truth >= 0 && truth < classes)) throw new Error(`label ${truth} is not one of ${classes} classes`);
  const own = logits[start + truth]!;
  let predicted = 0;
  let higher = 0;
  for (let index = 0; index < classes; index++) {
    const logit = logits[start + index]!;
    if (!Number.isFinite(logit)) throw new StageFailure(describeDivergence(logit, index));
    if (logit > logits[start + predicted]!) predicted = index;
    if (logit > own) higher++;
  }
  const top = logits[start + predicted]!;
  let sum = 0;
  for (let index = 0; index < classes; index++) sum += Math.exp(logits[start + index]! - top);
  return { predicted, confidence: 1 / sum, loss: top - own + Math.log(sum), higher };
}

function describeDivergence(logit: number, index: number): string {
  return (
    `the model gives ${logit} as the logit of class ${index}: its training has diverged; ` +
    'lower its lr, set grad_clip or add warm-up epochs in params.yaml, and run again'
  );
}
