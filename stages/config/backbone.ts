// Reads and checks a pre-trained backbone: `EfficientNetB0: 100`, or a map with `classes` and options. Values have passed the schema. Looks at no
// disk: whether a file of weights is there is for the `weights` stage to say.

import { posix } from 'node:path';

import { catalog, smallestSize } from '../backbone/catalog.ts';
import type {
  Backbone,
  BackboneArchitecture,
  FineTuning,
  Frozen,
  Pair,
  PrepareSettings,
  TrainSettings,
  WeightsOrigin,
} from './definition.ts';
import type { Path } from './faults.ts';
import { pairOf } from './settings.ts';
import { formatShape } from './shape.ts';

export interface RawBackboneOptions {
  readonly classes: number;
  readonly weights?: string | null;
  readonly checksum?: string | null;
  readonly freeze?: boolean | number;
  readonly unfreeze?: { readonly after: number; readonly lr: number; readonly freeze?: false | number } | null;
  readonly input_size?: number | Pair | null;
}

export type RawBackbone = number | RawBackboneOptions;

/** A fault at a key of the map, `inner`; at the backbone itself where there is none. */
export interface BackboneFault {
  readonly inner?: Path;
  readonly message: string;
  readonly hint?: string;
}

const optionsOf = (raw: RawBackbone): RawBackboneOptions => (typeof raw === 'number' ? { classes: raw } : raw);

/** In canonical form: a number of layers that is all of them is `all`, a size that is the images' own is none. */
export function readBackbone(name: Backbone, raw: RawBackbone, imageSize: Pair): BackboneArchitecture {
  const { classes, weights = 'imagenet', freeze = false, unfreeze, input_size: size } = optionsOf(raw);
  const frozen = readFrozen(name, freeze);
  const inputSize = size === undefined || size === null ? null : pairOf(size);
  return {
    kind: 'backbone',
    name,
    classes,
    weights: weights === null ? null : weights === 'imagenet' ? { kind: 'imagenet' } : { kind: 'file', sha256: null },
    frozen,
    fineTuning: unfreeze === undefined || unfreeze === null ? null : readFineTuning(name, unfreeze),
    inputSize: inputSize?.join() === imageSize.join() ? null : inputSize,
  };
}

function readFineTuning(name: Backbone, raw: NonNullable<RawBackboneOptions['unfreeze']>): FineTuning {
  return { after: raw.after, frozen: readFrozen(name, raw.freeze ?? false), lr: raw.lr };
}

function readFrozen(name: Backbone, value: boolean | number): Frozen {
  if (typeof value === 'boolean') return value ? 'all' : 0;
  return value === catalog[name].layers ? 'all' : value;
}

/**
 * Where the weights are to be had from; null: the model needs none.
 * @param mirror - a folder that has the official files; null: they come from where they are published
 */
export function weightsOriginOf(name: Backbone, raw: RawBackbone, mirror: string | null): WeightsOrigin | null {
  const { weights = 'imagenet', checksum: own } = optionsOf(raw);
  const given = own?.toLowerCase() ?? null;
  if (weights === null) return null;
  if (weights !== 'imagenet') return { kind: 'file', path: posix.normalize(weights), checksum: given };
  const { url, file, md5 } = catalog[name].weights;
  const address = mirror === null ? url : `${mirror.replace(/\/+$/, '')}/${file}`;
  const published = md5 === null ? null : `md5:${md5}`;
  return { kind: 'imagenet', backbone: name, url: address, fileName: file, checksum: given ?? published };
}

export interface BackboneContext {
  readonly prepare: PrepareSettings;
  readonly train: TrainSettings;
}

/** What of a backbone does not go together, or not with the rest of its model. */
export function checkBackbone(
  architecture: BackboneArchitecture,
  raw: RawBackbone,
  { prepare, train }: BackboneContext,
): BackboneFault[] {
  const options = optionsOf(raw);
  return [
    ...checkImages(architecture, prepare),
    ...checkWeights(options),
    ...checkFreezing(architecture, options),
    ...checkFineTuning(architecture, options, train),
  ];
}

function checkImages({ name, inputSize }: BackboneArchitecture, prepare: PrepareSettings): BackboneFault[] {
  const faults: BackboneFault[] = [];
  const image = formatShape([...prepare.imageSize, prepare.grayscale ? 1 : 3]);
  if (prepare.grayscale)
    faults.push({
      message: `${name} takes colour images`,
      hint: 'set `grayscale: false` in the params of this model',
    });
  if (inputSize !== null && inputSize.some((side, axis) => side % prepare.imageSize[axis]! !== 0))
    faults.push({
      inner: ['input_size'],
      message: `${inputSize.join('×')} is no whole multiple of the images, which are ${prepare.imageSize.join('×')}`,
      hint: `write ${formatPair(nearestMultiple(inputSize, prepare.imageSize))}, or set \`image_size\` in the params of this model`,
    });
  else if (Math.min(...(inputSize ?? prepare.imageSize)) < smallestSize)
    faults.push({
      ...(inputSize === null ? {} : { inner: ['input_size'] }),
      message: `${name} needs at least ${smallestSize}×${smallestSize} pixels, but gets ${inputSize === null ? image : inputSize.join('×')}`,
      hint: `set \`input_size: ${formatPair(nearestMultiple([smallestSize, smallestSize], prepare.imageSize))}\` here, or \`image_size\` in the params of this model`,
    });
  return faults;
}

/** The multiple of the images' size that is nearest to a size, and not too small. */
function nearestMultiple(size: Pair, image: Pair): Pair {
  const side = (axis: 0 | 1): number =>
    image[axis] * Math.max(1, Math.ceil(smallestSize / image[axis]), Math.round(size[axis] / image[axis]));
  return [side(0), side(1)];
}

const formatPair = ([height, width]: Pair): string => (height === width ? String(height) : `[${height}, ${width}]`);

function checkWeights({ weights = 'imagenet', checksum }: RawBackboneOptions): BackboneFault[] {
  if (weights === null && typeof checksum === 'string')
    return [
      {
        inner: ['checksum'],
        message: 'there are no weights that it could be of',
        hint: 'remove it, or name `weights`',
      },
    ];
  if (weights === null || weights === 'imagenet' || posix.normalize(weights).startsWith('data/raw/')) return [];
  return [
    {
      inner: ['weights'],
      message: `"${weights}" leads out of data/raw`,
      hint: 'put the file into data/raw, where changes are noticed',
    },
  ];
}

function checkFreezing({ name, frozen }: BackboneArchitecture, { weights, freeze, unfreeze }: RawBackboneOptions) {
  const faults: BackboneFault[] = [...checkCount(name, freeze, ['freeze'])];
  if (unfreeze !== null) faults.push(...checkCount(name, unfreeze?.freeze, ['unfreeze', 'freeze']));
  if (weights === null && frozen !== 0)
    faults.push({
      inner: ['freeze'],
      message: 'it would keep random weights, as `weights` is null',
      hint: 'remove `freeze`, or name `weights`',
    });
  return faults;
}

function checkCount(name: Backbone, count: boolean | number | undefined, inner: Path): BackboneFault[] {
  const { layers } = catalog[name];
  if (typeof count !== 'number' || count <= layers) return [];
  return [{ inner, message: `${count} layers, but ${name} has ${layers}`, hint: `write a number up to ${layers}` }];
}

function checkFineTuning(
  { name, frozen, fineTuning }: BackboneArchitecture,
  { weights }: RawBackboneOptions,
  { epochs }: TrainSettings,
): BackboneFault[] {
  if (fineTuning === null) return [];
  const faults: BackboneFault[] = [];
  const count = (value: Frozen): number => (value === 'all' ? catalog[name].layers : value);
  if (frozen === 0)
    faults.push({
      inner: ['unfreeze'],
      message: 'nothing is frozen before',
      hint:
        weights === null
          ? 'remove it: training from scratch freezes nothing'
          : 'set `freeze: true` beside it, or remove it',
    });
  else if (count(fineTuning.frozen) >= count(frozen))
    faults.push({
      inner: ['unfreeze', 'freeze'],
      message: 'nothing would be unfrozen',
      hint: `write a number of layers below ${count(frozen)}, or false`,
    });
  if (fineTuning.after >= epochs)
    faults.push({
      inner: ['unfreeze', 'after'],
      message: `fine-tuning after ${fineTuning.after} epochs never begins: there are ${epochs}`,
      hint: 'set it below `epochs`',
    });
  return faults;
}
