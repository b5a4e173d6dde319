import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { StageFailure } from '../context/fail.ts';
import { judgeRow } from './judgement.ts';

const judge = (logits: readonly number[], truth: number): ReturnType<typeof judgeRow> =>
  judgeRow(Float32Array.from(logits), 0, logits.length, truth);

describe('judgeRow', () => {
  it('gives softmax confidence and cross-entropy in nats', () => {
    // Softmax of [ln 1, ln 2, ln 5] is [1/8, 2/8, 5/8].
    const logits = [Math.log(1), Math.log(2), Math.log(5)];
    const { predicted, confidence, loss, higher } = judge(logits, 1);
    expect({ predicted, higher }).toEqual({ predicted: 2, higher: 1 });
    expect(confidence).toBeCloseTo(5 / 8, 6);
    expect(loss).toBeCloseTo(Math.log(4), 6);
  });

  it('takes the first of equal logits, and counts only strictly higher ones', () => {
    expect(judge([2, 7, 7, 7], 3)).toMatchObject({ predicted: 1, higher: 0 });
    expect(judge([2, 7, 7, 7], 0)).toMatchObject({ predicted: 1, higher: 3 });
  });

  it('reads only its own row', () => {
    const logits = Float32Array.from([100, 0, 1, 2, 100, 100]);
    expect(judgeRow(logits, 1, 3, 2)).toMatchObject({ predicted: 2, higher: 0 });
  });

  it('neither overflows nor rounds a lost cause to infinity', () => {
    expect(judge([1000, -1000], 1)).toEqual({ predicted: 0, confidence: 1, loss: 2000, higher: 1 });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses %p as a logit', (logit) => {
    expect(() => judge([0, 1, logit], 0)).toThrow(StageFailure);
    expect(() => judge([0, 1, logit], 0)).toThrow(/logit of class 2: its training has diverged; lower its lr/);
  });

  it.each([3, -1])('refuses the label %p', (truth) => {
    expect(() => judge([0, 1, 2], truth)).toThrow(`label ${truth} is not one of 3 classes`);
  });

  it('agrees with the definitions, written out', () => {
    const rows = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(rows, fc.nat(), (logits, number) => {
        const truth = number % logits.length;
        const exponentials = logits.map((logit) => Math.exp(logit));
        const probabilities = exponentials.map((value) => value / exponentials.reduce((sum, other) => sum + other, 0));
        const { predicted, confidence, loss, higher } = judge(logits, truth);
        expect(predicted).toBe(logits.indexOf(Math.max(...logits)));
        expect(confidence).toBeCloseTo(probabilities[predicted]!, 10);
        expect(loss).toBeCloseTo(-Math.log(probabilities[truth]!), 8);
        expect(higher).toBe(logits.filter((logit) => logit > logits[truth]!).length);
      }),
    );
  });
});
