// Reads `prepare` and `train` of params.yaml with the overrides of one model. Defaults are filled in here, and nowhere else:
// what comes out is complete. Values have passed the schema.

import type {
  Augmentation,
  EarlyStopping,
  EngineChoice,
  Monitor,
  Optimizer,
  Pair,
  PrepareSettings,
  Schedule,
  TrainSettings,
} from './definition.ts';
import type { Fault, Path } from './faults.ts';

export interface RawPrepare {
  readonly seed?: number;
  readonly split?: number;
  readonly image_size?: number | Pair;
  readonly grayscale?: boolean;
}

export interface RawTrain {
  readonly seed?: number;
  readonly lr?: number;
  readonly epochs?: number;
  readonly batch?: number;
  readonly shards?: number | null;
  readonly optimizer?: string | RawOptimizer;
  readonly schedule?: string | RawSchedule;
  readonly weight_decay?: number;
  readonly label_smoothing?: number;
  readonly augment?: RawAugment | null;
  readonly early_stopping?: number | RawEarlyStopping | null;
  readonly grad_clip?: number | null;
  readonly keep?: Monitor | 'last';
  readonly engine?: EngineChoice;
}

interface RawOptimizer {
  readonly name: string;
  readonly beta_1?: number;
  readonly beta_2?: number;
  readonly epsilon?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
}

interface RawSchedule {
  readonly name: string;
  readonly warmup?: number;
  readonly every?: number;
  readonly gamma?: number;
  readonly rise?: number;
  readonly start?: number;
  readonly final?: number;
}

interface RawAugment {
  readonly flip?: boolean;
  readonly pad_crop?: number;
  readonly cutout?: number;
}

interface RawEarlyStopping {
  readonly patience: number;
  readonly monitor?: Monitor;
  readonly min_delta?: number;
}

/** The `params` of a model: keys of train and prepare side by side, or below the name of their section. */
export interface RawOverrides extends RawTrain, Omit<RawPrepare, 'seed'> {
  readonly train?: RawTrain | null;
  readonly prepare?: RawPrepare | null;
}

const prepareKeys = ['split', 'image_size', 'grayscale'] as const;

export interface RawSections {
  readonly train: RawTrain;
  readonly prepare: RawPrepare;
}

/** The sections with the overrides of a model in place. A key as such wins over none; `seed` as such is that of train. */
export function applyOverrides(sections: RawSections, overrides: RawOverrides): RawSections {
  const { train, prepare, ...flat } = overrides;
  const own = Object.entries(flat);
  const isPrepare = (key: string): boolean => (prepareKeys as readonly string[]).includes(key);
  return {
    train: { ...sections.train, ...Object.fromEntries(own.filter(([key]) => !isPrepare(key))), ...train },
    prepare: { ...sections.prepare, ...Object.fromEntries(own.filter(([key]) => isPrepare(key))), ...prepare },
  };
}

/** Keys that a model's `params` give twice: as such, and below `train` or `prepare`. */
export function checkOverrides(overrides: RawOverrides, path: Path): Fault[] {
  const twice = (section: 'train' | 'prepare'): Fault[] =>
    Object.keys(overrides[section] ?? {})
      .filter((key) => Object.hasOwn(overrides, key) && !(section === 'prepare' && key === 'seed'))
      .map((key) => ({
        path: [...path, section, key],
        message: `"${key}" is given twice`,
        hint: `remove this one, or the one in ${String(path.at(-1))}`,
      }));
  return [...twice('train'), ...twice('prepare')];
}

export function pairOf(value: number | Pair): Pair {
  return typeof value === 'number' ? [value, value] : [value[0], value[1]];
}

export function readPrepare(raw: RawPrepare): PrepareSettings {
  const { seed = 77, split = 0.2, image_size: imageSize = 32, grayscale = false } = raw;
  return { seed, split, imageSize: pairOf(imageSize), grayscale };
}

export function readTrain(raw: RawTrain): TrainSettings {
  const optimizer = readOptimizer(raw.optimizer ?? 'adam');
  const batch = raw.batch ?? 64;
  return {
    seed: raw.seed ?? 77,
    lr: raw.lr ?? 0.001,
    epochs: raw.epochs ?? 20,
    batch,
    shards: raw.shards ?? defaultShards(batch),
    optimizer,
    schedule: readSchedule(raw.schedule ?? 'constant'),
    weightDecay: raw.weight_decay ?? (optimizer.kind === 'adamw' ? 0.01 : 0),
    labelSmoothing: raw.label_smoothing ?? 0,
    augment: readAugment(raw.augment ?? {}),
    earlyStopping: readEarlyStopping(raw.early_stopping ?? null),
    gradClip: raw.grad_clip ?? null,
    keep: raw.keep ?? 'val_acc',
    engine: raw.engine ?? 'auto',
  };
}

/**
 * Parts of about 64 images, of which each is large enough for the statistics of batch normalisation and small enough for memory; two where there are
 * 32 images or more, since most machines have two cores; eight at most. It follows from the batch alone, so that the machine decides nothing.
 */
function defaultShards(batch: number): number {
  return batch < 32 ? 1 : Math.min(8, Math.max(2, Math.round(batch / 64)));
}

function readOptimizer(value: string | RawOptimizer): Optimizer {
  const raw = typeof value === 'string' ? { name: value } : value;
  if (raw.name === 'sgd') return { kind: 'sgd', momentum: raw.momentum ?? 0.9, nesterov: raw.nesterov ?? false };
  const kind = raw.name === 'adamw' ? 'adamw' : 'adam';
  return { kind, beta1: raw.beta_1 ?? 0.9, beta2: raw.beta_2 ?? 0.999, epsilon: raw.epsilon ?? 1e-7 };
}

function readSchedule(value: string | RawSchedule): Schedule {
  const raw: RawSchedule = typeof value === 'string' ? { name: value } : value;
  const { name, warmup = 0 } = raw;
  switch (name) {
    case 'warmup':
      return { kind: 'constant', warmup: raw.warmup ?? 5 };
    case 'cosine':
      return { kind: 'cosine', warmup, final: raw.final ?? 0 };
    case 'step':
      return { kind: 'step', warmup, every: raw.every ?? 10, gamma: raw.gamma ?? 0.1 };
    case 'one_cycle':
      return { kind: 'one_cycle', rise: raw.rise ?? 0.3, start: raw.start ?? 0.04, final: raw.final ?? 4e-6 };
    default:
      return { kind: 'constant', warmup };
  }
}

function readAugment({ flip = false, pad_crop: padCrop = 0, cutout = 0 }: RawAugment): Augmentation {
  return { flip, padCrop, cutout };
}

function readEarlyStopping(value: number | RawEarlyStopping | null): EarlyStopping | null {
  if (value === null) return null;
  const raw: RawEarlyStopping = typeof value === 'number' ? { patience: value } : value;
  return { monitor: raw.monitor ?? 'val_acc', patience: raw.patience, minDelta: raw.min_delta ?? 0 };
}

/** What of the settings of one model does not go together. `path` is that of the model. */
export function checkSettings(prepare: PrepareSettings, train: TrainSettings, path: Path): Fault[] {
  const faults: Fault[] = [];
  const { schedule, augment, epochs } = train;
  if (schedule.kind !== 'one_cycle' && schedule.warmup >= epochs)
    faults.push({
      path,
      message: `schedule: a warm-up of ${schedule.warmup} epochs leaves nothing of ${epochs}`,
      hint: 'set `warmup` of the schedule below `epochs`',
    });
  if (train.shards > train.batch)
    faults.push({
      path,
      message: `shards: a batch of ${train.batch} images cannot be cut into ${train.shards} parts`,
      hint: 'set `shards` to the batch size or below, or leave it out',
    });
  const side = Math.min(...prepare.imageSize);
  const size = prepare.imageSize.join('×');
  if (augment.padCrop >= side)
    faults.push({ path, message: `augment: pad_crop of ${augment.padCrop} is as large as an image of ${size}` });
  if (augment.cutout >= side)
    faults.push({ path, message: `augment: cutout of ${augment.cutout} is as large as an image of ${size}` });
  return faults;
}
