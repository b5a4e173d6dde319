// Says in plain sentences who won, why, how far the next one is and how firm the choice is: for those who decide, not for those who train models.
// Knows the scores; computes none.

import { describeRelaxation, findRelaxation, weightedMetrics } from './exclude.ts';
import { labelCandidates } from './label.ts';
import { contrastNumbers, describeMetric, formatFigure, formatNumber, formatPoints } from './metric.ts';
import type { MetricName, Ranked, SelectionSettings, WeightShift } from './ranking.ts';
import { compareFigures, explainTie } from './score.ts';
import type { Scored } from './score.ts';
import type { Crossing } from './stability.ts';

export interface VerdictInput {
  /** All candidates, by rank. */
  readonly ranked: readonly Ranked[];
  /** Those that take part, by rank. */
  readonly ordered: readonly Scored[];
  readonly settings: SelectionSettings;
  readonly shifts: readonly WeightShift[];
  readonly crossings: readonly Crossing[];
}

type Labels = ReadonlyMap<string, string>;

/** The verdict, a sentence or two an entry, the most important first: choice, reasons, distance, firmness; then test figures, front, who was left out. */
export function writeVerdict(input: VerdictInput): readonly string[] {
  const labels = labelCandidates(input.ranked);
  const [winner, second] = input.ordered;
  if (winner === undefined) return tellWithoutWinner(input, labels);
  return [
    tellChoice(winner, input, labels),
    tellFigures(winner, input),
    ...(second === undefined
      ? []
      : [tellDistance(winner, second, input.settings, labels), ...tellFirmness(input, labels)]),
    ...tellTest(winner),
    ...tellFront(input, labels),
    ...tellExcluded(input, labels),
  ];
}

function tellChoice(winner: Scored, { ranked, ordered, settings }: VerdictInput, labels: Labels): string {
  const name = quote(winner, labels);
  const past =
    winner.candidate.origin === 'history' ? ' It comes from an earlier run, not from the models of this one.' : '';
  if (ordered.length === 1) {
    const only = ranked.length === 1 ? 'the only evaluated model' : 'the only model that takes part';
    return `${name} is ${only}, so it is chosen without a comparison.${past}`;
  }
  const possible = weightedMetrics(settings).reduce((sum, metric) => sum + settings.weights[metric]!, 0);
  const points = `${formatPoints(winner.score)} of ${formatNumber(possible)} possible points`;
  return `${name} is the best of ${ordered.length} models for these weights: ${points}.${past}`;
}

/** "It has 31.0% validation accuracy (best of 5; weight 2), …" */
function tellFigures({ candidate }: Scored, { ordered, settings }: VerdictInput): string {
  const parts = weightedMetrics(settings).map((metric) => {
    const figure = candidate.figures[metric]!;
    const orders = ordered.map((other) =>
      compareFigures(other.candidate.figures[metric]!, figure, settings.directions[metric]),
    );
    return `${nameFigure(metric, figure)} (${tellPlace(orders)}weight ${formatNumber(settings.weights[metric]!)})`;
  });
  return `Its figures: ${joinWords(parts)}.`;
}

/** "2nd of 5; ", "joint best of 5; ", "the same for all 5; ". One number for each model, its own included: negative where that one is better. */
function tellPlace(orders: readonly number[]): string {
  const count = orders.length;
  if (count === 1) return '';
  const equal = orders.filter((order) => order === 0).length;
  if (equal === count) return `the same for ${count === 2 ? 'both' : `all ${count}`}; `;
  const better = orders.filter((order) => order < 0).length;
  return `${equal > 1 ? 'joint ' : ''}${ordinal(better + 1)} of ${count}; `;
}

function tellDistance(winner: Scored, second: Scored, settings: SelectionSettings, labels: Labels): string {
  const [first, next] = [quote(winner, labels), quote(second, labels)];
  const lead = winner.score - second.score;
  if (lead === 0)
    return `${next} has the same score. ${first} stands first because ${tellTie(winner, second, settings)}.`;
  const share = second.score > 0 ? ` (${formatNumber((100 * lead) / second.score, 2)}%)` : '';
  return `${next} is next, ${formatPoints(lead)} points${share} behind: ${tellGains(winner, second, settings, first)}.`;
}

/** What the lead is made of: "compact" gains 0.51 points by prediction time and loses 0.39 by validation accuracy. */
function tellGains(winner: Scored, second: Scored, settings: SelectionSettings, name: string): string {
  const gains = weightedMetrics(settings)
    .map((metric) => {
      const gain = settings.weights[metric]! * (winner.normalised[metric]! - second.normalised[metric]!);
      return { gain, text: `${formatPoints(Math.abs(gain))} by ${describeMetric(metric).label}` };
    })
    .toSorted((a, b) => Math.abs(b.gain) - Math.abs(a.gain));
  const won = gains.filter(({ gain }) => gain > 0).map(({ text }) => text);
  const lost = gains.filter(({ gain }) => gain < 0).map(({ text }) => text);
  return `${name} gains ${joinWords(won)}${lost.length === 0 ? '' : ` and loses ${joinWords(lost)}`}`;
}

function tellTie({ candidate: first }: Scored, { candidate: second }: Scored, settings: SelectionSettings): string {
  const reason = explainTie(first, second, settings);
  switch (reason.by) {
    case 'metric': {
      const [own, other] = [first.figures[reason.metric]!, second.figures[reason.metric]!];
      const metric = describeMetric(reason.metric).label;
      return `it is better by ${metric} (${formatFigure(reason.metric, own)} against ${formatFigure(reason.metric, other)}), the weightiest metric on which they differ`;
    }
    case 'parameters':
      return 'all that counts is equal and it has fewer parameters';
    case 'id':
      return 'all that counts is equal, and of two such models the one with the smaller id is taken';
  }
}

function tellFirmness({ ordered, shifts, crossings }: VerdictInput, labels: Labels): readonly string[] {
  const winner = ordered[0]!.candidate.id;
  const turned = shifts.filter((shift) => shift.winner !== winner);
  const others = tellCrossings(crossings, labels);
  if (turned.length === 0 && ordered[0]!.score === ordered[1]?.score)
    return [`No single weight made 20% smaller or larger changes that. ${others}`];
  if (turned.length === 0)
    return [`The choice is firm: it stays the same with any one weight 20% smaller or larger. ${others}`];
  const cases = turned.map(
    ({ metric, factor, winner: id }) =>
      `${name(id, labels)} with the weight of ${metric} 20% ${factor < 1 ? 'smaller' : 'larger'}`,
  );
  return [`The choice is close: a weight changed by 20% makes another model win (${joinWords(cases)}). ${others}`];
}

/** The three nearest changes of one weight that turn the choice, a part of the sentence for each model that would win. */
function tellCrossings(crossings: readonly Crossing[], labels: Labels): string {
  if (crossings.length === 0) return 'No change of a single one of these weights makes another model win.';
  const changes = new Map<string, string[]>();
  for (const crossing of crossings.slice(0, 3))
    changes.set(crossing.winner, [...(changes.get(crossing.winner) ?? []), tellChange(crossing)]);
  const parts = [...changes].map(([id, cases]) => `${name(id, labels)} would win if ${joinWords(cases, 'or')}`);
  return `${parts.join('; ')}.`;
}

/** "complexity weighed more than 1.8 instead of 1". */
function tellChange({ metric, direction, from, to }: Crossing): string {
  const weighed = `${metric} weighed ${direction === 'up' ? 'more' : 'less'}`;
  if (from === to) return `${weighed} than now`;
  const [there, here] = contrastNumbers(to, from);
  return `${weighed} than ${there} instead of ${here}`;
}

/** The winner's figures on the test split, of the metrics everyone asks for. */
function tellTest({ candidate: { testFigures } }: Scored): readonly string[] {
  if (testFigures.val_acc === undefined) return [];
  const accuracy = formatFigure('val_acc', testFigures.val_acc);
  const f1 =
    testFigures.f1_score === undefined ? '' : ` and an F1 score of ${formatFigure('f1_score', testFigures.f1_score)}`;
  return [`On the test images, which the choice does not look at, it reaches an accuracy of ${accuracy}${f1}.`];
}

/** Of several weighted metrics; with one, the ranking has said it all. */
function tellFront({ ranked, ordered, settings }: VerdictInput, labels: Labels): readonly string[] {
  if (ordered.length < 2 || weightedMetrics(settings).length < 2) return [];
  const beaten = ranked.filter(({ rank, pareto }) => rank !== null && !pareto).map(({ id }) => name(id, labels));
  const front = ranked.filter(({ pareto }) => pareto).map(({ id }) => name(id, labels));
  if (beaten.length === 0)
    return ['No model is beaten in everything that counts: which one is the best depends on the weights.'];
  const hopeless = `No other weights of these metrics would make ${firstFew(beaten, 'or')} the best: another model is at least as good in everything that counts, and better in something.`;
  if (front.length === 1) return [hopeless];
  return [`${hopeless} The trade-off is between ${front.length}: ${firstFew(front, 'and')}.`];
}

function tellExcluded({ ranked }: VerdictInput, labels: Labels): readonly string[] {
  const excluded = ranked.filter(({ rank }) => rank === null);
  if (excluded.length === 0) return [];
  const cases = excluded.map(({ id, excluded: reasons }) => `${name(id, labels)} (${reasons.join('; ')})`);
  return [
    `${excluded.length === 1 ? 'One model takes' : `${excluded.length} models take`} no part: ${firstFew(cases)}.`,
  ];
}

function tellWithoutWinner(input: VerdictInput, labels: Labels): readonly string[] {
  const { ranked, settings } = input;
  if (ranked.length === 0) return ['There is no model to choose from: none has been evaluated on this data.'];
  const count = ranked.length === 1 ? 'the only model is' : `all ${ranked.length} models are`;
  const relaxation = findRelaxation(ranked, settings);
  const unfinished = ranked.every(({ halted }) => halted !== undefined);
  const advice = unfinished
    ? 'None of them was trained to its end: run `dagrun repro` without `--file`, which does so.'
    : relaxation === undefined
      ? 'No limit is in the way, but figures are missing: leave the metrics without figures out (a weight of null, no constraint), or have them measured.'
      : `The least change that lets one take part (${name(relaxation.candidate.id, labels)}): under \`constraints\`, ${joinWords(relaxation.breaches.map(describeRelaxation))}.`;
  return [`No model can be chosen: ${count} excluded.`, advice, ...tellExcluded(input, labels)];
}

function nameFigure(metric: MetricName, figure: number): string {
  const { label, unit } = describeMetric(metric);
  const text = formatFigure(metric, figure);
  return metric === 'complexity' && unit !== '' ? text : `${label} ${text}`;
}

/** "a", "a and b", "a, b and c". */
function joinWords(words: readonly string[], word: 'and' | 'or' = 'and'): string {
  if (words.length <= 1) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${word} ${words.at(-1)!}`;
}

/** Up to four by name; of more, three by name and the others by number. */
function firstFew(words: readonly string[], word: 'and' | 'or' = 'and'): string {
  return joinWords(words.length <= 4 ? words : [...words.slice(0, 3), `${words.length - 3} more`], word);
}

function quote({ candidate }: Scored, labels: Labels): string {
  return name(candidate.id, labels);
}

function name(id: string, labels: Labels): string {
  return `"${labels.get(id) ?? id}"`;
}

function ordinal(place: number): string {
  if (place === 1) return 'best';
  const teen = place % 100 >= 11 && place % 100 <= 13;
  return `${place}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][place % 10] ?? 'th')}`;
}
