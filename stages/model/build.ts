// A model from its architecture: the functional graph of TensorFlow.js layers, with seeded initial weights. Only layers that plain TensorFlow.js
// knows, so that a saved model loads anywhere. Knows nothing of training.

import * as tfl from '@tensorflow/tfjs-layers';

import { applyBackbone } from '../backbone/apply.ts';
import type { Architecture, BackboneArchitecture, Layer, Op } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import { holdFrozenStatistics, setFrozen } from './freezing.ts';
import { applyHead } from './head.ts';
import { createLayerNames, layersOf, type LayerNames } from './operation.ts';
import type { Rescaling } from './rescaling.ts';
import { upscale } from './resize.ts';
import { addShortcut, describeShape } from './residual.ts';

export interface BuildOptions extends Rescaling {
  /** Height, width, channels. */
  readonly inputShape: readonly [number, number, number];
  readonly seed: number;
}

/**
 * The model: raw pixels 0–255 [n, h, w, c] → logits [n, classes]. Layers are named by their kind and order (conv_1, conv_2, …, logits); those of a
 * backbone as Keras names them. A backbone has random weights and is frozen as its training begins.
 * Throws a StageFailure where shapes do not go together.
 */
export function buildModel(architecture: Architecture, options: BuildOptions): tfl.LayersModel {
  if (architecture.kind === 'backbone') return buildOnBackbone(architecture, options);
  const names = createLayerNames(options.seed);
  const input = tfl.input({ shape: [...options.inputShape], name: 'pixels' });
  const { scale, offset } = options;
  let end = tfl.layers.rescaling({ scale, offset, name: 'rescale' }).apply(input) as tfl.SymbolicTensor;
  architecture.layers.forEach((layer, index) => {
    end = applyLayer(end, layer, `layer ${index + 1}`, names);
  });
  if (end.shape.length !== 2)
    throw new StageFailure(
      `the model ends with ${describeShape(end)}: put flatten or global_avg_pool before output_classes`,
    );
  return tfl.model({ inputs: input, outputs: end, name: 'classifier' });
}

/** The scaling of the pixels is that which the backbone was trained with, not that of the data. */
function buildOnBackbone(architecture: BackboneArchitecture, { inputShape, seed }: BuildOptions): tfl.LayersModel {
  const { name, classes, frozen, inputSize } = architecture;
  const input = tfl.input({ shape: [...inputShape], name: 'pixels' });
  const features = applyBackbone(name, upscale(input, inputSize), { seed });
  const model = tfl.model({ inputs: input, outputs: applyHead(features, { classes, seed }), name: 'classifier' });
  setFrozen(model, frozen);
  holdFrozenStatistics(model);
  return model;
}

/** How many classes a model tells apart. */
export function countClasses(model: tfl.LayersModel): number {
  return model.outputs[0]!.shape[1]!;
}

function applyLayer(input: tfl.SymbolicTensor, layer: Layer, where: string, names: LayerNames): tfl.SymbolicTensor {
  const ends = layer.branches.map((branch, index) =>
    applyBranch(input, branch, `${where}, branch ${index + 1}`, names),
  );
  if (ends.length === 1) return ends[0]!;
  const [first, ...others] = ends as [tfl.SymbolicTensor, ...tfl.SymbolicTensor[]];
  for (const other of others) {
    if (String(other.shape.slice(0, -1)) !== String(first.shape.slice(0, -1)))
      throw new StageFailure(
        `${where}: the ends of its branches have different sizes (${ends.map(describeShape).join(', ')}) and cannot be concatenated`,
      );
  }
  return tfl.layers.concatenate({ name: names.next('concat') }).apply(ends) as tfl.SymbolicTensor;
}

function applyBranch(
  input: tfl.SymbolicTensor,
  branch: readonly Op[],
  place: string,
  names: LayerNames,
): tfl.SymbolicTensor {
  // What went into each operation so far; the last one is what goes into the next.
  const inputs = [input];
  branch.forEach((op, index) => {
    const where = `${place}, operation ${index + 1} (${op.op})`;
    const to = inputs.at(-1)!;
    if (op.op !== 'add') {
      checkInput(to, op, where);
      // A vector is flat already; TensorFlow.js's layer refuses one.
      const layers = op.op === 'flatten' && to.shape.length === 2 ? [] : layersOf(op, names);
      const end = layers.reduce((tensor, layer) => layer.apply(tensor) as tfl.SymbolicTensor, to);
      checkSize(end, to, where);
      inputs.push(end);
      return;
    }
    const from = inputs[index - op.over];
    if (op.over < 1 || from === undefined)
      throw new StageFailure(`${where}: there are only ${index} operations before it, not ${op.over}`);
    inputs.push(addShortcut({ from, to, project: op.project, where }, names));
  });
  return inputs.at(-1)!;
}

const spatial: ReadonlySet<Op['op']> = new Set([
  'conv',
  'separable_conv',
  'depthwise_conv',
  'max_pool',
  'avg_pool',
  'global_avg_pool',
]);

function checkInput(tensor: tfl.SymbolicTensor, op: Op, where: string): void {
  if (spatial.has(op.op) && tensor.shape.length !== 4)
    throw new StageFailure(`${where}: needs an image, but its input is a vector; put it before flatten`);
}

function checkSize(tensor: tfl.SymbolicTensor, input: tfl.SymbolicTensor, where: string): void {
  if (tensor.shape.slice(1).every((size) => size! > 0)) return;
  throw new StageFailure(
    `${where}: its input of ${describeShape(input)} is too small for it; use padding "same" or fewer pools before it`,
  );
}
