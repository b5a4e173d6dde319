// What training makes small, and what it reports. Knows nothing of models.

import * as tf from '@tensorflow/tfjs-core';

import { crossEntropyOfRows } from '../engine/cross-entropy.ts';

/** Sums over images, so that batches of different sizes can be added up. */
export interface Score {
  readonly images: number;
  /** Of the cross-entropy of each image, in nats, without label smoothing. */
  readonly loss: number;
  readonly correct: number;
}

/**
 * Target distributions [n, classes], row-major: 1 − smoothing on the true class and smoothing spread evenly over all classes (Szegedy et al. 2016).
 */
export function smoothLabels(labels: Uint16Array, classes: number, smoothing: number): Float32Array {
  const targets = new Float32Array(labels.length * classes).fill(smoothing / classes);
  labels.forEach((label, row) => {
    targets[row * classes + label] = 1 - smoothing + smoothing / classes;
  });
  return targets;
}

/**
 * Σ over the images of −Σ target·log softmax(logits), divided by `images`: the mean, or, where there are more images in the batch than these, their share
 * in the mean. Logits and targets are [n, classes], targets sum up to 1; differentiable by the logits.
 */
export function crossEntropy(logits: tf.Tensor2D, targets: tf.Tensor2D, images: number = logits.shape[0]): tf.Scalar {
  return tf.tidy(() => {
    const rows = crossEntropyOfRows(logits, targets);
    if (rows !== null) return tf.mul<tf.Scalar>(tf.sum(rows), 1 / images);
    return tf.mul<tf.Scalar>(tf.sum(tf.mul(tf.logSoftmax(logits), targets)), -1 / images);
  });
}

/** Cross-entropy and hits of logits [n, classes], row-major, in double precision. The first of equal logits counts. */
export function scoreLogits(logits: Float32Array, labels: Uint16Array): Score {
  const classes = logits.length / labels.length;
  let loss = 0;
  let correct = 0;
  labels.forEach((label, row) => {
    const start = row * classes;
    let best = 0;
    for (let index = 1; index < classes; index++) if (logits[start + index]! > logits[start + best]!) best = index;
    const top = logits[start + best]!;
    let sum = 0;
    for (let index = 0; index < classes; index++) sum += Math.exp(logits[start + index]! - top);
    loss += top + Math.log(sum) - logits[start + label]!;
    if (best === label) correct += 1;
  });
  return { images: labels.length, loss, correct };
}

export const noScore: Score = { images: 0, loss: 0, correct: 0 };

export function addScores(a: Score, b: Score): Score {
  return { images: a.images + b.images, loss: a.loss + b.loss, correct: a.correct + b.correct };
}
