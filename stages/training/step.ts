// One step: the gradient of the loss of a batch. How the gradient is applied is the optimiser's business.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { computeGradients } from '../engine/backpropagation.ts';
import type { Batch } from './batch.ts';
import { crossEntropy, smoothLabels } from './loss.ts';
import type { Parameter } from './optimizer.ts';

export interface StepResult {
  /** Of each parameter, in order. */
  readonly gradients: readonly tf.Tensor[];
  /** Share in the mean cross-entropy against the (smoothed) labels, and the penalties of the layers: what the gradients are of. */
  readonly loss: tf.Scalar;
  /** [n, classes] */
  readonly logits: tf.Tensor2D;
}

/** The trainable weights of a model, in its order. Weight decay is for the kernels of convolutions and dense layers. */
export function parametersOf(model: tfl.LayersModel): readonly Parameter[] {
  return model.trainableWeights.map((weight) => {
    const variable = weight.read();
    if (!(variable instanceof tf.Variable)) throw new Error(`weight ${weight.originalName} is not a variable`);
    return { variable, decays: weight.originalName.endsWith('kernel') };
  });
}

export interface LossOptions {
  readonly labelSmoothing: number;
  /** Images of the whole batch, of which these are a part. Without it these are all. */
  readonly batchImages?: number;
  /** Whether the penalties of the layers are part of this loss: they count once in a batch, whatever its parts. Without it they are. */
  readonly hasPenalties?: boolean;
}

/** Runs (a part of) a batch forward in training mode and back. The caller disposes what it gets. */
export function computeStep(
  model: tfl.LayersModel,
  parameters: readonly Parameter[],
  batch: Batch,
  { labelSmoothing, batchImages = batch.labels.length, hasPenalties = true }: LossOptions,
): StepResult {
  return tf.tidy(() => {
    const [, ...shape] = model.inputs[0]!.shape as number[];
    const count = batch.labels.length;
    const images = tf.tensor(batch.images, [count, ...shape]);
    const classes = model.outputs[0]!.shape[1]!;
    const targets = tf.tensor2d(smoothLabels(batch.labels, classes, labelSmoothing), [count, classes]);
    const variables = parameters.map(({ variable }) => variable);
    let logits: tf.Tensor2D | undefined;
    const { loss, gradients } = computeGradients(() => {
      logits = tf.keep(model.apply(images, { training: true }) as tf.Tensor2D);
      const penalties = hasPenalties ? model.calculateLosses() : [];
      const loss = crossEntropy(logits, targets, batchImages);
      return penalties.reduce<tf.Scalar>((sum, penalty) => tf.add(sum, penalty), loss);
    }, variables);
    return { gradients, loss, logits: logits! };
  });
}

/**
 * The gradients scaled so that their norm, taken as one vector, is at most `limit`: g·limit/max(‖g‖, limit) (Pascanu et al. 2013).
 * The caller disposes the result; the gradients stay.
 */
export function clipByGlobalNorm(gradients: readonly tf.Tensor[], limit: number): readonly tf.Tensor[] {
  return tf.tidy(() => {
    const squares = gradients.map((gradient) => tf.sum(tf.square(gradient)));
    const norm = tf.sqrt(tf.addN(squares));
    const factor = tf.div(limit, tf.maximum(norm, limit));
    return gradients.map((gradient) => tf.mul(gradient, factor));
  });
}
