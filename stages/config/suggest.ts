// "Did you mean …": the known word nearest to one that is not known, by edit distance (optimal string alignment).

/** Words beyond this length are no typing mistakes of anything, and would take long to compare. */
const longest = 64;

/** The nearest of `known`, where it differs by at most a third of its letters, or has the word as a part of it. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  if (word.length < 3 || word.length > longest) return undefined;
  const limit = Math.floor(word.length / 3);
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate ?? known.find((candidate) => isPartOf(word, candidate));
}

/** `conv` for `conv_layers`, `output` for `output_classes`. */
function isPartOf(word: string, candidate: string): boolean {
  return candidate.toLowerCase().split('_').includes(word.toLowerCase());
}

/** Fewest insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
