// ReLUs that a max pooling follows, taken after it: max(relu(x)) = relu(max(x)), with the same gradient, of as many values as the pooling leaves.
// Knows in which places of a model nobody can tell the difference; not how anything is computed.

import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { surroundCall } from './layers.ts';

/** What we use of layers beyond their public types. */
interface Linked {
  readonly activation?: { getClassName(): string };
  readonly inboundNodes: readonly unknown[];
  readonly outboundNodes: readonly { readonly outboundLayer: tfl.layers.Layer }[];
}

const backends = new Set<string>();
const places = new WeakMap<object, ReadonlySet<object>>();

/** Of the model that is running: the layers that leave their ReLU out, and the poolings that take it instead. */
let affected: ReadonlySet<object> = new Set();

/** From now on, models do so while this backend is the active one. A layer that computes a ReLU of its own has to ask `leavesOutRelu`. */
export function postponeRelu(backend: string): void {
  if (backends.size === 0) patchLayers();
  backends.add(backend);
}

/** Whether this layer is to leave out its ReLU in the run that is under way. */
export function leavesOutRelu(layer: object): boolean {
  return affected.has(layer);
}

function patchLayers(): void {
  // Models, also where they are parts of others. What is called outside of one is what it always was.
  surroundCall(prototypeOf(tfl.LayersModel.prototype), (run, model) => {
    const outer = affected;
    affected = backends.has(tf.getBackend()) ? placesOf(model as tfl.LayersModel) : new Set();
    try {
      return run();
    } finally {
      affected = outer;
    }
  });
  surroundCall(prototypeOf(tfl.layers.activation({ activation: 'relu' })), (run, layer, inputs) =>
    affected.has(layer) ? inputs : run(),
  );
  surroundCall(prototypeOf(tfl.layers.maxPooling2d({})), (run, layer) =>
    affected.has(layer) ? tf.tidy(() => tf.relu(run() as tf.Tensor)) : run(),
  );
}

function prototypeOf(object: object): object {
  return Object.getPrototypeOf(object) as object;
}

function placesOf(model: tfl.LayersModel): ReadonlySet<object> {
  const known = places.get(model) ?? new Set(model.layers.flatMap((layer) => placeOf(layer, model)));
  places.set(model, known);
  return known;
}

/** A layer with a ReLU whose result nothing but one max pooling reads, and that pooling; else nothing. */
function placeOf(layer: tfl.layers.Layer, model: tfl.LayersModel): readonly tfl.layers.Layer[] {
  const { activation, outboundNodes } = layer as unknown as Linked;
  const rectifies = ['Conv2D', 'Activation'].includes(layer.getClassName()) && activation!.getClassName() === 'relu';
  // What reads its result in other models counts, too.
  if (!rectifies || outboundNodes.length !== 1) return [];
  const reader = outboundNodes[0]!.outboundLayer;
  const single = (reader as unknown as Linked).inboundNodes.length === 1 && model.layers.includes(reader);
  const hidden = model.outputs.every(({ sourceLayer }) => sourceLayer !== layer);
  return single && hidden && reader.getClassName() === 'MaxPooling2D' ? [layer, reader] : [];
}
