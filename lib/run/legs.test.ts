import { describe, expect, it } from '@jest/globals';
import type { Fingerprint } from '../plan/parts.ts';
import type { StageState } from './assess.ts';
import { legsOf, type Member } from './legs.ts';

const member = (name: string, state: StageState, fingerprint: string | null = name): Member => ({
  name,
  group: name.split('@')[0]!,
  state,
  fingerprint: fingerprint as Fingerprint | null,
});

describe('legs', () => {
  it('are the members with work to do, in order', () => {
    const members = [
      member('train@a', 'stale'),
      member('train@b', 'fresh'),
      member('train@c', 'restorable'),
      member('train@d', 'frozen'),
      member('train@e', 'unknown', null),
    ];
    expect(legsOf(members)).toEqual([
      { name: 'a', stages: ['train@a'] },
      { name: 'e', stages: ['train@e'] },
    ]);
    expect(legsOf([])).toEqual([]);
  });

  it('hold the stages of all groups of a member, whichever is stale', () => {
    const members = [
      member('train@a', 'fresh'),
      member('train@b', 'stale'),
      member('train@c', 'fresh'),
      member('evaluate@a', 'stale'),
      member('evaluate@b', 'unknown', null),
      member('evaluate@c', 'fresh'),
    ];
    expect(legsOf(members)).toEqual([
      { name: 'a', stages: ['train@a', 'evaluate@a'] },
      { name: 'b', stages: ['train@b', 'evaluate@b'] },
    ]);
  });

  it('are one for members that would do the same work', () => {
    const members = [
      member('train@a', 'stale', 'f1'),
      member('train@twin', 'stale', 'f1'),
      member('train@other', 'stale', 'f2'),
      member('evaluate@a', 'unknown', null),
      member('evaluate@twin', 'unknown', null),
      member('evaluate@other', 'unknown', null),
    ];
    expect(legsOf(members)).toEqual([
      { name: 'a', stages: ['train@a', 'evaluate@a', 'train@twin', 'evaluate@twin'] },
      { name: 'other', stages: ['train@other', 'evaluate@other'] },
    ]);
  });

  it('are apart for members of which nothing is known yet', () => {
    const members = [member('train@a', 'unknown', null), member('train@b', 'unknown', null)];
    expect(legsOf(members)).toHaveLength(2);
  });

  it('know a stage outside of any group by its name', () => {
    expect(legsOf([member('train', 'stale')])).toEqual([{ name: 'train', stages: ['train'] }]);
  });
});
