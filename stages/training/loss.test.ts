import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';

import { openEngine } from '../engine/open.ts';
import { addScores, crossEntropy, noScore, scoreLogits, smoothLabels } from './loss.ts';
import { clipByGlobalNorm } from './step.ts';

const logits = [2, -1, 0.5, 0, 3, 0.25];
const labels = Uint16Array.of(0, 2);
/** log softmax, in double precision. */
const logSoftmax = [0, 1].map((row) => {
  const values = logits.slice(3 * row, 3 * row + 3);
  const sum = Math.log(values.reduce((total, value) => total + Math.exp(value), 0));
  return values.map((value) => value - sum);
});
const plain = -(logSoftmax[0]![0]! + logSoftmax[1]![2]!);

beforeAll(async () => {
  await openEngine('wasm');
});

describe('labels and loss', () => {
  it('spreads the smoothing over all classes', () => {
    expect([...smoothLabels(labels, 3, 0)]).toEqual([1, 0, 0, 0, 0, 1]);
    const smooth = [...smoothLabels(labels, 3, 0.3)];
    [0.8, 0.1, 0.1, 0.1, 0.1, 0.8].forEach((value, index) => expect(smooth[index]).toBeCloseTo(value, 6));
  });

  it('is the mean cross-entropy: (1 − ε)·CE + ε·mean of −log p where labels are smoothed', () => {
    const lossOf = (smoothing: number): number => {
      const targets = tf.tensor2d(smoothLabels(labels, 3, smoothing), [2, 3]);
      return crossEntropy(tf.tensor2d(logits, [2, 3]), targets).dataSync()[0]!;
    };
    expect(lossOf(0)).toBeCloseTo(plain / 2, 5);
    const spread = -logSoftmax.flat().reduce((sum, value) => sum + value, 0) / 3;
    expect(lossOf(0.1)).toBeCloseTo((0.9 * plain + 0.1 * spread) / 2, 5);
  });

  it('has the gradient (softmax − target)/n, also for logits far from 0', () => {
    const far = tf.tensor2d([1000, 0, 0, 0, 3, 0.25], [2, 3]);
    const targets = tf.tensor2d(smoothLabels(labels, 3, 0), [2, 3]);
    const gradient = tf.grad((x) => crossEntropy(x as tf.Tensor2D, targets))(far);
    const expected = tf.div(tf.sub(tf.softmax(far), targets), 2).dataSync();
    gradient.dataSync().forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 6));
  });

  it('scores logits without smoothing, and adds batches up', () => {
    const score = scoreLogits(Float32Array.from(logits), labels);
    expect(score).toMatchObject({ images: 2, correct: 1 });
    expect(score.loss).toBeCloseTo(plain, 6);
    const twice = addScores(addScores(noScore, score), score);
    expect(twice).toEqual({ images: 4, correct: 2, loss: 2 * score.loss });
    expect(scoreLogits(Float32Array.of(NaN, 0), Uint16Array.of(1)).loss).toBeNaN();
  });
});

describe('clipping by the global norm', () => {
  const gradients = (): tf.Tensor[] => [tf.tensor1d([3, 0]), tf.tensor2d([[4]])];

  it.each([
    [1, [0.6, 0, 0.8]],
    [5, [3, 0, 4]],
    [100, [3, 0, 4]],
  ])('to at most %d', (limit, expected) => {
    const clipped = clipByGlobalNorm(gradients(), limit).flatMap((gradient) => [...gradient.dataSync()]);
    clipped.forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 5));
  });

  it('leaves a gradient of zero as it is', () => {
    const [clipped] = clipByGlobalNorm([tf.zeros([2])], 1);
    expect([...clipped!.dataSync()]).toEqual([0, 0]);
  });
});
