import { describe, expect, it } from '@jest/globals';

import type { Schedule } from '../config/definition.ts';
import { learningRateAt } from './schedule.ts';

const extent = { epochs: 4, stepsPerEpoch: 2 };
const half = (progress: number): number => (1 + Math.cos(Math.PI * progress)) / 2;

describe('learning rates of all eight steps', () => {
  const tables: readonly (readonly [string, Schedule, readonly number[]])[] = [
    ['constant', { kind: 'constant', warmup: 0 }, [1, 1, 1, 1, 1, 1, 1, 1]],
    ['constant after two epochs of warm-up', { kind: 'constant', warmup: 2 }, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]],
    ['half an epoch of warm-up', { kind: 'constant', warmup: 0.5 }, [1, 1, 1, 1, 1, 1, 1, 1]],
    [
      'cosine to zero',
      { kind: 'cosine', warmup: 0, final: 0 },
      [1, 0.96194, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.03806],
    ],
    [
      'cosine to a fifth after an epoch of warm-up',
      { kind: 'cosine', warmup: 1, final: 0.2 },
      [0.5, 1, 1, 0.2 + 0.8 * half(1 / 6), 0.2 + 0.8 * 0.75, 0.6, 0.2 + 0.8 * 0.25, 0.2 + 0.8 * half(5 / 6)],
    ],
    ['step', { kind: 'step', warmup: 0, every: 1, gamma: 0.5 }, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]],
    [
      'step every three epochs after an epoch of warm-up',
      { kind: 'step', warmup: 1, every: 3, gamma: 0.1 },
      [0.5, 1, 1, 1, 1, 1, 0.1, 0.1],
    ],
    [
      'one cycle',
      { kind: 'one_cycle', rise: 0.5, start: 0.04, final: 0 },
      [0.04, 0.04 + 0.96 * half(0.75), 0.52, 0.04 + 0.96 * half(0.25), 1, half(0.25), 0.5, half(0.75)],
    ],
  ];

  it.each(tables)('%s', (_, schedule, expected) => {
    expected.forEach((rate, step) =>
      expect(learningRateAt(step, 0.002, schedule, extent)).toBeCloseTo(0.002 * rate, 8),
    );
  });

  it('reach the final rate with the end of the training, and stay finite for a training of one step', () => {
    const cosine: Schedule = { kind: 'cosine', warmup: 1, final: 0.1 };
    const cycle: Schedule = { kind: 'one_cycle', rise: 0.3, start: 0.04, final: 0.001 };
    expect(learningRateAt(8, 2, cosine, extent)).toBeCloseTo(0.2, 10);
    expect(learningRateAt(8, 2, cycle, extent)).toBeCloseTo(0.002, 10);
    for (const schedule of [cosine, cycle])
      expect(learningRateAt(0, 2, schedule, { epochs: 1, stepsPerEpoch: 1 })).toBe(2);
  });
});
