// Layers of TensorFlow.js that run on kernels of ours. The saved model is that of the standard layers. Knows no backend.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

/** The `call` of a layer, as far as we replace it. */
export type LayerCall<Layer> = (
  this: Layer,
  inputs: tf.Tensor | tf.Tensor[],
  options: { readonly training?: boolean },
) => tf.Tensor | tf.Tensor[];

/** What a layer of this class computes instead; null: the stock layer is to do it. */
export type Replacement<Layer> = (layer: Layer, x: tf.Tensor, training: boolean) => tf.Tensor | null;

/** Runs around the `call` of a layer, whatever computes that. */
export type Surrounding = (
  run: () => tf.Tensor | tf.Tensor[],
  layer: object,
  inputs: tf.Tensor | tf.Tensor[],
) => tf.Tensor | tf.Tensor[];

interface Patches {
  replacement?: Replacement<unknown>;
  surrounding?: Surrounding;
}

const patched = new Map<object, Patches>();

/**
 * Makes all layers of the class of `example` use the replacement for float32. It is asked anew at each call, and has to look which backend is the active
 * one; safe to call again, for a backend that is opened anew.
 */
export function replaceCall<Layer>(example: tfl.layers.Layer, replacement: Replacement<Layer>): void {
  // The class itself, which may have inherited its call.
  patchesOf(Object.getPrototypeOf(example) as object).replacement ??= replacement as Replacement<unknown>;
}

/** @param prototype - of the class of layers, which has or inherits a `call` */
export function surroundCall(prototype: object, surrounding: Surrounding): void {
  patchesOf(prototype).surrounding = surrounding;
}

function patchesOf(prototype: object): Patches {
  const known = patched.get(prototype);
  if (known !== undefined) return known;
  const patches: Patches = {};
  patched.set(prototype, patches);
  const target = prototype as { call: LayerCall<object> };
  const stock = target.call;
  target.call = function call(inputs, options) {
    const { replacement, surrounding } = patches;
    const run = (): tf.Tensor | tf.Tensor[] => {
      const x = Array.isArray(inputs) ? inputs[0]! : inputs;
      if (replacement === undefined || x.dtype !== 'float32') return stock.call(this, inputs, options);
      return tf.tidy(() => replacement(this, x, options.training === true) ?? stock.call(this, inputs, options));
    };
    return surrounding === undefined ? run() : surrounding(run, this, inputs);
  };
  return patches;
}

/** A weight of a layer: tfl.LayerVariable. */
export interface LayerWeight {
  read(): tf.Tensor;
  write(value: tf.Tensor): void;
}
