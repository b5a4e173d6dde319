import { describe, expect, it } from '@jest/globals';

import { toySettings } from './fixtures/toy.ts';
import { orderPhases, phaseAt, rateAt, type Phase } from './phases.ts';

const enter = (): void => undefined;
const phases: readonly Phase[] = [
  { fromEpoch: 1, lr: 1, enter },
  { fromEpoch: 4, lr: 0.1, enter },
];
const settings = { ...toySettings, epochs: 5 };

describe('phases', () => {
  it('are one with the settings of the training where there are none', () => {
    expect(orderPhases(settings)).toEqual([{ fromEpoch: 1, lr: settings.lr, enter: expect.any(Function) }]);
    expect(orderPhases(settings, phases)).toBe(phases);
  });

  it('are refused where epochs have none, or two', () => {
    expect(() => orderPhases(settings, phases.slice(1))).toThrow('begin with epoch 1');
    expect(() => orderPhases(settings, [phases[0]!, phases[0]!])).toThrow('follow each other');
  });

  it('change at their first epoch', () => {
    expect([0, 1, 3, 4, 5].map((epoch) => phaseAt(phases, epoch).fromEpoch)).toEqual([1, 1, 1, 4, 4]);
  });

  it('have a schedule each, over their own epochs, with their own rate', () => {
    const cosine = { ...settings, schedule: { kind: 'cosine', warmup: 1, final: 0 } } as const;
    const rates = [1, 2, 3, 4, 5].map((epoch) => rateAt({ epoch, step: 0, stepsPerEpoch: 2 }, cosine, phases));
    [0.5, 1, 0.5, 0.05, 0.1].forEach((rate, index) => expect(rates[index]).toBeCloseTo(rate, 9));
  });
});
