// The weighted heatmap: one column a model, best first, one row a metric, and their total. The colour of a cell is its points (weight × normalised), its
// text is the figure itself and the points. For a page and for a picture that stands alone, so it has its own white ground.

import type { TopLevelSpec } from 'vega-lite';
import { describeMetric, formatFigure, formatNumber, formatPoints } from '../selection/metric.ts';
import { labelCandidates } from '../selection/label.ts';
import { metricNames } from '../selection/ranking.ts';
import type { MetricName, Ranked, Ranking } from '../selection/ranking.ts';

/** Columns at most: more cannot be read. */
const mostColumns = 20;
const totalRow = 'Total';

interface Cell {
  readonly model: string;
  readonly row: string;
  readonly points: number;
  readonly figure: string;
  readonly detail: string;
  /** So dark a ground that light text is read better: from 0.7 of the blues on. */
  readonly dark: boolean;
}

interface Layout {
  /** Pixels. */
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly fontSize: number;
  readonly labelAngle: number;
}

/** The heatmap of a ranking: its best 20 models that take part. */
export function heatmapSpec(ranking: Ranking): TopLevelSpec {
  const competing = ranking.candidates.filter(({ rank }) => rank !== null);
  if (competing.length === 0) return noteSpec('No model can be chosen', ranking.verdict.slice(1));
  const shown = competing.slice(0, mostColumns);
  const metrics = metricNames.filter((name) => (ranking.settings.weights[name] ?? 0) > 0);
  const labels = labelCandidates(ranking.candidates);
  const columns = shown.map(({ id, rank }) => `${rank!}. ${labels.get(id)!}`);
  const rows = metrics.map((metric) => describeRow(metric, ranking));
  const cells = shown.flatMap((candidate, index) => [
    ...metrics.map((metric, row) =>
      metricCell(candidate, metric, { model: columns[index]!, row: rows[row]! }, ranking),
    ),
    totalCell(candidate, columns[index]!),
  ]);
  const layout = chooseLayout(columns);
  return {
    description: describeChart(ranking, competing, shown, labels),
    title: {
      text: 'Weighted comparison of the models',
      subtitle: describeSubtitle(ranking, competing.length, shown.length),
      anchor: 'start',
      fontSize: 15,
      subtitleFontSize: 11,
      subtitleColor: '#444',
      offset: 14,
    },
    background: 'white',
    padding: 12,
    width: { step: layout.cellWidth },
    height: { step: layout.cellHeight },
    data: { values: cells },
    encoding: {
      x: {
        field: 'model',
        type: 'nominal',
        sort: columns,
        axis: { orient: 'top', title: null, labelAngle: layout.labelAngle, labelLimit: 220, labelFontSize: 12 },
      },
      y: {
        field: 'row',
        type: 'nominal',
        sort: [...rows, totalRow],
        axis: { title: null, labelLimit: 400, labelFontSize: 12 },
      },
    },
    layer: [...colourLayers(ranking), ...textLayers(layout)],
    resolve: { scale: { color: 'independent' } },
    config: {
      aria: false,
      view: { stroke: null },
      axis: { domain: false, ticks: false, labelPadding: 8, labelColor: '#222' },
    },
  };
}

type Layers = Extract<TopLevelSpec, { layer: unknown }>['layer'];

/** Sequential schemes of one hue and rising darkness: readable without colour vision and in grey. The total has one of its own, because it has more points, and keeps to its lighter half. */
function colourLayers(ranking: Ranking): Layers {
  const weights = Object.values(ranking.settings.weights);
  return [
    {
      transform: [{ filter: `datum.row !== '${totalRow}'` }],
      mark: { type: 'rect', stroke: 'white', strokeWidth: 2 },
      encoding: {
        color: {
          field: 'points',
          type: 'quantitative',
          scale: { scheme: 'blues', domain: [0, Math.max(...weights)] },
          legend: {
            title: ['Points', '(weight × normalised)'],
            orient: 'right',
            gradientLength: 120,
            titleFontSize: 11,
            titleLimit: 200,
          },
        },
      },
    },
    {
      transform: [{ filter: `datum.row === '${totalRow}'` }],
      mark: { type: 'rect', stroke: 'white', strokeWidth: 2 },
      encoding: {
        color: {
          field: 'points',
          type: 'quantitative',
          scale: {
            scheme: { name: 'greys', extent: [0, 0.55] },
            domain: [0, weights.reduce((sum, weight) => sum + weight, 0)],
          },
          legend: null,
        },
      },
    },
  ];
}

/** The figure, and the points below it. Light text on the dark end of the scale. */
function textLayers({ cellHeight, fontSize }: Layout): Layers {
  const color = { condition: { test: 'datum.dark', value: 'white' }, value: '#111' };
  return [
    {
      mark: { type: 'text', dy: -cellHeight / 6, fontSize, fontWeight: 'bold' },
      encoding: { text: { field: 'figure', type: 'nominal' }, color },
    },
    {
      mark: { type: 'text', dy: cellHeight / 5, fontSize: fontSize - 2 },
      encoding: { text: { field: 'detail', type: 'nominal' }, color },
    },
  ];
}

function describeRow(metric: MetricName, { settings }: Ranking): string {
  const { unit, kind } = describeMetric(metric);
  const shownUnit = unit === '' || kind === 'fraction' ? '' : ` (${unit})`;
  const better = settings.directions[metric] === 'maximize' ? '↑' : '↓';
  return `${metric}${shownUnit} ${better} × ${formatNumber(settings.weights[metric]!)}`;
}

function metricCell(candidate: Ranked, metric: MetricName, place: Pick<Cell, 'model' | 'row'>, ranking: Ranking): Cell {
  const weights = ranking.settings.weights;
  const points = weights[metric]! * candidate.normalised[metric]!;
  const figure = formatFigure(metric, candidate.figures[metric]!, { bare: true });
  return {
    ...place,
    points,
    figure,
    detail: formatPoints(points),
    dark: points > 0.7 * Math.max(...Object.values(weights)),
  };
}

function totalCell({ score, rank }: Ranked, model: string): Cell {
  return { model, row: totalRow, points: score!, figure: formatPoints(score!), detail: `rank ${rank!}`, dark: false };
}

function chooseLayout(columns: readonly string[]): Layout {
  const longest = Math.max(...columns.map(({ length }) => length));
  if (columns.length <= 8) return { cellWidth: 116, cellHeight: 46, fontSize: 13, labelAngle: longest > 15 ? -35 : 0 };
  return { cellWidth: 68, cellHeight: 40, fontSize: 11, labelAngle: -45 };
}

function describeSubtitle({ candidates, settings }: Ranking, competing: number, shown: number): string[] {
  const excluded = candidates.length - competing;
  const notes = [
    competing > shown ? `The best ${shown} of ${competing} models; the others are in the ranking table.` : '',
    excluded > 0
      ? `${excluded} ${excluded === 1 ? 'model takes' : 'models take'} no part (limits or missing figures).`
      : '',
  ];
  return [
    `Each cell: the figure, and its points = weight × normalised value (${settings.normalisation}). ↑ more is better, ↓ less is better.`,
    ...notes.filter((note) => note !== ''),
  ];
}

/** What the chart shows, for those who cannot see it. */
function describeChart(
  { settings }: Ranking,
  competing: readonly Ranked[],
  shown: readonly Ranked[],
  labels: ReadonlyMap<string, string>,
): string {
  const totals = shown.map(({ id, score }) => `${labels.get(id)!} ${formatPoints(score!)}`);
  return `Heatmap of ${shown.length} of ${competing.length} models by ${Object.keys(settings.weights).join(', ')}. Total points: ${totals.join(', ')}.`;
}

/** A chart without models still says why it is empty. */
function noteSpec(title: string, lines: readonly string[]): TopLevelSpec {
  return {
    description: [title, ...lines].join(' '),
    title: { text: title, subtitle: lines.flatMap((line) => wrapText(line, 110)), anchor: 'start', offset: 14 },
    background: 'white',
    padding: 12,
    width: 720,
    height: 20,
    data: { values: [{}] },
    mark: { type: 'rect', opacity: 0 },
    config: { aria: false, view: { stroke: null } },
  };
}

/** Breaks a text at spaces into lines of at most `width` characters. */
function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
