// Which layers of a model are its backbone. The rest is what lies before (input, upscaling) and after (the head).

import type * as tfl from '@tensorflow/tfjs-layers';

import { catalog } from './catalog.ts';
import { isOutside, isScaling } from './scaling.ts';

/**
 * The layers of a model's backbone as Keras has them, in Keras's order, without the input; with EfficientNet's input scaling, without what other families
 * have outside of the model. Throws for a model without a backbone.
 */
export function kerasLayers(model: tfl.LayersModel): readonly tfl.layers.Layer[] {
  const ends = new Set(Object.values(catalog).map(({ lastLayer }) => lastLayer));
  const first = model.layers.findIndex(isScaling);
  const last = model.layers.findIndex(({ name }) => ends.has(name));
  if (first < 0 || last < first) throw new Error('the model has no backbone');
  return model.layers.slice(first, last + 1).filter((layer) => !isOutside(layer));
}

/** The layers that may be frozen or trained: those of the backbone without any input scaling, in Keras's order. */
export function trainableLayers(model: tfl.LayersModel): readonly tfl.layers.Layer[] {
  return kerasLayers(model).filter((layer) => !isScaling(layer));
}
