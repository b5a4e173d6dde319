// How a model came out of a round: content of `results/<model>.json`.

import type { TrainingHistory } from '../training/result.ts';

interface Outcome {
  readonly version: 1;
  /** Digest of the definition: two names of one model are one contestant. */
  readonly definition: string;
  readonly epochs: number;
}

/** `open`: there is more to train; `done`: there is not. */
export interface Trained extends Outcome {
  readonly state: 'open' | 'done';
  /** Of the best epoch so far, by accuracy. */
  readonly valAcc: number;
  readonly valLoss: number;
}

/** A round before has stopped it. */
export interface Passed extends Outcome {
  readonly state: 'stopped';
}

export type RoundResult = Trained | Passed;

export function resultOf(definition: string, { epochs, halted }: TrainingHistory): Trained {
  const best = epochs.reduce((a, b) =>
    b.valAcc > a.valAcc || (b.valAcc === a.valAcc && b.valLoss < a.valLoss) ? b : a,
  );
  return {
    version: 1,
    definition,
    epochs: epochs.length,
    state: halted === undefined ? 'done' : 'open',
    valAcc: best.valAcc,
    valLoss: best.valLoss,
  };
}
