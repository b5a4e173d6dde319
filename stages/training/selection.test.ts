import { describe, expect, it } from '@jest/globals';

import type { EpochRecord } from './result.ts';
import { isStalled, keptEpoch } from './selection.ts';

const record = (epoch: number, valAcc: number, valLoss: number): EpochRecord => ({
  epoch,
  valAcc,
  valLoss,
  loss: 1,
  acc: 0.5,
  lr: 0.1,
  seconds: 1,
  imagesPerSecond: 1,
});
const records = [record(1, 0.2, 2), record(2, 0.4, 1.5), record(3, 0.4, 1.4), record(4, 0.3, 1.45)];

describe('the epoch that is kept', () => {
  it('is the first of the best by accuracy or loss, or the last', () => {
    expect(keptEpoch(records, 'val_acc')).toBe(2);
    expect(keptEpoch(records, 'val_loss')).toBe(3);
    expect(keptEpoch(records, 'last')).toBe(4);
    expect(keptEpoch([], 'val_acc')).toBe(0);
    expect(keptEpoch([], 'last')).toBe(0);
  });
});

describe('early stopping', () => {
  const stalledAfter = (monitor: 'val_acc' | 'val_loss', patience: number, minDelta = 0): number =>
    records.findIndex((_, index) => isStalled(records.slice(0, index + 1), { monitor, patience, minDelta })) + 1;

  it('waits for as many epochs as its patience', () => {
    expect(stalledAfter('val_acc', 1)).toBe(3);
    expect(stalledAfter('val_acc', 2)).toBe(4);
    expect(stalledAfter('val_acc', 3)).toBe(0);
    expect(stalledAfter('val_loss', 1)).toBe(4);
    expect(stalledAfter('val_loss', 0)).toBe(4);
  });

  it('counts improvements of more than minDelta only, against the last that counted', () => {
    expect(stalledAfter('val_loss', 1, 0.2)).toBe(3);
    expect(stalledAfter('val_loss', 1, 0.6)).toBe(2);
  });

  it('never ends a training that has none, nor one that has not begun', () => {
    expect(isStalled(records, null)).toBe(false);
    expect(isStalled([], { monitor: 'val_acc', patience: 0, minDelta: 0 })).toBe(false);
  });
});
