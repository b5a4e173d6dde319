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

const replaced = new Set<object>();

/**
 * Makes all layers of the class of `example` use the replacement for float32. It is asked anew at each call, and has to look which backend is the active
 * one; safe to call again, for a backend that is opened anew.
 */
export function replaceCall<Layer>(example: tfl.layers.Layer, replacement: Replacement<Layer>): void {
  // The class itself, which may have inherited its call.
  const prototype = Object.getPrototypeOf(example) as { call: LayerCall<Layer> };
  if (replaced.has(prototype)) return;
  replaced.add(prototype);
  const stock = prototype.call;
  prototype.call = function call(inputs, options) {
    const x = Array.isArray(inputs) ? inputs[0]! : inputs;
    if (x.dtype !== 'float32') return stock.call(this, inputs, options);
    return tf.tidy(() => replacement(this, x, options.training === true) ?? stock.call(this, inputs, options));
  };
}

/** A weight of a layer: tfl.LayerVariable. */
export interface LayerWeight {
  read(): tf.Tensor;
  write(value: tf.Tensor): void;
}
