import { describe, expect, it } from '@jest/globals';
import { measureInRounds, type Contestant, type RoundSettings } from './rounds.ts';

/** Contestants that take as long as they are told, by a clock that only they move; `log` has who worked. */
async function raceOf(durations: Readonly<Record<string, number>>, settings: Partial<RoundSettings>) {
  let time = 1000;
  const log: string[] = [];
  const fractions: number[] = [];
  const contestants = Object.entries(durations).map(([name, milliseconds]): Contestant => ({
    work: () => {
      log.push(name);
      time += milliseconds;
      return Promise.resolve();
    },
  }));
  const samples = await measureInRounds(contestants, {
    seconds: 0.001,
    leastRounds: 1,
    samples: 1,
    settling: 0,
    now: () => time,
    onRound: (fraction) => fractions.push(fraction),
    ...settings,
  });
  return { samples, log: log.join(''), fractions };
}

describe('measureInRounds', () => {
  it('lets contestants take turns, another one first each round', async () => {
    expect((await raceOf({ A: 5, B: 7, C: 9 }, { leastRounds: 4 })).log).toBe('ABCBCACABABC');
  });

  it('gives each its own times, of all rounds', async () => {
    expect((await raceOf({ A: 5, B: 7 }, { leastRounds: 3 })).samples).toEqual([
      [5, 5, 5],
      [7, 7, 7],
    ]);
  });

  it('does not time the runs at the start of a turn', async () => {
    const { samples, log } = await raceOf({ A: 5, B: 7 }, { leastRounds: 2, settling: 1, samples: 2 });
    expect(log).toBe('AAABBBBBBAAA');
    expect(samples).toEqual([
      [5, 5, 5, 5],
      [7, 7, 7, 7],
    ]);
  });

  it('goes on until the time is up, and ends with a whole round', async () => {
    const { samples, fractions } = await raceOf({ A: 10, B: 20 }, { seconds: 0.1 });
    expect(samples.map((times) => times.length)).toEqual([4, 4]);
    expect(fractions).toEqual([0.3, 0.6, 0.9, 1]);
  });

  it('takes the least number of rounds however long they last', async () => {
    const { samples, fractions } = await raceOf({ A: 500 }, { seconds: 0.1, leastRounds: 4 });
    expect(samples).toEqual([[500, 500, 500, 500]]);
    expect(fractions).toEqual([0.25, 0.5, 0.75, 1]);
  });

  it('has nothing to do for nobody', async () => {
    expect(await raceOf({}, {})).toEqual({ samples: [], log: '', fractions: [] });
  });
});
