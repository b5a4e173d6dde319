// Adds up what the parts of a batch give: in the order of the parts, whoever computed them, so that the rounding is the same on any number of threads.

import * as tf from '@tensorflow/tfjs-core';

import { viewValues } from '../engine/view.ts';

/** Terms are lists of tensors, always of the same shapes. */
export interface GradientSum {
  /** Adds the terms of a part. Parts come one after the other, in order; the first of a step begins a new sum. */
  readonly add: (terms: readonly tf.Tensor[], options: { readonly isFirst: boolean }) => Promise<void>;
  /** The sum. The caller disposes it; it stays for the other threads. */
  readonly take: () => readonly tf.Tensor[];
}

/** A sum on the engine, for a thread that computes all parts. */
export function localSum(): GradientSum {
  let sum: readonly tf.Tensor[] = [];
  return {
    add: (terms, { isFirst }) => {
      const before = sum;
      sum = isFirst ? terms.map((term) => tf.clone(term)) : terms.map((term, index) => tf.add(before[index]!, term));
      if (!isFirst) tf.dispose([...before]);
      return Promise.resolve();
    },
    take: () => {
      const taken = sum;
      sum = [];
      return taken;
    },
  };
}

/**
 * A sum in memory that threads share. Adding two float32 in float64 and rounding once is what adding them in float32 gives, so the bits are those of
 * localSum.
 * @param shapes - of the terms
 */
export function sharedSum(memory: Float32Array, shapes: readonly (readonly number[])[]): GradientSum {
  let offset = 0;
  const places = shapes.map((shape) => {
    const start = offset;
    offset += tf.util.sizeFromShape([...shape]);
    return memory.subarray(start, offset);
  });
  return {
    add: async (terms, { isFirst }) => {
      for (const [index, term] of terms.entries()) {
        const values = await viewValues(term);
        if (isFirst) places[index]!.set(values);
        else addInto(places[index]!, values);
      }
    },
    take: () => places.map((values, index) => tf.tensor(values, [...shapes[index]!])),
  };
}

function addInto(sum: Float32Array, values: Float32Array): void {
  for (let index = 0; index < values.length; index++) sum[index] = sum[index]! + values[index]!;
}
