// How a model was trained, epoch by epoch: two curves, a table and a sentence.

import { curvesSpec } from '../charts/curves.ts';
import type { Curve } from '../charts/curves.ts';
import { renderSvg } from '../charts/render.ts';
import { describeEngine } from '../engine/engine.ts';
import type { TrainingHistory } from '../training/result.ts';
import { formatCount, formatDecimal, formatDuration, formatShare } from './figures.ts';

export interface CurveView {
  readonly title: string;
  readonly svg: string;
  readonly summary: string;
  /** For the tooltip: JSON of first epoch, the figures of both splits, and whether they are shares of 1. */
  readonly points: string;
}

export interface TrainingView {
  readonly curves: readonly CurveView[];
  readonly outcome: string;
  readonly epochs: readonly (readonly string[])[];
  readonly keptEpoch: string;
}

export async function buildTraining(history: TrainingHistory): Promise<TrainingView> {
  const kept = history.epochs.find(({ epoch }) => epoch === history.keptEpoch);
  const { halted } = history;
  const stopped =
    halted === undefined ? '' : `, stopped by successive halving after epoch ${halted.after} of ${halted.of}`;
  const ending = history.stoppedEarly ? ', stopped early' : stopped;
  return {
    curves: [await buildCurve(history, 'loss'), await buildCurve(history, 'accuracy')],
    outcome:
      `${history.epochs.length} ${history.epochs.length === 1 ? 'epoch' : 'epochs'} in ${formatDuration(history.seconds)}${ending}; ` +
      `weights of epoch ${history.keptEpoch} (validation ${formatShare(kept?.valAcc)}); ${describeEngine(history.engine)}`,
    epochs: history.epochs.map((record) => [
      String(record.epoch),
      formatDecimal(record.loss),
      formatDecimal(record.valLoss),
      formatShare(record.acc),
      formatShare(record.valAcc),
      Number(record.lr.toPrecision(3)).toString(),
      formatDuration(record.seconds),
      formatCount(record.imagesPerSecond),
    ]),
    keptEpoch: String(history.keptEpoch),
  };
}

async function buildCurve(history: TrainingHistory, curve: Curve): Promise<CurveView> {
  const share = curve === 'accuracy';
  const train = history.epochs.map(({ loss, acc }) => (share ? acc : loss));
  const val = history.epochs.map(({ valLoss, valAcc }) => (share ? valAcc : valLoss));
  const format = share ? formatShare : formatDecimal;
  return {
    title: share ? 'Accuracy' : 'Loss',
    svg: await renderSvg(curvesSpec(history, curve)),
    summary:
      `${share ? 'Accuracy' : 'Loss'} over ${history.epochs.length} epochs: training from ${format(train[0])} to ${format(train.at(-1))}, ` +
      `validation from ${format(val[0])} to ${format(val.at(-1))}.`,
    points: JSON.stringify({
      share,
      first: history.epochs[0]?.epoch ?? 1,
      train: train.map(round),
      val: val.map(round),
    }),
  };
}

/** A diverged loss is NaN, which is null in JSON. */
function round(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : Number(value.toFixed(4));
}
