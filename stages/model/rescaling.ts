// How raw pixels become the numbers a network learns from: one scale and one offset for all channels, as TensorFlow.js's `rescaling` layer has them.

import type { DatasetManifest } from '../data/manifest.ts';

/** `pixel * scale + offset`, pixels from 0 to 255. */
export interface Rescaling {
  readonly scale: number;
  readonly offset: number;
}

/**
 * The rescaling that gives the train split, over all channels together, mean 0 and variance 1. The variance of a mixture of equally large groups:
 * mean of (std² + mean²) minus the square of the overall mean. A split of one single colour keeps scale 1/255.
 */
export function rescalingOf({ mean, std }: Pick<DatasetManifest, 'mean' | 'std'>): Rescaling {
  const channels = mean.length;
  const overall = mean.reduce((sum, value) => sum + value, 0) / channels;
  const square = mean.reduce((sum, value, channel) => sum + value * value + std[channel]! ** 2, 0) / channels;
  const deviation = Math.sqrt(Math.max(0, square - overall * overall));
  const spread = deviation > 1e-6 ? deviation : 1;
  return { scale: 1 / (255 * spread), offset: -overall / spread };
}
