// The head of a classifier on a backbone: pooled features through one hidden layer to logits. Knows no backbone.

import type * as tfl from '@tensorflow/tfjs-layers';

import { createLayerNames, layersOf, type LocalOp } from './operation.ts';

/** What comes before the logits. */
const hidden: readonly LocalOp[] = [
  { op: 'global_avg_pool' },
  { op: 'dense', units: 512, activation: 'relu', l2: 0, useBias: true },
  { op: 'batch_norm', momentum: 0.99, epsilon: 0.001 },
  { op: 'dropout', rate: 0.5 },
];

/**
 * The logits [n, classes] of features [n, h, w, c].
 * @param seed - of the initial weights
 */
export function applyHead(
  features: tfl.SymbolicTensor,
  { classes, seed }: { readonly classes: number; readonly seed: number },
): tfl.SymbolicTensor {
  const names = createLayerNames(seed);
  const ops: readonly LocalOp[] = [...hidden, { op: 'output', classes }];
  const layers = ops.flatMap((op) => layersOf(op, names));
  return layers.reduce((tensor, layer) => layer.apply(tensor) as tfl.SymbolicTensor, features);
}
