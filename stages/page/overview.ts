// The charts that show all models at once: accuracy against cost, and one set of bars for each metric. Draws them; knows nothing of the template.

import { barsSpec } from '../charts/bars.ts';
import type { Bar } from '../charts/bars.ts';
import { renderSvg } from '../charts/render.ts';
import { findFront, scatterSpec } from '../charts/scatter.ts';
import type { ScatterPoint } from '../charts/scatter.ts';
import type { MetricName, Ranking } from '../selection/ranking.ts';
import { metricStyles } from './figures.ts';
import type { ModelRecord } from './records.ts';

export interface ScatterView {
  readonly key: string;
  readonly label: string;
  readonly svg: string;
  readonly summary: string;
  readonly front: readonly { readonly label: string; readonly anchor: string; readonly figures: string }[];
  /** Names of models whose cost is not known. */
  readonly missing: readonly string[];
}

export interface BarsView {
  readonly label: string;
  readonly meaning: string;
  readonly direction: string;
  readonly svg: string;
  readonly summary: string;
}

export interface OverviewView {
  readonly scatters: readonly ScatterView[];
  readonly bars: readonly BarsView[];
  /** "the best 24 of 40 models", or empty where all are shown. */
  readonly barsNote: string;
}

const costAxes = [
  { metric: 'complexity', title: 'Parameters', format: '~s' },
  { metric: 'macs', title: 'Multiply–accumulates an image', format: '~s' },
  { metric: 'mean_predictions_time', title: 'Milliseconds an image', format: '~g' },
] as const;

const barMetrics: readonly MetricName[] = [
  'val_acc',
  'top5',
  'f1_score',
  'recall',
  'val_loss',
  'fpr',
  'ece',
  'mean_predictions_time',
  'complexity',
];

/** More bars than this do not help the eye; the table has them all. */
const barsShown = 24;

export async function buildOverview(ranking: Ranking, records: readonly ModelRecord[]): Promise<OverviewView> {
  const scatters: ScatterView[] = [];
  for (const axis of costAxes) {
    const view = await buildScatter(records, ranking.winner, axis);
    if (view !== null) scatters.push(view);
  }
  const ranked = records.filter(({ candidate }) => candidate.rank !== null);
  const shown = ranked.slice(0, barsShown);
  const bars: BarsView[] = [];
  for (const metric of barMetrics) {
    const view = await buildBars(shown, ranking, metric);
    if (view !== null) bars.push(view);
  }
  const barsNote = shown.length < ranked.length ? `The best ${shown.length} of ${ranked.length} models.` : '';
  return { scatters, bars, barsNote };
}

async function buildScatter(
  records: readonly ModelRecord[],
  winner: string | null,
  { metric, title, format }: (typeof costAxes)[number],
): Promise<ScatterView | null> {
  const points = records.flatMap((record) => toPoint(record, winner, metric));
  if (points.length === 0) return null;
  const front = findFront(points);
  const { label } = metricStyles[metric];
  return {
    key: metric,
    label,
    svg: await renderSvg(scatterSpec(points, { title, format })),
    summary: `Accuracy against ${title.toLowerCase()} of ${points.length} models. On the Pareto front: ${front.map((point) => point.label).join(', ')}.`,
    front: front.map((point) => {
      const { label: name, anchor } = records.find(({ shortLabel }) => shortLabel === point.label)!;
      const figures = `${metricStyles.val_acc.format(point.accuracy)} · ${metricStyles[metric].format(point.cost)}`;
      return { label: name, anchor, figures };
    }),
    missing: records.filter((record) => toPoint(record, winner, metric).length === 0).map(({ label: name }) => name),
  };
}

function toPoint(
  { candidate, label, shortLabel }: ModelRecord,
  winner: string | null,
  metric: MetricName,
): ScatterPoint[] {
  const [cost, accuracy] = [candidate.figures[metric], candidate.figures.val_acc];
  if (cost === null || accuracy === null) return [];
  const kind = candidate.id === winner ? 'winner' : candidate.rank === null ? 'excluded' : candidate.origin;
  const where = { winner: ', the winner', run: '', history: ', from history', excluded: ', left out' }[kind];
  const description = `${label}${where}: ${metricStyles.val_acc.format(accuracy)}, ${metricStyles[metric].format(cost)}`;
  return [{ label: shortLabel, cost, accuracy, kind, description }];
}

async function buildBars(
  records: readonly ModelRecord[],
  ranking: Ranking,
  metric: MetricName,
): Promise<BarsView | null> {
  const { label, meaning, format } = metricStyles[metric];
  const bars = records.flatMap(({ candidate, shortLabel: name }): Bar[] => {
    const value = candidate.figures[metric];
    if (value === null) return [];
    const test = candidate.testFigures[metric] ?? null;
    return [{ label: name, value, text: format(value), test, chosen: candidate.id === ranking.winner }];
  });
  if (bars.length === 0) return null;
  return {
    label,
    meaning,
    direction: ranking.settings.directions[metric] === 'minimize' ? 'less is better' : 'more is better',
    svg: await renderSvg(barsSpec(bars)),
    summary: `${label}: ${bars.map((bar) => `${bar.label} ${bar.text}`).join(', ')}.`,
  };
}
