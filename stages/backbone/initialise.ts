// Initial weights as Keras Applications has them, drawn from random streams that belong to the seed and the layer's name. TensorFlow.js's own
// initialisers take seconds for a backbone; these fill an array. What is saved names the standard initialiser.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { randomOf, type Random } from '../random/random.ts';

type Initializer = ReturnType<typeof tfl.initializers.varianceScaling>;

/**
 * How weights are spread: `glorot` – uniform, variance 2/(fan in + fan out) (Glorot and Bengio 2010); `he` – truncated normal, variance 2/fan in
 * (He et al. 2015); `he_out` – the same with fan out, as EfficientNet has it.
 */
export type Spread = 'glorot' | 'he' | 'he_out';

const settings = {
  glorot: { scale: 1, mode: 'fanAvg', distribution: 'uniform' },
  he: { scale: 2, mode: 'fanIn', distribution: 'normal' },
  he_out: { scale: 2, mode: 'fanOut', distribution: 'normal' },
} as const;

/** Standard deviation of a standard normal that is cut at ±2. */
const truncatedDeviation = 0.879_625_661_034_239_8;

/**
 * The initialiser of one weight of one layer.
 *
 * @param address - the seed of the training, the layer's name, and which of its weights
 */
export function initialiserOf(
  spread: Spread,
  address: readonly [seed: number, layer: string, part: string],
): Initializer {
  const [seed, layer, part] = address;
  const random = randomOf(seed, 'initialise', layer, part);
  const initialiser = tfl.initializers.varianceScaling({ ...settings[spread], seed: random.next() });
  initialiser.apply = (shape) => tf.tensor(drawWeights(shape as number[], spread, random), shape as number[]);
  return initialiser;
}

/** Weights of a kernel of shape [...window, in, out]. Keras's rule for fans: in and out, each times the size of the window. */
export function drawWeights(shape: readonly number[], spread: Spread, random: Random): Float32Array {
  const window = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  const fanIn = window * shape.at(-2)!;
  const fanOut = window * shape.at(-1)!;
  const values = new Float32Array(fanIn * shape.at(-1)!);
  if (spread === 'glorot') fillUniform(values, Math.sqrt(6 / (fanIn + fanOut)), random);
  else fillNormal(values, Math.sqrt(2 / (spread === 'he' ? fanIn : fanOut)), random);
  return values;
}

function fillUniform(values: Float32Array, limit: number, { next }: Random): void {
  const scale = (2 * limit) / 0x1_0000_0000;
  for (let index = 0; index < values.length; index++) values[index] = next() * scale - limit;
}

/** Cut at two standard deviations, and widened so that `deviation` is what comes out. */
function fillNormal(values: Float32Array, deviation: number, { normal }: Random): void {
  const scale = deviation / truncatedDeviation;
  for (let index = 0; index < values.length; index++) {
    let value = normal();
    while (value > 2 || value < -2) value = normal();
    values[index] = value * scale;
  }
}
