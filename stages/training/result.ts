// What a training leaves behind beside the model.

import type { EngineInfo } from '../engine/engine.ts';

export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  /** Mean over the images of the epoch, as they were trained (augmented, with dropout); regularisation is not in it. */
  readonly loss: number;
  readonly acc: number;
  readonly valLoss: number;
  readonly valAcc: number;
  /** At the last step of the epoch. */
  readonly lr: number;
  /** Of training, validation not counted. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/** How far a training came that others were better than. */
export interface Halt {
  /** Epochs that were trained, of so many. */
  readonly after: number;
  readonly of: number;
}

/** Content of `artifacts/<model>/history.json`. */
export interface TrainingHistory {
  readonly version: 1;
  readonly epochs: readonly EpochRecord[];
  /** The epoch whose weights the model has. */
  readonly keptEpoch: number;
  readonly stoppedEarly: boolean;
  /** Where the training was ended by a comparison with others (successive halving): it is not finished. */
  readonly halted?: Halt;
  /** Seconds of all epochs with validation, also those before an interruption. */
  readonly seconds: number;
  readonly engine: EngineInfo;
  /** SHA-256 of the weights file that the training started from, where it did. */
  readonly pretrained?: string;
}
