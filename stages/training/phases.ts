// Phases of a training: fine-tuning trains the head of a network first and more of it later, each time with a learning rate and an optimiser of its
// own. A training without phases is one phase.

import type * as tfl from '@tensorflow/tfjs-layers';

import type { TrainSettings } from '../config/definition.ts';
import { learningRateAt } from './schedule.ts';

export interface Phase {
  /** Its first epoch, from 1; it ends where the next phase begins. */
  readonly fromEpoch: number;
  /** In place of that of the settings. The schedule goes over the epochs of the phase. */
  readonly lr: number;
  /** Makes the layers trainable that this phase trains, and no others, whatever was before. */
  readonly enter: (model: tfl.LayersModel) => void;
}

/** The phases in order; one over all epochs where none are given. Throws where they do not begin with epoch 1, in order. */
export function orderPhases(settings: TrainSettings, phases: readonly Phase[] = []): readonly Phase[] {
  if (phases.length === 0) return [{ fromEpoch: 1, lr: settings.lr, enter: () => undefined }];
  const inOrder = phases.every(({ fromEpoch }, index) => index === 0 || fromEpoch > phases[index - 1]!.fromEpoch);
  if (!inOrder || phases[0]!.fromEpoch !== 1) throw new Error('phases begin with epoch 1 and follow each other');
  return phases;
}

/** The phase of an epoch (from 1; 0 counts as 1). */
export function phaseAt(phases: readonly Phase[], epoch: number): Phase {
  return phases.findLast(({ fromEpoch }) => fromEpoch <= Math.max(1, epoch))!;
}

export interface Place {
  /** From 1. */
  readonly epoch: number;
  /** In the epoch, from 0. */
  readonly step: number;
  readonly stepsPerEpoch: number;
}

/** The learning rate of a step. */
export function rateAt(
  { epoch, step, stepsPerEpoch }: Place,
  { epochs, schedule }: TrainSettings,
  phases: readonly Phase[],
): number {
  const { fromEpoch, lr } = phaseAt(phases, epoch);
  const next = phases.find((phase) => phase.fromEpoch > epoch);
  const end = Math.min(epochs + 1, next?.fromEpoch ?? Infinity);
  const extent = { epochs: end - fromEpoch, stepsPerEpoch };
  return learningRateAt((epoch - fromEpoch) * stepsPerEpoch + step, lr, schedule, extent);
}
