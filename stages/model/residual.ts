// The residual connection: what went in some operations ago is added to what came out (He et al. 2016). Knows nothing of the rest of a branch.

import * as tfl from '@tensorflow/tfjs-layers';

import { StageFailure } from '../context/fail.ts';
import type { LayerNames } from './operation.ts';

export interface Shortcut {
  /** What went into the first operation that is skipped. */
  readonly from: tfl.SymbolicTensor;
  readonly to: tfl.SymbolicTensor;
  /** Through a 1×1 convolution without bias (a Dense layer for vectors) that gives it the shape of `to`. */
  readonly project: boolean;
  /** For messages. */
  readonly where: string;
}

/** The sum. Throws a StageFailure where the shapes do not go together. */
export function addShortcut({ from, to, project, where }: Shortcut, names: LayerNames): tfl.SymbolicTensor {
  const shortcut = project ? projectTo(to, from, where, names) : from;
  if (!sameShape(shortcut, to)) {
    const advice = project
      ? 'use padding "same" and strides in the operations between'
      : 'set `project: true`, or keep filters and size the same';
    throw new StageFailure(`${where}: cannot add ${describeShape(from)} to ${describeShape(to)}; ${advice}`);
  }
  return tfl.layers.add({ name: names.next('add') }).apply([to, shortcut]) as tfl.SymbolicTensor;
}

function projectTo(
  to: tfl.SymbolicTensor,
  from: tfl.SymbolicTensor,
  where: string,
  names: LayerNames,
): tfl.SymbolicTensor {
  if (from.shape.length !== to.shape.length)
    throw new StageFailure(
      `${where}: cannot add ${describeShape(from)} to ${describeShape(to)}; end the skipped operations before flatten or pooling to a vector`,
    );
  const name = names.next('project');
  const common = { name, useBias: false, kernelInitializer: names.initialiser(name) };
  const channels = to.shape.at(-1)!;
  if (to.shape.length === 2) return tfl.layers.dense({ ...common, units: channels }).apply(from) as tfl.SymbolicTensor;
  const strides = [1, 2].map((axis) => strideBetween(from.shape[axis]!, to.shape[axis]!)) as [number, number];
  const layer = tfl.layers.conv2d({ ...common, filters: channels, kernelSize: [1, 1], strides, padding: 'same' });
  return layer.apply(from) as tfl.SymbolicTensor;
}

/** The stride that takes `from` pixels to `to` (⌈from/stride⌉ = to), or 1 where none does. */
function strideBetween(from: number, to: number): number {
  const stride = Math.ceil(from / to);
  return Math.ceil(from / stride) === to ? stride : 1;
}

function sameShape(a: tfl.SymbolicTensor, b: tfl.SymbolicTensor): boolean {
  return a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis]);
}

/** "32×32×16", without the batch. */
export function describeShape({ shape }: tfl.SymbolicTensor): string {
  return shape.slice(1).join('×');
}
