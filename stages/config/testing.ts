// For tests: the settings of a model about which params.yaml says nothing, small files, and what is said about them. Not used by any stage.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { StageFailure } from '../context/fail.ts';
import type { Activation, ModelDefinition, Op, PrepareSettings, TrainSettings } from './definition.ts';
import { readParams } from './params.ts';

/** What `prepare` and `train` come to where params.yaml gives none of their keys: written out, so that no default changes unseen. */
export const defaultPrepare: PrepareSettings = { seed: 77, split: 0.2, imageSize: [32, 32], grayscale: false };
export const defaultTrain: TrainSettings = {
  seed: 77,
  lr: 0.001,
  epochs: 20,
  batch: 64,
  shards: 2,
  optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  schedule: { kind: 'constant', warmup: 0 },
  weightDecay: 0,
  labelSmoothing: 0,
  augment: { flip: false, padCrop: 0, cutout: 0 },
  earlyStopping: null,
  gradClip: null,
  keep: 'val_acc',
  engine: 'auto',
};

export function readFixture(name: 'params.yaml' | 'evaluation_metrics.yaml'): unknown {
  return parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8'));
}

/** The message of the StageFailure that a function throws, line by line; none where it throws nothing. Anything else is thrown on. */
export function faultsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof StageFailure) return error.message.split('\n');
    throw error;
  }
}

/** What is said about the text of a params.yaml, without the name of the file. */
export function paramsFaults(yaml: string): readonly string[] {
  return faultsOf(() => readParams(parse(yaml))).map((line) => line.replace('params.yaml: ', ''));
}

/** A params.yaml with one model `m` of one branch; operations are a YAML flow list without its brackets. */
export function oneBranch(ops: string): string {
  return `model: {m: {model: {custom: [{layer: [{branch: [${ops}]}]}]}}}`;
}

/** A model that is as small as one can be. */
export const smallest = '{custom: [{layer: [{branch: [flatten: 0, output_classes: 100]}]}]}';

/** The definition of the only model, or of the one with that name. */
export function definitionOf(yaml: string, name?: string): ModelDefinition {
  const { models } = readParams(parse(yaml));
  return models.find((model) => name === undefined || model.name === name)!.definition;
}

/** The operations of the first branch of the only model. */
export function opsOf(yaml: string): readonly Op[] {
  const { architecture } = definitionOf(yaml);
  if (architecture.kind !== 'custom') throw new Error('not a custom model');
  return architecture.layers[0]!.branches[0]!;
}

/** All that a definition may name. */
export const activations: readonly Activation[] = [
  'linear',
  'relu',
  'relu6',
  'elu',
  'selu',
  'gelu',
  'swish',
  'sigmoid',
  'tanh',
  'softmax',
  'leaky_relu',
];
