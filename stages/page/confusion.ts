// The confusion matrix for the page: a compact encoding that the script of the page unpacks, and what a reader looks for in it first.
// Rows are true classes, columns predicted ones.

export interface ConfusedPair {
  readonly truth: string;
  readonly predicted: string;
  readonly count: number;
  /** Part of the images of `truth`. */
  readonly share: number;
}

/**
 * Packs counts in row-major order: for each cell that is not 0, how many zeros are before it and then the count, both as unsigned LEB128; all in
 * base64. A matrix of 100 classes takes about 10 kB. `unpackMatrix` of parts/matrix.js is the other half.
 */
export function packMatrix(matrix: readonly (readonly number[])[]): string {
  const bytes: number[] = [];
  let zeros = 0;
  for (const row of matrix)
    for (const count of row) {
      if (count === 0) {
        zeros++;
        continue;
      }
      pushVarint(bytes, zeros);
      pushVarint(bytes, count);
      zeros = 0;
    }
  return Buffer.from(bytes).toString('base64');
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

/** The cells beside the diagonal with the highest counts, highest first; equal ones in class order. */
export function findConfusedPairs(
  matrix: readonly (readonly number[])[],
  classes: readonly string[],
  limit: number,
): ConfusedPair[] {
  const pairs: ConfusedPair[] = [];
  matrix.forEach((row, truth) => {
    const images = row.reduce((sum, count) => sum + count, 0);
    row.forEach((count, predicted) => {
      if (count === 0 || truth === predicted) return;
      pairs.push({ truth: classes[truth]!, predicted: classes[predicted]!, count, share: count / images });
    });
  });
  return pairs.sort((a, b) => b.count - a.count).slice(0, limit);
}

/** The classes with the lowest F1, lowest first, and those with the highest, highest first; classes without images are left out. */
export function findExtremes(
  split: { readonly f1: readonly number[]; readonly support: readonly number[] },
  classes: readonly string[],
  limit: number,
): Record<'hardest' | 'easiest', { readonly name: string; readonly f1: number }[]> {
  const rated = classes
    .map((name, index) => ({ name, f1: split.f1[index]!, support: split.support[index]! }))
    .filter(({ support }) => support > 0)
    .map(({ name, f1 }) => ({ name, f1 }))
    .sort((a, b) => a.f1 - b.f1);
  const count = Math.min(limit, Math.floor(rated.length / 2));
  return { hardest: rated.slice(0, count), easiest: rated.slice(rated.length - count).reverse() };
}
