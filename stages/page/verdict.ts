// The first thing on the page: who won, against whom, by what, and how firmly.

import type { Ranked, Ranking } from '../selection/ranking.ts';
import { formatDecimal, metricStyles } from './figures.ts';
import type { ModelRecord } from './records.ts';
import { weightedMetrics } from './weights.ts';

/** One weighted metric, winner against runner-up. */
export interface DuelRow {
  readonly label: string;
  readonly weight: string;
  readonly winner: DuelCell;
  readonly runnerUp: DuelCell | null;
}

export interface DuelCell {
  readonly figure: string;
  /** Weight × normalised value. */
  readonly points: string;
  readonly ahead: boolean;
}

/** What a changed weight does to the choice. */
export interface StabilityRow {
  readonly label: string;
  /** For each factor of `factors`; null: not tried. */
  readonly outcomes: readonly ({ readonly same: boolean; readonly winner: string } | null)[];
}

export interface VerdictView {
  readonly winner: { readonly label: string; readonly anchor: string } | null;
  readonly runnerUp: { readonly label: string; readonly anchor: string } | null;
  readonly sentences: readonly string[];
  readonly keyFigures: readonly { readonly label: string; readonly value: string; readonly note: string }[];
  readonly duel: readonly DuelRow[];
  readonly totals: { readonly winner: string; readonly runnerUp: string } | null;
  readonly factors: readonly string[];
  readonly stability: readonly StabilityRow[];
  /** "5 of 6" */
  readonly unchanged: string;
}

export function buildVerdict(ranking: Ranking, records: readonly ModelRecord[]): VerdictView {
  const byId = new Map(records.map((record) => [record.candidate.id, record]));
  const winner = ranking.winner === null ? undefined : byId.get(ranking.winner);
  const runnerUp = ranking.runnerUp === null ? undefined : byId.get(ranking.runnerUp);
  const factors = [...new Set(ranking.shifts.map(({ factor }) => factor))].sort((a, b) => a - b);
  const unchanged = ranking.shifts.filter((shift) => shift.winner === ranking.winner).length;
  return {
    winner: winner === undefined ? null : link(winner),
    runnerUp: runnerUp === undefined ? null : link(runnerUp),
    sentences: ranking.verdict,
    keyFigures: winner === undefined ? [] : pickKeyFigures(winner.candidate),
    duel: winner === undefined ? [] : compareTwo(ranking, winner.candidate, runnerUp?.candidate ?? null),
    totals:
      winner === undefined
        ? null
        : { winner: formatDecimal(winner.candidate.score), runnerUp: formatDecimal(runnerUp?.candidate.score) },
    factors: factors.map((factor) => `${factor < 1 ? '−' : '+'}${Math.round(Math.abs(factor - 1) * 100)}%`),
    stability: describeShifts(ranking, byId, factors),
    unchanged: `${unchanged} of ${ranking.shifts.length}`,
  };
}

function link({ label, anchor }: ModelRecord): { readonly label: string; readonly anchor: string } {
  return { label, anchor };
}

/** What anybody asks first, whatever the weights are. */
export function pickKeyFigures({ figures, testFigures }: Ranked): VerdictView['keyFigures'] {
  const style = metricStyles;
  const test = testFigures.val_acc === undefined ? '' : `test ${style.val_acc.format(testFigures.val_acc)}`;
  return [
    { label: 'Validation accuracy', value: style.val_acc.format(figures.val_acc), note: test },
    {
      label: 'Parameters',
      value: style.complexity.format(figures.complexity),
      note: style.model_bytes.format(figures.model_bytes),
    },
    {
      label: 'Time an image',
      value: style.mean_predictions_time.format(figures.mean_predictions_time),
      note: figures.latency_p50 === null ? '' : `${style.latency_p50.format(figures.latency_p50)} alone`,
    },
  ];
}

function compareTwo(ranking: Ranking, winner: Ranked, runnerUp: Ranked | null): DuelRow[] {
  return weightedMetrics(ranking.settings).map(({ metric, weight }) => {
    const style = metricStyles[metric];
    const [own, other] = [winner.normalised[metric] ?? 0, runnerUp?.normalised[metric] ?? 0];
    const cell = (candidate: Ranked, share: number, against: number): DuelCell => ({
      figure: style.format(candidate.figures[metric]),
      points: formatDecimal(share * weight),
      ahead: share > against,
    });
    return {
      label: style.label,
      weight: String(weight),
      winner: cell(winner, own, other),
      runnerUp: runnerUp === null ? null : cell(runnerUp, other, own),
    };
  });
}

function describeShifts(
  ranking: Ranking,
  byId: ReadonlyMap<string, ModelRecord>,
  factors: readonly number[],
): StabilityRow[] {
  const metrics = [...new Set(ranking.shifts.map(({ metric }) => metric))];
  return metrics.map((metric) => ({
    label: metricStyles[metric].label,
    outcomes: factors.map((factor) => {
      const shift = ranking.shifts.find((one) => one.metric === metric && one.factor === factor);
      if (shift === undefined) return null;
      return { same: shift.winner === ranking.winner, winner: byId.get(shift.winner)?.label ?? shift.winner };
    }),
  }));
}
