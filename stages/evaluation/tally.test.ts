import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { SplitFigures } from './result.ts';
import { addLogits, detailsOf, emptyTally, figuresOf, type Tally } from './tally.ts';

interface Row {
  readonly logits: readonly number[];
  readonly truth: number;
}

function tallyOf(rows: readonly Row[], batch = rows.length): Tally {
  const tally = emptyTally(rows[0]?.logits.length ?? 2, rows.length);
  for (let start = 0; start < rows.length; start += batch) {
    const part = rows.slice(start, start + batch);
    const labels = Uint16Array.from(part, ({ truth }) => truth);
    addLogits(tally, Float32Array.from(part.flatMap(({ logits }) => logits)), labels);
  }
  return tally;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** The definitions, written out without regard to speed or memory. */
function referenceFigures(rows: readonly Row[]): SplitFigures {
  const judged = rows.map(({ logits, truth }) => {
    const exponentials = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
    const probabilities = exponentials.map((value) => value / exponentials.reduce((sum, other) => sum + other, 0));
    const predicted = logits.indexOf(Math.max(...logits));
    const inTop5 = logits.filter((logit) => logit > logits[truth]!).length < 5;
    return { truth, predicted, inTop5, confidence: probabilities[predicted]!, own: probabilities[truth]! };
  });
  const count = (holds: (image: (typeof judged)[number]) => boolean): number => judged.filter(holds).length;
  const occurring = [...new Set(judged.map(({ truth }) => truth))];
  const classes = occurring.map((name) => ({
    hits: count(({ truth, predicted }) => truth === name && predicted === name),
    falseHits: count(({ truth, predicted }) => truth !== name && predicted === name),
    misses: count(({ truth, predicted }) => truth === name && predicted !== name),
    others: count(({ truth }) => truth !== name),
  }));
  const bins = Array.from({ length: 15 }, (_, bin) =>
    judged.filter(({ confidence }) => confidence > bin / 15 && confidence <= (bin + 1) / 15),
  ).filter((bin) => bin.length > 0);
  const gaps = bins.map(
    (bin) =>
      (bin.length / rows.length) *
      Math.abs(
        mean(bin.map(({ confidence }) => confidence)) -
          mean(bin.map(({ truth, predicted }) => Number(truth === predicted))),
      ),
  );
  return {
    images: rows.length,
    loss: mean(judged.map(({ own }) => -Math.log(own))),
    accuracy: mean(judged.map(({ truth, predicted }) => Number(truth === predicted))),
    top5: mean(judged.map(({ inTop5 }) => Number(inTop5))),
    precision: mean(classes.map(({ hits, falseHits }) => share(hits, hits + falseHits))),
    recall: mean(classes.map(({ hits, misses }) => share(hits, hits + misses))),
    f1: mean(classes.map(({ hits, falseHits, misses }) => share(2 * hits, 2 * hits + falseHits + misses))),
    fpr: mean(classes.map(({ falseHits, others }) => share(falseHits, others))),
    ece: gaps.reduce((sum, gap) => sum + gap, 0),
  };
}

/** Few distinct logits, so that ties are frequent. */
const rowsOfManyClasses = fc.integer({ min: 1, max: 9 }).chain((classes) =>
  fc.array(
    fc.record({
      logits: fc.array(
        fc.integer({ min: -12, max: 12 }).map((n) => n / 4),
        { minLength: classes, maxLength: classes },
      ),
      truth: fc.nat({ max: classes - 1 }),
    }),
    { minLength: 1, maxLength: 60 },
  ),
);

describe('a tally', () => {
  it('agrees with an example worked by hand', () => {
    const even = [0, 0];
    const figures = figuresOf(
      tallyOf([
        { logits: even, truth: 0 },
        { logits: even, truth: 1 },
        { logits: [0, Math.log(3)], truth: 1 },
        { logits: [0, Math.log(3)], truth: 1 },
      ]),
    );
    // Predicted 0, 0, 1, 1. Confidence ½ in two images with accuracy ½, and ¾ in two that are right.
    expect(figures).toMatchObject({ images: 4, accuracy: 0.75, top5: 1, precision: 0.75 });
    expect(figures.ece).toBeCloseTo(0.125, 7);
    expect(figures.loss).toBeCloseTo((2 * Math.log(2) + 2 * Math.log(4 / 3)) / 4, 7);
    expect(figures.recall).toBeCloseTo((1 + 2 / 3) / 2, 12);
    expect(figures.f1).toBeCloseTo((2 / 3 + 4 / 5) / 2, 12);
    expect(figures.fpr).toBeCloseTo((1 / 3 + 0) / 2, 12);
  });

  it('counts a tie for the fifth place as in the top 5', () => {
    expect(figuresOf(tallyOf([{ logits: [5, 4, 3, 2, 1, 1, 0], truth: 5 }])).top5).toBe(1);
    expect(figuresOf(tallyOf([{ logits: [5, 4, 3, 2, 1, 1, 0], truth: 6 }])).top5).toBe(0);
  });

  it('takes macro means over the classes that occur', () => {
    const figures = figuresOf(tallyOf([{ logits: [9, 0, 0], truth: 0 }]));
    expect(figures).toMatchObject({ precision: 1, recall: 1, f1: 1, fpr: 0 });
  });

  it('agrees with the definitions, written out', () => {
    fc.assert(
      fc.property(rowsOfManyClasses, (rows) => {
        const [actual, expected] = [figuresOf(tallyOf(rows)), referenceFigures(rows)];
        for (const [name, value] of Object.entries(expected))
          expect([name, actual[name as keyof SplitFigures]]).toEqual([name, expect.closeTo(value as number, 8)]);
      }),
    );
  });

  it('does not depend on how the images are batched', () => {
    fc.assert(
      fc.property(rowsOfManyClasses, fc.integer({ min: 1, max: 9 }), (rows, batch) => {
        expect(tallyOf(rows, batch)).toEqual(tallyOf(rows));
      }),
    );
  });

  it('keeps the answer for each image, and the details of each class', () => {
    const tally = tallyOf([
      { logits: [0, Math.log(3)], truth: 0 },
      { logits: [Math.log(4), 0], truth: 0 },
    ]);
    expect([...tally.predicted]).toEqual([1, 0]);
    expect(tally.confidence[1]).toBeCloseTo(0.8, 6);
    const details = detailsOf(tally);
    expect(details).toMatchObject({
      confusion: [
        [1, 1],
        [0, 0],
      ],
      support: [2, 0],
      recall: [0.5, 0],
      precision: [1, 0],
    });
    expect(details.calibration).toHaveLength(15);
  });

  it('refuses what does not fit', () => {
    const tally = emptyTally(2, 1);
    expect(() => figuresOf(tally)).toThrow('no figures of no images');
    expect(() => addLogits(tally, new Float32Array(3), new Uint16Array(1))).toThrow('3 logits do not go with 1 labels');
    expect(() => addLogits(tally, new Float32Array(4), new Uint16Array(2))).toThrow('more images than');
  });
});
