// What candidates are called in sentences, tables and charts. Knows nothing of scores.

import type { Candidate } from './ranking.ts';

/**
 * A different label for every candidate, by id: its names, or its names with its id where another candidate has the same ones. A model of this run
 * keeps its plain name against those of the history.
 */
export function labelCandidates(candidates: readonly Candidate[]): ReadonlyMap<string, string> {
  const named = candidates.map((candidate) => ({ candidate, name: joinNames(candidate.names) }));
  const labels = named.map(({ candidate, name }) => {
    const namesakes = named.filter((other) => other.name === name && other.candidate.id !== candidate.id);
    const plain =
      namesakes.length === 0 ||
      (candidate.origin === 'run' && namesakes.every((other) => other.candidate.origin === 'history'));
    return [candidate.id, plain ? name : `${name} · ${candidate.id}`] as const;
  });
  return new Map(labels);
}

/** "a", "a = b", "a = b = 2 more". */
function joinNames(names: readonly string[]): string {
  if (names.length <= 2) return names.join(' = ');
  return `${names.slice(0, 2).join(' = ')} = ${names.length - 2} more`;
}
