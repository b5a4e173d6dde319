// Precision, recall, F1 and false-positive rate of every class, from a confusion matrix. Pure. 0/0 is 0 throughout: a class that is never
// predicted has precision 0, a class without images has recall 0.

/** Counts of `classes`² pairs, row-major: row is the true class, column the predicted one. */
export interface Confusion {
  readonly classes: number;
  readonly counts: Uint32Array;
}

/** One figure a class, in class order. */
export interface ClassScores {
  /** Images of the class. */
  readonly support: readonly number[];
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  readonly fpr: readonly number[];
}

/**
 * For a class with TP, FP, FN and TN: precision TP/(TP+FP), recall TP/(TP+FN), F1 2·TP/(2·TP+FP+FN) (the harmonic mean of the two),
 * false-positive rate FP/(FP+TN).
 */
export function scoreClasses({ classes, counts }: Confusion): ClassScores {
  const support = new Array<number>(classes).fill(0);
  const guesses = new Array<number>(classes).fill(0);
  let images = 0;
  for (let cell = 0; cell < counts.length; cell++) {
    const count = counts[cell]!;
    support[Math.floor(cell / classes)]! += count;
    guesses[cell % classes]! += count;
    images += count;
  }
  const hits = support.map((_, index) => counts[index * classes + index]!);
  return {
    support,
    precision: hits.map((hit, index) => ratio(hit, guesses[index]!)),
    recall: hits.map((hit, index) => ratio(hit, support[index]!)),
    f1: hits.map((hit, index) => ratio(2 * hit, guesses[index]! + support[index]!)),
    fpr: hits.map((hit, index) => ratio(guesses[index]! - hit, images - support[index]!)),
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** Mean over the classes that occur (support above 0), each counting the same. 0 where none does. */
export function macroMean(values: readonly number[], support: readonly number[]): number {
  const occurring = values.filter((_, index) => support[index]! > 0);
  return ratio(
    occurring.reduce((sum, value) => sum + value, 0),
    occurring.length,
  );
}

/** The matrix as rows. */
export function confusionRows({ classes, counts }: Confusion): number[][] {
  return Array.from({ length: classes }, (_, row) => Array.from(counts.subarray(row * classes, (row + 1) * classes)));
}
