// The model of a definition, made anew on each thread of a training: `createReplica` is what threads call. Their weights are copied from the leading
// thread, so that nothing else has to travel.

import type * as tfl from '@tensorflow/tfjs-layers';

import type { Architecture } from '../config/definition.ts';
import { buildModel, type BuildOptions } from './build.ts';
import { phasesOf, type FreezingPhase } from './freezing.ts';

/** What a model is made from. */
export interface Recipe {
  readonly architecture: Architecture;
  readonly options: BuildOptions;
  /** Learning rate, of the first phase where there are several. */
  readonly lr: number;
}

/** URL of this module, for other threads. */
export const replicaModule = new URL('./replica.ts', import.meta.url).href;

/** The model, and the phases that it is trained in where there are several. */
export function createReplica(recipe: unknown): {
  readonly model: tfl.LayersModel;
  readonly phases?: readonly FreezingPhase[];
} {
  const { architecture, options, lr } = recipe as Recipe;
  const model = buildModel(architecture, options);
  const phases = phasesOf(architecture, lr);
  return phases === undefined ? { model } : { model, phases };
}
