// Evaluates a model on one split of a data set.

import type * as tfl from '@tensorflow/tfjs-layers';

import { StageFailure } from '../context/fail.ts';
import type { SplitName } from '../data/manifest.ts';
import type { ImageShape } from '../model/logits.ts';
import type { Team } from '../threads/team.ts';
import { predictAll } from './prediction.ts';
import { addLogits, emptyTally, type Tally } from './tally.ts';

export interface LabelledImages {
  readonly count: number;
  /** [count, h, w, c]. */
  readonly images: Uint8Array;
  readonly labels: Uint16Array;
}

export interface SplitOptions {
  readonly model: tfl.LayersModel;
  readonly name: SplitName;
  readonly split: LabelledImages;
  readonly shape: ImageShape;
  readonly classes: number;
  readonly team: Team;
  /** Called now and then with how many images are done. */
  readonly onProgress: (images: number) => void;
}

/** Predicts every image of the split, in order. Throws a StageFailure for an empty split and for a model that gives no finite numbers. */
export async function evaluateSplit({ name, split, classes, ...task }: SplitOptions): Promise<Tally> {
  const { count, images, labels } = split;
  if (count === 0)
    throw new StageFailure(`the ${name} split has no images: give the data more images, or change prepare.split`);
  const tally = emptyTally(classes, count);
  addLogits(tally, await predictAll({ ...task, images, count, classes }), labels);
  return tally;
}
