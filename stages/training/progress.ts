// How far a training is: taken up from the checkpoint of an interruption, or from where an earlier part of the same training ended, and left for the
// next part. Parts that follow each other give the bits of one training.

import type * as tfl from '@tensorflow/tfjs-layers';

import { StageFailure } from '../context/fail.ts';
import { readCheckpoint, writeCheckpoint, type Checkpoint, type CheckpointReading } from './checkpoint.ts';
import { enterPhase, type Rank } from './rank.ts';
import type { TrainingReporter } from './report.ts';
import type { EpochRecord } from './result.ts';
import type { Extent } from './schedule.ts';
import { readWeights, weightSizes, writeWeights } from './weights.ts';

/** What of the training so far is not in the model and the optimiser. */
export interface Progress {
  readonly records: readonly EpochRecord[];
  readonly seconds: number;
  /** Weights of the best epoch; null where the model has them. */
  readonly kept: readonly Float32Array[] | null;
}

/** A part of a training, by folders that have its state. */
export interface TrainingPart {
  /** Where to go on from; without it training starts at the beginning. */
  readonly start?: string | undefined;
  /** The last epoch of the part; without it the part goes to the end. */
  readonly stopAfter?: number | undefined;
  /** Where to leave the state. */
  readonly leave?: string | undefined;
}

/** What of a training its progress is about. */
export interface Resumable {
  readonly model: tfl.LayersModel;
  readonly rank: Rank;
  readonly report: TrainingReporter;
  readonly extent: Extent;
  readonly checkpoint: { readonly folder: string; readonly fingerprint: string };
  readonly part?: TrainingPart | undefined;
}

/** Stands for the fingerprint in the state of a part: what it belongs to follows from its folder. */
const partMark = 'part';

/** Brings model and optimiser to where training goes on, or to its beginning. */
export function resume(training: Resumable): Progress {
  const own = readState(training, training.checkpoint);
  if (own.kind === 'ignored') training.report.note(own.reason);
  if (own.kind === 'found') return takeIn(training, own.checkpoint, 'of an interrupted training');
  const start = training.part?.start;
  if (start === undefined) {
    enterPhase(training.rank, 0);
    return { records: [], seconds: 0, kept: null };
  }
  const before = readState(training, { folder: start, fingerprint: partMark });
  if (before.kind === 'found') return takeIn(training, before.checkpoint, 'where the round before ended');
  throw new StageFailure(`${start} has no state of this training; \`dagrun repro --force\` makes it again`);
}

/** Brings the replica into the phase of the state that it finds. */
function readState({ model, rank }: Resumable, { folder, fingerprint }: Resumable['checkpoint']): CheckpointReading {
  const slotsAfter = (epochs: number): readonly number[] => {
    enterPhase(rank, epochs);
    return rank.replica.slotSizes();
  };
  return readCheckpoint(folder, { fingerprint, weights: weightSizes(model), slots: slotsAfter });
}

function takeIn({ model, rank, report, extent }: Resumable, state: Checkpoint, whence: string): Progress {
  const { records, seconds, optimizerSteps, weights, slots, kept } = state;
  writeWeights(model, weights);
  rank.replica.restoreOptimizer({ steps: optimizerSteps, slots });
  report.note(`going on after epoch ${records.length}/${extent.epochs} ${whence}`);
  return { records, seconds, kept };
}

/** All that a checkpoint has. */
export async function snapshot(
  { model, rank }: Pick<Resumable, 'model' | 'rank'>,
  progress: Progress,
): Promise<Checkpoint> {
  const { steps, slots } = await rank.replica.optimizerState();
  return { ...progress, optimizerSteps: steps, weights: await readWeights(model), slots };
}

/** Leaves the state of a part in a folder, which is made. */
export function leaveState(folder: string, state: Checkpoint): void {
  writeCheckpoint(folder, partMark, state);
}
