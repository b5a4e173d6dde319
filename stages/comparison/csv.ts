// The ranking as a table for spreadsheets: CSV as RFC 4180 has it (comma, CRLF, quotes where needed, numbers with a point).

import { weightedMetrics } from '../selection/exclude.ts';
import { metricNames } from '../selection/ranking.ts';
import type { MetricName, Ranked, Ranking } from '../selection/ranking.ts';

type Cell = string | number | boolean | null | undefined;

/**
 * A row a candidate, in the order of the ranking: rank, score, names, id, origin, pareto, excluded (reasons), evaluated_at; then each metric's figure,
 * `<metric>_points` (weight × normalised) of the weighted ones, and `test_<metric>`. A cell is empty where nothing is known.
 */
export function writeCsv(ranking: Ranking): string {
  const weighted = weightedMetrics(ranking.settings);
  const tested = metricNames.filter((name) =>
    ranking.candidates.some(({ testFigures }) => testFigures[name] !== undefined),
  );
  const head = [
    ...['rank', 'score', 'names', 'id', 'origin', 'pareto', 'excluded', 'evaluated_at'],
    ...metricNames,
    ...weighted.map((name) => `${name}_points`),
    ...tested.map((name) => `test_${name}`),
  ];
  const rows = ranking.candidates.map((candidate) => describeRow(candidate, ranking, weighted, tested));
  return [head, ...rows].map((row) => `${row.map(writeCell).join(',')}\r\n`).join('');
}

function describeRow(
  candidate: Ranked,
  { settings }: Ranking,
  weighted: readonly MetricName[],
  tested: readonly MetricName[],
): readonly Cell[] {
  const { rank, score, names, id, origin, pareto, excluded, evaluatedAt, figures, normalised, testFigures } = candidate;
  return [
    ...[rank, score, names.join('; '), id, origin, pareto, excluded.join('; '), evaluatedAt],
    ...metricNames.map((name) => figures[name]),
    ...weighted.map((name) => {
      const value = normalised[name];
      return value === undefined ? null : Number((settings.weights[name]! * value).toPrecision(12));
    }),
    ...tested.map((name) => testFigures[name]),
  ];
}

function writeCell(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
