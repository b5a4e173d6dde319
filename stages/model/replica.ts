// The model of a definition, made anew on each thread of a training: `createReplica` is what threads call. Their weights are copied from the leading
// thread, so that nothing else has to travel.

import type * as tfl from '@tensorflow/tfjs-layers';

import type { Architecture } from '../config/definition.ts';
import { buildModel, type BuildOptions } from './build.ts';

/** What a model is made from. */
export interface Recipe {
  readonly architecture: Architecture;
  readonly options: BuildOptions;
}

/** URL of this module, for other threads. */
export const replicaModule = new URL('./replica.ts', import.meta.url).href;

export function createReplica(recipe: unknown): { readonly model: tfl.LayersModel } {
  const { architecture, options } = recipe as Recipe;
  return { model: buildModel(architecture, options) };
}
