// The ranking as a table: what its columns are, and the cells with what they are sorted by.

import { metricNames } from '../selection/ranking.ts';
import type { MetricName, Ranking } from '../selection/ranking.ts';
import { formatDecimal, formatInstant, formatShare, metricStyles } from './figures.ts';
import type { ModelRecord } from './records.ts';

export interface Column {
  readonly label: string;
  readonly meaning: string;
  /** "× 2", or empty where the figure does not count. */
  readonly weight: string;
}

export interface Cell {
  readonly text: string;
  /** What the column is sorted by; empty: unknown, always last. */
  readonly value: string;
}

export interface Row {
  readonly label: string;
  readonly anchor: string;
  readonly origin: string;
  readonly rank: number;
  readonly rankText: string;
  readonly winner: boolean;
  readonly pareto: boolean;
  readonly score: Cell;
  /** Of the best score, from 0 to 100. */
  readonly scorePercent: number;
  readonly cells: readonly Cell[];
}

export interface RankingTable {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** Shown whether they have a weight or not. */
const always: ReadonlySet<MetricName> = new Set(['val_acc', 'complexity', 'macs', 'mean_predictions_time']);

/** Ranked candidates only, best first. */
export function buildTable(ranking: Ranking, records: readonly ModelRecord[]): RankingTable {
  const { weights } = ranking.settings;
  const shown = metricNames.filter((metric) => weights[metric] !== undefined || always.has(metric));
  const columns = shown.flatMap((metric): Column[] => {
    const { label, meaning } = metricStyles[metric];
    const weight = weights[metric] === undefined ? '' : `× ${weights[metric]}`;
    const column = { label, meaning, weight };
    return metric === 'val_acc' ? [column, { label: 'Test acc.', meaning: 'Shown, never used', weight: '' }] : [column];
  });
  const ranked = records.filter(({ candidate }) => candidate.rank !== null);
  const best = Math.max(0, ...ranked.map(({ candidate }) => candidate.score ?? 0));
  return { columns, rows: ranked.map((record) => buildRow(record, ranking, { shown, best, ranked })) };
}

function buildRow(
  { candidate, label, anchor }: ModelRecord,
  ranking: Ranking,
  { shown, best, ranked }: { shown: readonly MetricName[]; best: number; ranked: readonly ModelRecord[] },
): Row {
  const score = candidate.score ?? 0;
  const rank = candidate.rank ?? 0;
  const tied = ranked.filter((other) => other.candidate.rank === rank).length > 1;
  return {
    label,
    anchor,
    origin: describeOrigin(candidate),
    rank,
    rankText: tied ? `${rank} =` : String(rank),
    winner: candidate.id === ranking.winner,
    pareto: candidate.pareto,
    score: { text: formatDecimal(score), value: String(score) },
    scorePercent: best > 0 ? Math.round((score / best) * 1000) / 10 : 0,
    cells: shown.flatMap((metric) => {
      const figure = candidate.figures[metric];
      const cell = { text: metricStyles[metric].format(figure), value: figure === null ? '' : String(figure) };
      if (metric !== 'val_acc') return [cell];
      const test = candidate.testFigures.val_acc;
      return [cell, { text: formatShare(test), value: test === undefined ? '' : String(test) }];
    }),
  };
}

/** "this run", or since when the history knows it. */
export function describeOrigin({ origin, evaluatedAt }: ModelRecord['candidate']): string {
  return origin === 'run' ? 'this run' : `history, ${formatInstant(evaluatedAt).slice(0, 10)}`;
}
