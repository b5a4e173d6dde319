// Which layers of a backbone are trained. A frozen layer keeps its weights, and a frozen batch normalisation its statistics: it works as in inference
// then, as in Keras; TensorFlow.js by itself would go on with those of each batch. All this is state of the layers in memory: of a saved model only the
// flag `trainable` tells of it, which changes nothing in what the model computes.

import type * as tfl from '@tensorflow/tfjs-layers';

import { kerasLayers } from '../backbone/part.ts';
import { isScaling } from '../backbone/scaling.ts';
import type { Architecture, Frozen } from '../config/definition.ts';

/**
 * Freezes the first so many layers of a model's backbone, or all, and lets the others be trained. They are counted as in `layers` of Keras's own model
 * of the backbone, of which the first is the input. What scales the pixels is never trained.
 */
export function setFrozen(model: tfl.LayersModel, frozen: Frozen): void {
  for (const [index, layer] of kerasLayers(model).entries()) {
    const place = index + 1;
    layer.trainable = frozen !== 'all' && place >= frozen && !isScaling(layer);
  }
}

/**
 * From now on each batch normalisation of the model works as in inference whenever it is frozen. To be called once for a model in memory; without
 * frozen layers it computes as before.
 */
export function holdFrozenStatistics(model: tfl.LayersModel): void {
  for (const layer of model.layers.filter((one) => one.getClassName() === 'BatchNormalization')) {
    const call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => call(inputs, layer.trainable ? kwargs : { ...kwargs, training: false });
  }
}

/** What a part of a training changes about the model; see training/phases.ts. */
export interface FreezingPhase {
  /** From 1. */
  readonly fromEpoch: number;
  readonly lr: number;
  readonly enter: (model: tfl.LayersModel) => void;
}

/**
 * The phases of training an architecture: two where it is fine-tuned; undefined where it is trained in one.
 * @param lr - of the first phase
 */
export function phasesOf(architecture: Architecture, lr: number): readonly FreezingPhase[] | undefined {
  if (architecture.kind === 'custom' || architecture.fineTuning === null) return undefined;
  const { frozen, fineTuning } = architecture;
  return [
    { fromEpoch: 1, lr, enter: (model) => setFrozen(model, frozen) },
    { fromEpoch: fineTuning.after + 1, lr: fineTuning.lr, enter: (model) => setFrozen(model, fineTuning.frozen) },
  ];
}
