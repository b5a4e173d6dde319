import { describe, expect, it } from '@jest/globals';
import { labelCandidates } from './label.ts';
import type { Candidate } from './ranking.ts';
import { candidateOf } from './testing.ts';

const named = (id: string, names: readonly string[], origin: Candidate['origin'] = 'run'): Candidate =>
  candidateOf(id, {}, { names, origin });

describe('labelCandidates', () => {
  it('uses the names, shortened from three on', () => {
    const labels = labelCandidates([named('1', ['a']), named('2', ['b', 'c']), named('3', ['d', 'e', 'f', 'g'])]);
    expect([...labels.values()]).toEqual(['a', 'b = c', 'd = e = 2 more']);
  });

  it('adds the id where names meet, except to the one model of this run', () => {
    const labels = labelCandidates([
      named('1', ['a'], 'history'),
      named('2', ['a'], 'run'),
      named('3', ['a'], 'history'),
      named('4', ['b'], 'history'),
      named('5', ['b'], 'history'),
    ]);
    expect([...labels.values()]).toEqual(['a · 1', 'a', 'a · 3', 'b · 4', 'b · 5']);
  });
});
