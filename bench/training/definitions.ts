// The networks of the peers' bench as definitions of the pipeline, and random images to train them with.

import type { Architecture, EngineChoice, Op, TrainSettings } from '../../stages/config/definition.ts';
import { readTrain } from '../../stages/config/settings.ts';
import type { Split } from '../../stages/data/dataset.ts';
import { randomOf } from '../../stages/random/random.ts';

/** `plain` and `bn`: about 25 million multiplications an image forward; `model1`: that of the original system. */
export type NetworkName = 'plain' | 'bn' | 'model1';

export const imageShape = [32, 32, 3] as const;

const convolution = {
  op: 'conv',
  kernelSize: [3, 3],
  strides: [1, 1],
  activation: 'relu',
  l2: 0,
  useBias: true,
} as const;
const pool: Op = { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' };
const dense = { op: 'dense', units: 128, activation: 'relu', l2: 0, useBias: true } as const;
const end: readonly Op[] = [{ op: 'flatten' }, dense, { op: 'output', classes: 100 }];

const blocks: Readonly<Record<'plain' | 'bn', (filters: number) => readonly Op[]>> = {
  plain: (filters) => [{ ...convolution, filters, padding: 'same' }],
  bn: (filters) => [
    { ...convolution, filters, padding: 'same', activation: 'linear', useBias: false },
    { op: 'batch_norm', momentum: 0.99, epsilon: 0.001 },
    { op: 'activation', activation: 'relu' },
  ],
};

export function architectureOf(name: NetworkName): Architecture {
  return { kind: 'custom', layers: [{ branches: [operationsOf(name)] }] };
}

function operationsOf(name: NetworkName): readonly Op[] {
  if (name === 'model1') {
    const valid = (filters: number): Op => ({ ...convolution, filters, padding: 'valid' });
    return [valid(32), pool, valid(64), valid(128), pool, ...end];
  }
  const block = blocks[name];
  return [...block(32), ...block(32), pool, ...block(64), ...block(64), pool, ...end];
}

/** The settings that params.yaml has by default, for batches of this size. */
export function settingsFor(batch: number, engine: EngineChoice): TrainSettings {
  return { ...readTrain({ batch, engine }), epochs: 1 };
}

/** Random pixels and labels, in memory that threads share. */
export function randomSplit(count: number, purpose: string): Split {
  const random = randomOf(1, purpose);
  const pixels = count * imageShape.reduce((product, side) => product * side, 1);
  const images = new Uint8Array(new SharedArrayBuffer(pixels));
  for (let index = 0; index < pixels; index++) images[index] = random.next();
  const labels = new Uint16Array(new SharedArrayBuffer(2 * count));
  for (let index = 0; index < count; index++) labels[index] = random.integer(100);
  return { count, images, labels };
}
