// "did you mean": one rule for every message of the parser.

import { suggest } from '../core/suggest.ts';

/** Beyond these a search would take too long, and would help nobody. */
const longestName = 100;
const mostCandidates = 10_000;

/** The known name nearest to one that is not known. One or two letters are near to too much to say anything. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length < 3 || name.length > longestName) return undefined;
  return suggest(name, known.slice(0, mostCandidates));
}

export function didYouMean(name: string, known: readonly string[]): string | undefined {
  const near = nearestName(name, known);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}
