// Chooses the best candidate for a client's weights and says why: the whole of docs/selection.md in one pure function.

import { StageFailure } from '../context/fail.ts';
import { findExclusions, weightedMetrics } from './exclude.ts';
import { metricNames } from './ranking.ts';
import type { Candidate, Ranked, Ranking, SelectionSettings } from './ranking.ts';
import { findParetoFront, rankScored, scoreCandidates } from './score.ts';
import type { Scored } from './score.ts';
import { findCrossings, shiftWeights } from './stability.ts';
import { writeVerdict } from './verdict.ts';

export interface SelectionInput {
  readonly candidates: readonly Candidate[];
  readonly settings: SelectionSettings;
  readonly data: Ranking['data'];
  /** Evaluated models that know other data. */
  readonly otherData: number;
  /** What is to be said beside the ranking; warnings about the figures are added. */
  readonly warnings: readonly string[];
}

/** Ranks the candidates. The order of `candidates` does not matter. Throws a StageFailure where no metric has a weight. */
export function selectBest({ candidates, settings, data, otherData, warnings }: SelectionInput): Ranking {
  if (weightedMetrics(settings).length === 0)
    throw new StageFailure(
      `evaluation_metrics.yaml: no metric has a weight above 0, so no model is better than another. ` +
        `Give at least one of them a weight, for example \`val_acc: 1\` (metrics: ${metricNames.join(', ')}).`,
    );
  const exclusions = new Map(candidates.map((candidate) => [candidate, findExclusions(candidate, settings)]));
  const taking = candidates.filter((candidate) => exclusions.get(candidate)!.length === 0);
  const ordered = scoreCandidates(taking, settings);
  const excluded = candidates.filter((candidate) => !taking.includes(candidate)).toSorted(compareIds);
  const ranked = [
    ...describeRanked(ordered, settings),
    ...excluded.map((candidate) => describeExcluded(candidate, exclusions.get(candidate)!)),
  ];
  const [first, second] = ordered;
  const shifts = shiftWeights(ordered, settings);
  const crossings = findCrossings(ordered, settings);
  return {
    version: 1,
    settings,
    data,
    candidates: ranked,
    winner: first?.candidate.id ?? null,
    runnerUp: second?.candidate.id ?? null,
    margin: first !== undefined && second !== undefined ? leadOf(first, second) : null,
    shifts,
    verdict: writeVerdict({ ranked, ordered, settings, shifts, crossings }),
    otherData,
    warnings: [...warnings, ...warnOfZeros(ordered, settings)],
  };
}

function describeRanked(ordered: readonly Scored[], settings: SelectionSettings): readonly Ranked[] {
  const ranks = rankScored(ordered);
  const front = findParetoFront(
    ordered.map(({ candidate }) => candidate),
    settings,
  );
  return ordered.map(({ candidate, score, normalised }, index) => ({
    ...candidate,
    rank: ranks[index]!,
    score,
    normalised,
    excluded: [],
    pareto: front[index]!,
  }));
}

function describeExcluded(candidate: Candidate, excluded: readonly string[]): Ranked {
  return { ...candidate, rank: null, score: null, normalised: {}, excluded, pareto: false };
}

/** To twelve digits, as the scores are. */
function leadOf(first: Scored, second: Scored): number {
  return Number((first.score - second.score).toPrecision(12));
}

/** With `ratio` a best figure of 0 leaves nothing for the others, however near they are: that deserves a word. */
function warnOfZeros(ordered: readonly Scored[], settings: SelectionSettings): readonly string[] {
  if (settings.normalisation !== 'ratio') return [];
  const affected = weightedMetrics(settings).filter((metric) => {
    const figures = ordered.map(({ candidate }) => candidate.figures[metric]!);
    return settings.directions[metric] === 'minimize' && figures.includes(0) && figures.some((figure) => figure > 0);
  });
  return affected.map(
    (metric) =>
      `The best ${metric} is 0, so that every other model gets no points for it, however near it comes; ` +
      '`normalisation: min-max` or `rank` in evaluation_metrics.yaml would tell them apart.',
  );
}

function compareIds(a: Candidate, b: Candidate): number {
  return a.id < b.id ? -1 : 1;
}
