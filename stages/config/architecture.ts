// Reads what a model is made of: the `model` key of one model in params.yaml, spellings and scalar forms resolved, defaults (those of Keras)
// filled in. Values have passed the schema; whether the operations fit together is for shape.ts to say.

import type { RawBackbone } from './backbone.ts';
import { readBackbone } from './backbone.ts';
import type { Activation, Architecture, Backbone, Layer, Op, Padding, Pair } from './definition.ts';
import { backbones } from './definition.ts';
import type { Path } from './faults.ts';
import { pairOf } from './settings.ts';

type Ops = readonly Readonly<Record<string, unknown>>[];
type RawBranch = { readonly branch: Ops } | { readonly branche: Ops };
type RawLayers = readonly { readonly layer: readonly RawBranch[] }[];
export type RawArchitecture =
  { readonly custom: RawLayers } | { readonly custome: RawLayers } | Readonly<Partial<Record<Backbone, RawBackbone>>>;

interface RawWindow {
  readonly kernel_size?: number | Pair;
  readonly pool_size?: number | Pair;
  readonly strides?: number | Pair;
  readonly padding?: Padding;
}

interface RawLinear extends RawWindow {
  readonly filters?: number;
  readonly units?: number;
  readonly activation?: Activation;
  readonly l2?: number;
  readonly use_bias?: boolean;
  readonly depth_multiplier?: number;
}

/** @param imageSize - that of the images which the model is given */
export function readArchitecture(raw: RawArchitecture, imageSize: Pair): Architecture {
  const layers = layersOf(raw);
  if (layers !== undefined) return { kind: 'custom', layers: layers.map(readLayer) };
  const { name, value } = backboneOf(raw)!;
  return readBackbone(name, value, imageSize);
}

/** The backbone and what the file says of it; undefined for a custom architecture. */
export function backboneOf(raw: RawArchitecture): { readonly name: Backbone; readonly value: RawBackbone } | undefined {
  const values = raw as Readonly<Partial<Record<Backbone, RawBackbone>>>;
  const name = backbones.find((backbone) => values[backbone] !== undefined);
  return name === undefined ? undefined : { name, value: values[name]! };
}

function layersOf(raw: RawArchitecture): RawLayers | undefined {
  if ('custom' in raw) return raw.custom;
  return 'custome' in raw ? raw.custome : undefined;
}

const opsOf = (raw: RawBranch): Ops => ('branch' in raw ? raw.branch : raw.branche);

function readLayer({ layer }: RawLayers[number]): Layer {
  return { branches: layer.map((branch) => opsOf(branch).map(readOp)) };
}

function readOp(raw: Readonly<Record<string, unknown>>): Op {
  const [name, options] = Object.entries(raw)[0]!;
  return readers[name]!(options);
}

/** Of an operation by the name that it has in params.yaml. */
const readers: Readonly<Record<string, (options: unknown) => Op>> = {
  conv_layers: (options) => {
    const raw = options as RawLinear;
    return { op: 'conv', filters: raw.filters!, useBias: raw.use_bias ?? true, ...readKernel(raw) };
  },
  separable_conv: (options) => {
    const raw = options as RawLinear;
    return { op: 'separable_conv', filters: raw.filters!, depthMultiplier: depthOf(raw), ...readKernel(raw) };
  },
  depthwise_conv: (options) => {
    const raw = options as RawLinear;
    return { op: 'depthwise_conv', depthMultiplier: depthOf(raw), ...readKernel(raw) };
  },
  max_pool: (options) => ({ op: 'max_pool', ...readPool(options ?? {}) }),
  avg_pool: (options) => ({ op: 'avg_pool', ...readPool(options ?? {}) }),
  global_avg_pool: () => ({ op: 'global_avg_pool' }),
  batch_norm: (options) => {
    const { momentum = 0.99, epsilon = 0.001 } = mapOf<{ momentum?: number; epsilon?: number }>(options);
    return { op: 'batch_norm', momentum, epsilon };
  },
  layer_norm: (options) => ({ op: 'layer_norm', epsilon: mapOf<{ epsilon?: number }>(options).epsilon ?? 0.001 }),
  dropout: (options) => ({ op: 'dropout', rate: options as number }),
  flatten: () => ({ op: 'flatten' }),
  activation: (options) => ({ op: 'activation', activation: options as Activation }),
  dense_layers: (options) => {
    const { units, activation = 'linear', l2 = 0, use_bias: useBias = true } = options as RawLinear;
    return { op: 'dense', units: units!, activation, l2, useBias };
  },
  add: (options) => {
    if (typeof options === 'number') return { op: 'add', over: options, project: false };
    const { over, project = false } = options as { over: number; project?: boolean };
    return { op: 'add', over, project };
  },
  output_classes: (options) => ({ op: 'output', classes: options as number }),
};

function readKernel({
  kernel_size: size = 3,
  strides = 1,
  padding = 'valid',
  activation = 'linear',
  l2 = 0,
}: RawLinear) {
  return { kernelSize: pairOf(size), strides: pairOf(strides), padding, activation, l2 };
}

function readPool({ pool_size: size = 2, strides = size, padding = 'valid' }: RawWindow) {
  return { poolSize: pairOf(size), strides: pairOf(strides), padding };
}

const depthOf = ({ depth_multiplier: multiplier = 1 }: RawLinear): number => multiplier;

/** The options of an operation for which 0 or nothing stands for none. */
function mapOf<Options extends object>(options: unknown): Partial<Options> {
  return typeof options === 'object' && options !== null ? options : {};
}

/** A place in an architecture: an operation, a branch or a layer of a custom one, `inner` keys of a backbone. */
export interface Place {
  readonly layer?: number;
  readonly branch?: number;
  readonly op?: number;
  readonly inner?: Path;
}

/** Where a place stands in the file, below the path of `model`, in the spelling used there. */
export function pathWithin(raw: RawArchitecture, place: Place): Path {
  const layers = layersOf(raw);
  if (layers === undefined) return [Object.keys(raw)[0]!, ...(place.inner ?? [])];
  const path: (string | number)[] = ['custom' in raw ? 'custom' : 'custome'];
  if (place.layer === undefined) return path;
  path.push(place.layer);
  if (place.branch === undefined) return path;
  const branch = layers[place.layer]!.layer[place.branch]!;
  path.push('layer', place.branch, 'branch' in branch ? 'branch' : 'branche');
  if (place.op === undefined) return path;
  return [...path, place.op, Object.keys(opsOf(branch)[place.op]!)[0]!];
}
