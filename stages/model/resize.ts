// Enlarges images within a model, so that what is shipped takes them as they come. Bilinear, by whole factors: of the layers that plain TensorFlow.js
// 4.22 knows, UpSampling2D does this; Resizing, which takes any size, forgets the batch in the shape that it reports and fits into no model.

import * as tfl from '@tensorflow/tfjs-layers';

import type { Pair } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';

/**
 * [n, h, w, c] → [n, height, width, c].
 * @param size - height and width, whole multiples of the input's; null: the input as it is
 */
export function upscale(input: tfl.SymbolicTensor, size: Pair | null): tfl.SymbolicTensor {
  if (size === null) return input;
  const [, height, width] = input.shape as [null, number, number, number];
  const factors: [number, number] = [size[0] / height, size[1] / width];
  if (!factors.every((factor) => Number.isInteger(factor) && factor >= 1))
    throw new StageFailure(
      `input_size: ${size.join('×')} is no whole multiple of the images, which are ${height}×${width}: mend it in params.yaml`,
    );
  const layer = tfl.layers.upSampling2d({ name: 'upscale', size: factors, interpolation: 'bilinear' });
  return layer.apply(input) as tfl.SymbolicTensor;
}
