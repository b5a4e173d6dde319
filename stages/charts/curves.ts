// A figure over the epochs of a training, on the training images and on the validation images. Knows the history of one model only.

import type { TopLevelSpec } from 'vega-lite';
import type { TrainingHistory } from '../training/result.ts';
import { pageColour, pageConfig } from './theme.ts';

export type Curve = 'loss' | 'accuracy';

/** Lines of up to this many epochs have a dot for each. */
const dotted = 12;

/** A chart of 400 × 210 pixels within its axes. The caller says which line is which: solid is validation, dashed is training. */
export function curvesSpec(history: TrainingHistory, curve: Curve): TopLevelSpec {
  const values = history.epochs.flatMap((record) => {
    const [train, val] = curve === 'loss' ? [record.loss, record.valLoss] : [record.acc, record.valAcc];
    return [
      { epoch: record.epoch, value: train, split: 'train' },
      { epoch: record.epoch, value: val, split: 'val' },
    ];
  });
  const last = history.epochs.at(-1)?.epoch ?? 1;
  const domain: number[] = last === 1 ? [0.5, 1.5] : [1, last];
  const x = {
    field: 'epoch',
    type: 'quantitative',
    scale: { domain, nice: false, zero: false },
    axis: { title: 'Epoch', format: 'd', tickMinStep: 1, tickCount: Math.min(last, 8), grid: false },
  } as const;
  return {
    config: pageConfig,
    width: 400,
    height: 210,
    data: { values },
    layer: [
      {
        data: { values: [{ epoch: history.keptEpoch }] },
        mark: { type: 'rule', color: pageColour.text, strokeDash: [2, 3] },
        encoding: { x },
      },
      {
        mark: { type: 'line', strokeWidth: 2, strokeCap: 'round', point: last <= dotted ? { size: 28 } : false },
        encoding: {
          x,
          y: {
            field: 'value',
            type: 'quantitative',
            scale: { zero: false },
            axis: { title: null, tickCount: 5, ...(curve === 'accuracy' ? { format: '.0%' } : {}) },
          },
          color: {
            field: 'split',
            type: 'nominal',
            scale: { domain: ['train', 'val'], range: [pageColour.train, pageColour.accent] },
            legend: null,
          },
          strokeDash: {
            field: 'split',
            type: 'nominal',
            scale: {
              domain: ['train', 'val'],
              range: [
                [5, 4],
                [1, 0],
              ],
            },
            legend: null,
          },
        },
      },
    ],
  };
}
