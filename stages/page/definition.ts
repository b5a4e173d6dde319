// A model's definition in words: how it is built and how it was trained.

import { describeBackbone } from '../config/backbone-words.ts';
import type { Activation, Architecture, ModelDefinition, Op, Optimizer, Schedule } from '../config/definition.ts';
import { formatSetting } from './figures.ts';

export interface Setting {
  readonly name: string;
  readonly value: string;
}

export interface LayerText {
  /** The ops of each branch, in words. */
  readonly branches: readonly (readonly string[])[];
}

/** What stands in params.yaml for this model, with defaults filled in, as the reader would say it. */
export function describeTraining({ prepare, train, architecture }: ModelDefinition): Setting[] {
  const [height, width] = prepare.imageSize;
  return [
    ...(architecture.kind === 'backbone' ? describeBackbone(architecture) : []),
    { name: 'Optimizer', value: describeOptimizer(train.optimizer) },
    { name: 'Learning rate', value: formatSetting(train.lr) },
    { name: 'Schedule', value: describeSchedule(train.schedule) },
    { name: 'Epochs', value: String(train.epochs) },
    { name: 'Batch', value: describeBatch(train) },
    { name: 'Seed', value: String(train.seed) },
    { name: 'Weight decay', value: orNone(train.weightDecay) },
    { name: 'Label smoothing', value: orNone(train.labelSmoothing) },
    { name: 'Augmentation', value: describeAugmentation(train) },
    { name: 'Early stopping', value: describeStopping(train) },
    { name: 'Gradient clipping', value: train.gradClip === null ? 'none' : `norm ${formatSetting(train.gradClip)}` },
    { name: 'Weights kept', value: train.keep === 'last' ? 'of the last epoch' : `of the best ${train.keep}` },
    { name: 'Images', value: `${height} × ${width}, ${prepare.grayscale ? 'grayscale' : 'colour'}` },
    { name: 'Validation split', value: `${formatSetting(prepare.split)}, seed ${prepare.seed}` },
  ];
}

/** The layers in order; null for a backbone, which is known by its name. */
export function describeLayers(architecture: Architecture): LayerText[] | null {
  if (architecture.kind === 'backbone') return null;
  return architecture.layers.map(({ branches }) => ({ branches: branches.map((ops) => ops.map(describeOp)) }));
}

/** One op, its size first: "conv 3×3 · 32 · relu". */
export function describeOp(op: Op): string {
  switch (op.op) {
    case 'conv':
      return words(
        `conv ${size(op.kernelSize)}`,
        String(op.filters),
        stride(op.strides),
        op.padding === 'same' ? 'same' : '',
        act(op.activation),
        op.useBias ? '' : 'no bias',
        penalty(op.l2),
      );
    case 'separable_conv':
      return words(
        `separable conv ${size(op.kernelSize)}`,
        String(op.filters),
        stride(op.strides),
        op.padding === 'same' ? 'same' : '',
        act(op.activation),
        times(op.depthMultiplier),
        penalty(op.l2),
      );
    case 'depthwise_conv':
      return words(
        `depthwise conv ${size(op.kernelSize)}`,
        stride(op.strides),
        op.padding === 'same' ? 'same' : '',
        act(op.activation),
        times(op.depthMultiplier),
        penalty(op.l2),
      );
    case 'max_pool':
    case 'avg_pool': {
      const name = op.op === 'max_pool' ? 'max pool' : 'average pool';
      const ownStride = size(op.strides) === size(op.poolSize) ? '' : stride(op.strides);
      return words(`${name} ${size(op.poolSize)}`, ownStride, op.padding === 'same' ? 'same' : '');
    }
    case 'global_avg_pool':
      return 'global average pool';
    case 'batch_norm':
      return 'batch norm';
    case 'layer_norm':
      return 'layer norm';
    case 'dropout':
      return `dropout ${formatSetting(op.rate)}`;
    case 'flatten':
      return 'flatten';
    case 'activation':
      return op.activation;
    case 'dense':
      return words(`dense ${op.units}`, act(op.activation), op.useBias ? '' : 'no bias', penalty(op.l2));
    case 'add':
      return words(`add (over ${op.over})`, op.project ? '1×1 projection' : '');
    case 'output':
      return `output ${op.classes}`;
  }
}

const words = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' · ');
const size = ([height, width]: readonly [number, number]): string => `${height}×${width}`;
const stride = (strides: readonly [number, number]): string =>
  size(strides) === '1×1' ? '' : `stride ${size(strides)}`;
const act = (activation: Activation): string => (activation === 'linear' ? '' : activation);
const penalty = (l2: number): string => (l2 === 0 ? '' : `l2 ${formatSetting(l2)}`);
const times = (multiplier: number): string => (multiplier === 1 ? '' : `depth × ${multiplier}`);
const countEpochs = (epochs: number): string => `${formatSetting(epochs)} ${epochs === 1 ? 'epoch' : 'epochs'}`;
const orNone = (value: number): string => (value === 0 ? 'none' : formatSetting(value));

function describeOptimizer(optimizer: Optimizer): string {
  if (optimizer.kind !== 'sgd') return optimizer.kind === 'adam' ? 'Adam' : 'AdamW';
  if (optimizer.momentum === 0) return 'SGD';
  return `SGD, ${optimizer.nesterov ? 'Nesterov ' : ''}momentum ${formatSetting(optimizer.momentum)}`;
}

function describeSchedule(schedule: Schedule): string {
  if (schedule.kind === 'one_cycle') return `one-cycle, rising for ${formatSetting(schedule.rise)} of the steps`;
  const warmup = schedule.warmup === 0 ? '' : `, warm-up of ${countEpochs(schedule.warmup)}`;
  switch (schedule.kind) {
    case 'constant':
      return `constant${warmup}`;
    case 'cosine':
      return `cosine to ${formatSetting(schedule.final)} of the rate${warmup}`;
    case 'step':
      return `× ${formatSetting(schedule.gamma)} every ${countEpochs(schedule.every)}${warmup}`;
  }
}

function describeBatch({ batch, shards }: ModelDefinition['train']): string {
  return shards === 1 ? String(batch) : `${batch}, in ${shards} parts`;
}

function describeAugmentation({ augment }: ModelDefinition['train']): string {
  const parts = [
    augment.flip ? 'flip' : '',
    augment.padCrop === 0 ? '' : `crop ± ${augment.padCrop} px`,
    augment.cutout === 0 ? '' : `cutout ${augment.cutout} px`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function describeStopping({ earlyStopping }: ModelDefinition['train']): string {
  if (earlyStopping === null) return 'none';
  const { monitor, patience, minDelta } = earlyStopping;
  const least = minDelta === 0 ? '' : ` by ${formatSetting(minDelta)}`;
  return `after ${countEpochs(patience)} without a better ${monitor}${least}`;
}
