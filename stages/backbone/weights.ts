// Keras's weights into the layers of a model: matched by name, or by order where a file comes from a Keras that named layers otherwise; every weight
// exactly once, shapes checked before anything is changed. Knows nothing of HDF5.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { StageFailure } from '../context/fail.ts';
import { withStoredModel, type StoredLayer, type StoredModel, type StoredWeight } from './hdf5.ts';
import { kerasLayers } from './part.ts';
import { normalization, setNormalization, weightsFactor } from './scaling.ts';

/**
 * Puts the weights of a Keras HDF5 file into the backbone of a model; the rest of the model stays as it is. EfficientNet's input statistics come from the
 * file too.
 *
 * Throws a StageFailure for a file that is missing, damaged, or of another model. The model is unchanged then, unless it is the numbers of a weight that
 * cannot be read.
 */
export async function loadBackboneWeights(model: tfl.LayersModel, file: string): Promise<void> {
  await loadLayerWeights(kerasLayers(model), file);
}

/** The same for any layers that Keras has too, in Keras's order. Those without weights are passed over. */
export async function loadLayerWeights(layers: readonly tfl.layers.Layer[], file: string): Promise<void> {
  const targets = layers.filter(({ weights }) => weights.length > 0).map(targetOf);
  await withStoredModel(file, (stored) => {
    const pairs = pairLayers(targets, stored, file).map(({ target, layer }) => ({
      target,
      weights: sortWeights(target, layer.weights),
    }));
    refuseUnfit(pairs, file);
    for (const { target, weights } of pairs) {
      target.set(
        weights.map(({ read }) => read()),
        stored,
      );
    }
  });
}

/** A layer as Keras sees it. */
interface Target {
  readonly name: string;
  readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly set: (values: readonly Float32Array[], stored: StoredModel) => void;
}

interface Pair {
  readonly target: Target;
  readonly layer: StoredLayer;
}

interface SortedPair {
  readonly target: Target;
  readonly weights: readonly StoredWeight[];
}

function targetOf(layer: tfl.layers.Layer): Target {
  if (layer.name === normalization) return statisticsTarget(layer);
  const weights = layer.weights.map(({ originalName, shape }) => ({
    name: baseName(originalName),
    shape: shape as number[],
  }));
  return { name: layer.name, weights, set: (values) => setWeights(layer, values) };
}

/** Keras's Normalization: its three weights become the two of the layer that stands for it. */
function statisticsTarget(layer: tfl.layers.Layer): Target {
  const weights = [
    { name: 'mean', shape: [3] },
    { name: 'variance', shape: [3] },
    { name: 'count', shape: [] },
  ];
  const set: Target['set'] = ([mean, variance], { layers }) => {
    const statistics = { mean: mean!, variance: variance! };
    const rescalings = layers.filter(({ name }) => /^rescaling(_\d+)?$/.test(name)).length;
    setNormalization(layer, { ...statistics, factor: weightsFactor(statistics, rescalings) });
  };
  return { name: normalization, weights, set };
}

function setWeights(layer: tfl.layers.Layer, values: readonly Float32Array[]): void {
  const tensors = layer.weights.map(({ shape }, index) => tf.tensor(values[index]!, shape as number[]));
  layer.setWeights(tensors);
  tf.dispose(tensors);
}

function pairLayers(targets: readonly Target[], stored: StoredModel, file: string): readonly Pair[] {
  const layers = stored.layers.filter(({ weights }) => weights.length > 0);
  const byName = new Map(layers.map((layer) => [plainName(layer), layer]));
  const missing = targets.filter(({ name }) => !byName.has(name));
  if (layers.length === targets.length) {
    if (missing.length === 0) return targets.map((target) => ({ target, layer: byName.get(target.name)! }));
    // Where only some names are known, order is trusted as far as it agrees with them.
    const agrees = targets.every(({ name }, index) => !byName.has(name) || plainName(layers[index]!) === name);
    if (stored.ordered && agrees) return targets.map((target, index) => ({ target, layer: layers[index]! }));
  }
  const known = new Set(targets.map(({ name }) => name));
  const extra = layers.filter((layer) => !known.has(plainName(layer)));
  const faults = [
    ...missing.map(({ name }) => `layer "${name}" is not in it`),
    ...extra.map(({ name }) => `its layer "${name}" is not in the model`),
  ];
  throw unfit(file, faults);
}

/** Keras numbers the layers that have no name of their own through a session: a second model has normalization_1. */
function plainName({ name }: StoredLayer): string {
  return name.replace(/^normalization_\d+$/, normalization);
}

/** The weights of a layer in the order in which the model has them: by name where the names are the same, else as they come. */
function sortWeights(target: Target, weights: readonly StoredWeight[]): readonly StoredWeight[] {
  const byName = new Map(weights.map((weight) => [baseName(weight.name), weight]));
  const sorted = target.weights.map(({ name }) => byName.get(name));
  return sorted.length === weights.length && sorted.every((weight) => weight !== undefined) ? sorted : weights;
}

/** "kernel" of "conv1/kernel:0". */
function baseName(path: string): string {
  return path.split('/').at(-1)!.replace(/:\d+$/, '');
}

function refuseUnfit(pairs: readonly SortedPair[], file: string): void {
  const faults = pairs.flatMap(({ target, weights }) => {
    const { name, weights: wanted } = target;
    if (weights.length !== wanted.length)
      return [`layer "${name}" has ${weights.length} weights there, and ${wanted.length} in the model`];
    return wanted.flatMap(({ name: weight, shape }, index) => {
      const found = weights[index]!.shape;
      if (String(found) === String(shape)) return [];
      return [`"${name}/${weight}" is ${describe(found)} there, and ${describe(shape)} in the model`];
    });
  });
  if (faults.length > 0) throw unfit(file, faults);
}

const describe = (shape: readonly number[]): string => (shape.length === 0 ? 'one number' : shape.join('×'));

/** The most faults that a message names. */
const named = 4;

function unfit(file: string, faults: readonly string[]): StageFailure {
  const rest = faults.length > named ? [`${faults.length - named} more`] : [];
  const list = [...faults.slice(0, named), ...rest].join('; ');
  return new StageFailure(
    `the weights in ${file} are not those of this backbone: ${list}. Name the file that Keras saved of the same backbone without its top ("…notop.h5")`,
  );
}
