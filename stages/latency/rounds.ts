// Measuring several things fairly on a machine that changes its pace (turbo clocks, neighbours, heat): they take turns in rounds, each has a
// turn in every round, and so the same number of samples taken over the same stretch of time. Knows nothing of models.

/** Something to measure. */
export interface Contestant {
  /** Does the work once, to its end. */
  readonly work: () => Promise<void>;
}

export interface RoundSettings {
  /** Time for all rounds together, in seconds; no round begins after it, once there are `leastRounds`. */
  readonly seconds: number;
  readonly leastRounds: number;
  /** Samples in a turn. */
  readonly samples: number;
  /** Untimed runs at the start of each turn, so that what the last contestant left in the processor's caches does not count. */
  readonly settling: number;
  /** Milliseconds, of any origin. */
  readonly now: () => number;
  /** Called after each round with the part of the work that is done, below 1 until the last. */
  readonly onRound: (fraction: number) => void;
}

/**
 * Runs rounds A B C, B C A, C A B, … until the time is up.
 * @returns for each contestant its samples, in milliseconds, in the order in which they were taken
 */
export async function measureInRounds(
  contestants: readonly Contestant[],
  settings: RoundSettings,
): Promise<number[][]> {
  const { seconds, leastRounds, now, onRound } = settings;
  const samples = contestants.map((): number[] => []);
  if (contestants.length === 0) return samples;
  const start = now();
  for (let round = 0, spent = 0; round < leastRounds || spent < 1; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const index = (round + turn) % contestants.length;
      samples[index]!.push(...(await takeTurn(contestants[index]!, settings)));
    }
    spent = (now() - start) / (1000 * seconds);
    onRound(Math.min(1, spent, (round + 1) / leastRounds));
  }
  return samples;
}

async function takeTurn({ work }: Contestant, { samples, settling, now }: RoundSettings): Promise<number[]> {
  for (let run = 0; run < settling; run++) await work();
  const times: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const begin = now();
    await work();
    times.push(now() - begin);
  }
  return times;
}
