// What a training says while it runs: the progress display, and a line an epoch for the log.

import { reportProgress } from '../context/progress.ts';
import type { EpochRecord } from './result.ts';
import type { Extent } from './schedule.ts';

export interface StepReport {
  /** From 1. */
  readonly epoch: number;
  /** Steps of the epoch that are done. */
  readonly step: number;
  /** Mean of the epoch so far. */
  readonly loss: number;
  readonly imagesPerSecond: number;
}

export interface TrainingReporter {
  readonly step: (report: StepReport) => void;
  readonly epoch: (record: EpochRecord) => void;
  readonly note: (text: string) => void;
}

/** Milliseconds between two progress lines. */
const interval = 500;

/** A reporter that writes to standard output. */
export function createReporter(extent: Extent): TrainingReporter {
  const total = extent.epochs * extent.stepsPerEpoch;
  const started = performance.now();
  let first: number | undefined;
  let lastAt = -Infinity;
  let valAcc: number | undefined;
  const say = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  return {
    step: ({ epoch, step, loss, imagesPerSecond }) => {
      const now = performance.now();
      const done = (epoch - 1) * extent.stepsPerEpoch + step;
      first ??= done - 1;
      if (now - lastAt < interval) return;
      lastAt = now;
      const remaining = ((now - started) / (done - first)) * (total - done);
      const known = valAcc === undefined ? '' : ` val_acc=${valAcc.toFixed(4)}`;
      reportProgress(
        done / total,
        `epoch ${epoch}/${extent.epochs} step ${step}/${extent.stepsPerEpoch} loss=${loss.toFixed(4)}${known} ${imagesPerSecond.toFixed(0)} images/s ETA ${formatSeconds(remaining / 1000)}`,
      );
    },
    epoch: (record) => {
      valAcc = record.valAcc;
      say(describeEpoch(record, extent.epochs));
    },
    note: say,
  };
}

function describeEpoch(record: EpochRecord, epochs: number): string {
  const { epoch, loss, acc, valLoss, valAcc, lr, seconds, imagesPerSecond } = record;
  return [
    `epoch ${epoch}/${epochs}: loss ${loss.toFixed(4)}, acc ${acc.toFixed(4)}`,
    `val_loss ${valLoss.toFixed(4)}, val_acc ${valAcc.toFixed(4)}`,
    `lr ${lr.toPrecision(3)}`,
    `${seconds.toFixed(1)} s, ${imagesPerSecond.toFixed(0)} images/s`,
  ].join('; ');
}

/** "45s", "3m12s", "2h05m". */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${pad(Math.floor((whole % 3600) / 60))}m`;
}
