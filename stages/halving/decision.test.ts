import { describe, expect, it } from '@jest/globals';
import { someDefinition } from '../selection/testing.ts';
import { decide, type Contestant } from './decision.ts';
import type { RoundResult } from './result.ts';

function contestant(name: string, result: Partial<RoundResult> & { valAcc?: number; valLoss?: number }): Contestant {
  const full = { version: 1, definition: name, epochs: 2, state: 'open', valAcc: 0.1, valLoss: 3, ...result };
  return { name, plan: someDefinition, result: full as RoundResult };
}
const stopped = (contestants: readonly Contestant[], factor: number): string[] =>
  [...decide(contestants, factor).plans].flatMap(([name, { stopAfter }]) =>
    stopAfter === undefined ? [] : [`${name} after ${stopAfter}`],
  );
const field = (count: number): Contestant[] =>
  Array.from({ length: count }, (_, index) => contestant(String.fromCodePoint(97 + index), { valAcc: index / 100 }));

describe('decide', () => {
  it.each([
    [1, 3, 0],
    [2, 2, 1],
    [3, 3, 2],
    [4, 3, 2],
    [9, 3, 6],
    [8, 2, 4],
    [3, 1.1, 0],
    [5, 1000, 4],
  ])('of %i models and a factor of %f stops %i', (count, factor, expected) =>
    expect(stopped(field(count), factor)).toHaveLength(expected),
  );

  it('keeps the best by accuracy, then by loss, whatever they are called and however they are ordered', () => {
    const contestants = [
      contestant('worst', { valAcc: 0.1 }),
      contestant('best', { valAcc: 0.3 }),
      contestant('second', { valAcc: 0.2, valLoss: 2 }),
      contestant('third', { valAcc: 0.2, valLoss: 2.5 }),
    ];
    expect(stopped(contestants, 2)).toEqual(['worst after 2', 'third after 2']);
    expect(stopped(contestants.toReversed(), 2)).toEqual(['third after 2', 'worst after 2']);
  });

  it('gives whoever goes on the definition itself, so that its plan says nothing of the others', () => {
    const { plans } = decide(field(4), 2);
    expect(plans.get('d')).toEqual(someDefinition);
    expect(plans.get('a')).toEqual({ ...someDefinition, stopAfter: 2 });
  });

  it('counts two names of one model once', () => {
    const twins = ['x', 'y'].map((name) => contestant(name, { definition: 'same', valAcc: 0.5 }));
    expect(stopped([...twins, contestant('z', { valAcc: 0.4 })], 2)).toEqual(['z after 2']);
    expect(stopped([...twins, contestant('z', { valAcc: 0.6 })], 2)).toEqual(['x after 2', 'y after 2']);
  });

  it('lets those who are done, were stopped before, or have no result take no place', () => {
    const contestants: Contestant[] = [
      contestant('done', { state: 'done', valAcc: 0.9 }),
      { ...contestant('stopped', { state: 'stopped', epochs: 1 }), plan: { ...someDefinition, stopAfter: 1 } },
      { name: 'failed', plan: someDefinition, result: undefined },
      contestant('a', { valAcc: 0.2 }),
      contestant('b', { valAcc: 0.1 }),
    ];
    expect(stopped(contestants, 2)).toEqual(['stopped after 1', 'b after 2']);
    expect(decide(contestants, 2).lines).toEqual([
      '1 of 2 models go on',
      'done: done, with val_acc 0.9000 at epoch 2',
      'stopped: stopped after epoch 1 by the round before',
      'failed: no result',
      'a: place 1, with val_acc 0.2000 at epoch 2: goes on',
      'b: place 2, with val_acc 0.1000 at epoch 2: stops',
    ]);
  });
});
