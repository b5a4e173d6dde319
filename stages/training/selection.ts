// Which epoch is kept, and when training ends early: pure functions of the history, so that nothing of it has to be remembered.

import type { EarlyStopping, Monitor } from '../config/definition.ts';
import type { EpochRecord } from './result.ts';

/** The epoch whose weights are kept: the first of the best by a figure, or the last one; 0 before the first. */
export function keptEpoch(records: readonly EpochRecord[], keep: Monitor | 'last'): number {
  if (keep === 'last') return records.at(-1)?.epoch ?? 0;
  let best: EpochRecord | undefined;
  for (const record of records) if (best === undefined || gain(record, best, keep) > 0) best = record;
  return best?.epoch ?? 0;
}

/** Whether the figure has not improved by more than `minDelta` for `patience` epochs (for one, where patience is 0). */
export function isStalled(records: readonly EpochRecord[], settings: EarlyStopping | null): boolean {
  if (settings === null) return false;
  let best: EpochRecord | undefined;
  let waited = 0;
  for (const record of records) {
    waited += 1;
    if (best !== undefined && gain(record, best, settings.monitor) <= settings.minDelta) continue;
    best = record;
    waited = 0;
  }
  return waited >= Math.max(1, settings.patience);
}

/** By how much one epoch is better than another. */
function gain(record: EpochRecord, other: EpochRecord, monitor: Monitor): number {
  return monitor === 'val_acc' ? record.valAcc - other.valAcc : other.valLoss - record.valLoss;
}
