// A model that is being trained on one thread, with all that belongs to it: optimiser, dropout, statistics of batch normalisation. It computes parts of
// a batch and takes the sum over all parts in. Replicas on other threads that take the same sums in stay equal to the last bit. Knows nothing of threads.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { TrainSettings } from '../config/definition.ts';
import type { Batch } from './batch.ts';
import { seedDropout } from './dropout.ts';
import { scoreLogits, type Score } from './loss.ts';
import { createOptimizer, type Optimizer, type OptimizerState, type Parameter } from './optimizer.ts';
import type { Phase } from './phases.ts';
import { releaseFrozen } from './release.ts';
import { clipByGlobalNorm, computeStep, parametersOf } from './step.ts';
import { statisticsOf } from './weights.ts';

/** A part of the batch of a step. */
export interface PartTask {
  /** The images of the part. */
  readonly batch: Batch;
  /** Where in the batch they begin, and how many images the batch has. */
  readonly firstRow: number;
  readonly batchImages: number;
  /** Of the training, from 0. */
  readonly globalStep: number;
}

export interface PartResult {
  /** What is to be added up over the parts: gradients, then changes of the statistics, each with the weight of the part. The caller disposes them. */
  readonly terms: readonly tf.Tensor[];
  /** Share in the loss of the batch: cross-entropy, with the penalties of the layers in the first part. */
  readonly loss: number;
  readonly score: Score;
}

export interface Replica {
  readonly model: tfl.LayersModel;
  /** Begins a phase: its layers are trained, by an optimiser without a past. */
  readonly enter: (phase: Phase) => void;
  /** Of all that a part adds to the sum, in this phase. */
  readonly termShapes: () => readonly (readonly number[])[];
  /** Runs a part forward and back. The replica stays as it is. */
  readonly compute: (part: PartTask) => Promise<PartResult>;
  /** Takes the sum over the parts in: gradients by the optimiser, statistics as they are. */
  readonly apply: (sum: readonly tf.Tensor[], lr: number) => void;
  readonly optimizerState: () => Promise<OptimizerState>;
  readonly restoreOptimizer: (state: OptimizerState) => void;
  /** Elements of each slot of the optimiser, in this phase. */
  readonly slotSizes: () => readonly number[];
  /** Disposes all but the model. */
  readonly dispose: () => void;
}

/** A replica around a model, in the given phase. */
export function openReplica(model: tfl.LayersModel, settings: TrainSettings, phase: Phase): Replica {
  const dropout = seedDropout(model, settings.seed);
  const statistics = createStatistics(model);
  const releaser = releaseFrozen(model);
  let parameters: readonly Parameter[] = [];
  let optimizer: Optimizer | undefined;
  const enter = (next: Phase): void => {
    next.enter(model);
    releaser.update();
    optimizer?.dispose();
    parameters = parametersOf(model);
    optimizer = createOptimizer(settings.optimizer, parameters, settings.weightDecay);
  };
  enter(phase);
  return {
    model,
    enter,
    termShapes: () => [...parameters.map(({ variable }) => variable.shape), ...statistics.shapes],
    compute: async ({ batch, firstRow, batchImages, globalStep }) => {
      dropout.set(globalStep, firstRow);
      statistics.begin();
      const { labelSmoothing } = settings;
      const options = { labelSmoothing, batchImages, hasPenalties: firstRow === 0 };
      const { gradients, loss, logits } = computeStep(model, parameters, batch, options);
      const changes = statistics.takeBack(batch.labels.length / batchImages);
      const values = await Promise.all([loss.data(), logits.data<'float32'>()]);
      tf.dispose([loss, logits]);
      return { terms: [...gradients, ...changes], loss: values[0][0]!, score: scoreLogits(values[1], batch.labels) };
    },
    apply: (sum, lr) => {
      applyGradients(optimizer!, sum.slice(0, parameters.length), lr, settings.gradClip);
      statistics.move(sum.slice(parameters.length));
    },
    optimizerState: () => optimizer!.state(),
    restoreOptimizer: (state) => optimizer!.restore(state),
    slotSizes: () => optimizer!.slotSizes,
    dispose: () => {
      optimizer!.dispose();
      releaser.dispose();
    },
  };
}

function applyGradients(
  optimizer: Optimizer,
  gradients: readonly tf.Tensor[],
  lr: number,
  limit: TrainSettings['gradClip'],
): void {
  if (limit === null) {
    optimizer.apply(gradients, lr);
    return;
  }
  const clipped = clipByGlobalNorm(gradients, limit);
  optimizer.apply(clipped, lr);
  tf.dispose([...clipped]);
}

interface Statistics {
  readonly shapes: readonly (readonly number[])[];
  /** To be called before the model runs. */
  readonly begin: () => void;
  /** Undoes what the run has changed, and returns the changes times a weight. The caller disposes them. */
  readonly takeBack: (weight: number) => readonly tf.Tensor[];
  readonly move: (changes: readonly tf.Tensor[]) => void;
}

/**
 * The moving statistics of batch normalisation. Each part of a batch would move them by its own mean and variance; what counts is the mean of these
 * moves, weighted with the sizes of the parts, all from where the statistics were when the step began.
 */
function createStatistics(model: tfl.LayersModel): Statistics {
  const weights = statisticsOf(model);
  let before: readonly tf.Tensor[] = [];
  return {
    shapes: weights.map(({ shape }) => shape as number[]),
    begin: () => {
      before = weights.map((weight) => tf.clone(weight.read()));
    },
    takeBack: (share) => {
      const changes = weights.map((weight, index) =>
        tf.tidy(() => tf.mul(tf.sub(weight.read(), before[index]!), share)),
      );
      weights.forEach((weight, index) => weight.write(before[index]!));
      tf.dispose([...before]);
      before = [];
      return changes;
    },
    move: (changes) => {
      weights.forEach((weight, index) =>
        tf.tidy(() => {
          weight.write(tf.add(weight.read(), changes[index]!));
        }),
      );
    },
  };
}
