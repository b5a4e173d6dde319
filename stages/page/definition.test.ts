import { describe, expect, it } from '@jest/globals';
import type { ModelDefinition, TrainSettings } from '../config/definition.ts';
import { defaultTrain } from '../config/testing.ts';
import { describeLayers, describeOp, describeTraining } from './definition.ts';

const train: TrainSettings = { ...defaultTrain, lr: 0.002, epochs: 6, keep: 'val_loss' };
const definition: ModelDefinition = {
  version: 1,
  prepare: { seed: 77, split: 0.2, imageSize: [32, 24], grayscale: true },
  train,
  architecture: {
    kind: 'backbone',
    name: 'ResNet50',
    classes: 100,
    weights: { kind: 'imagenet' },
    frozen: 'all',
    fineTuning: { after: 3, frozen: 100, lr: 0.0001 },
    inputSize: [64, 48],
  },
};
const setting = (name: string, changes: Partial<TrainSettings>): string =>
  describeTraining({ ...definition, train: { ...train, ...changes } }).find((one) => one.name === name)!.value;

describe('describeTraining', () => {
  it('tells what is off as none', () => {
    const settings = Object.fromEntries(describeTraining(definition).map(({ name, value }) => [name, value]));
    expect(settings).toMatchObject({
      Optimizer: 'Adam',
      'Learning rate': '0.002',
      'Weight decay': 'none',
      Augmentation: 'none',
      'Early stopping': 'none',
      Images: '32 × 24, grayscale',
      'Starting weights': 'ImageNet',
      Frozen: 'the whole backbone',
      'Fine-tuning': 'after 3 epochs, learning rate 0.0001, frozen: the first 100 layers of the backbone',
      'Enlarged in the model': 'to 64 × 48',
    });
  });
  it.each([
    [setting('Optimizer', { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true } }), 'SGD, Nesterov momentum 0.9'],
    [setting('Optimizer', { optimizer: { kind: 'sgd', momentum: 0, nesterov: false } }), 'SGD'],
    [
      setting('Schedule', { schedule: { kind: 'cosine', warmup: 1, final: 0.01 } }),
      'cosine to 0.01 of the rate, warm-up of 1 epoch',
    ],
    [setting('Schedule', { schedule: { kind: 'step', warmup: 0, every: 10, gamma: 0.5 } }), '× 0.5 every 10 epochs'],
    [setting('Augmentation', { augment: { flip: true, padCrop: 4, cutout: 8 } }), 'flip, crop ± 4 px, cutout 8 px'],
    [
      setting('Early stopping', { earlyStopping: { monitor: 'val_acc', patience: 5, minDelta: 0.001 } }),
      'after 5 epochs without a better val_acc by 0.001',
    ],
    [setting('Gradient clipping', { gradClip: 1 }), 'norm 1'],
  ])('%s', (text, expected) => expect(text).toBe(expected));
});

describe('describeOp', () => {
  it.each([
    [
      describeOp({
        op: 'conv',
        filters: 32,
        kernelSize: [3, 3],
        strides: [2, 2],
        padding: 'same',
        activation: 'relu',
        l2: 0.001,
        useBias: false,
      }),
      'conv 3×3 · 32 · stride 2×2 · same · relu · no bias · l2 0.001',
    ],
    [describeOp({ op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' }), 'max pool 2×2'],
    [
      describeOp({ op: 'avg_pool', poolSize: [3, 3], strides: [2, 2], padding: 'same' }),
      'average pool 3×3 · stride 2×2 · same',
    ],
    [describeOp({ op: 'dense', units: 128, activation: 'linear', l2: 0, useBias: true }), 'dense 128'],
    [describeOp({ op: 'add', over: 3, project: true }), 'add (over 3) · 1×1 projection'],
  ])('%s', (text, expected) => expect(text).toBe(expected));
});

it('a backbone has no layers to list, a custom model has branches', () => {
  expect(describeLayers(definition.architecture)).toBeNull();
  const branches = [[{ op: 'flatten' } as const], [{ op: 'batch_norm', momentum: 0.9, epsilon: 0.1 } as const]];
  expect(describeLayers({ kind: 'custom', layers: [{ branches }] })).toEqual([
    { branches: [['flatten'], ['batch norm']] },
  ]);
});
