// All that is known of one trained model, put together: figures on validation and test images, costs, the training behind it.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type * as tfl from '@tensorflow/tfjs-layers';

import { definitionDigest } from '../config/canonical.ts';
import type { ModelDefinition } from '../config/definition.ts';
import type { DatasetManifest } from '../data/manifest.ts';
import type { Team } from '../threads/team.ts';
import type { EngineInfo } from '../engine/engine.ts';
import type { TrainingHistory } from '../training/result.ts';
import { countParameters, layerCosts } from './cost.ts';
import { checkModel } from './prediction.ts';
import type { ClassDetails, Evaluation } from './result.ts';
import { evaluateSplit, type LabelledImages } from './split.ts';
import { detailsOf, figuresOf, type Tally } from './tally.ts';

/** The splits that a model is evaluated on: it is chosen by the first, and shown with the second. */
export const evaluatedSplits = ['val', 'test'] as const;
export type EvaluatedSplit = (typeof evaluatedSplits)[number];

/** Called as images are predicted, with how many of all are done. */
export type OnProgress = (done: number, total: number, split: EvaluatedSplit) => void;

export interface Subject {
  readonly definition: ModelDefinition;
  readonly history: TrainingHistory;
  /** What predicts. */
  readonly engine: EngineInfo;
  readonly manifest: DatasetManifest;
  readonly model: tfl.LayersModel;
  /** Of all files of the model. */
  readonly bytes: number;
}

/** Predicts both splits, of which one is in memory at a time. Throws a StageFailure for a model that does not go with the data. */
export async function tallySplits(
  { model, manifest }: Pick<Subject, 'model' | 'manifest'>,
  team: Team,
  read: (split: EvaluatedSplit) => LabelledImages,
  onProgress: OnProgress,
): Promise<Readonly<Record<EvaluatedSplit, Tally>>> {
  const { shape, splits } = manifest;
  const classes = manifest.classes.length;
  checkModel(model, shape, classes);
  const total = evaluatedSplits.reduce((sum, name) => sum + splits[name].count, 0);
  const tallyOf = (name: EvaluatedSplit, before: number): Promise<Tally> =>
    evaluateSplit({
      model,
      team,
      name,
      split: read(name),
      shape,
      classes,
      onProgress: (images) => onProgress(before + images, total, name),
    });
  return { val: await tallyOf('val', 0), test: await tallyOf('test', splits.val.count) };
}

/** Epochs of a training that evaluation.json has at most, which keeps it far below what the history takes. */
const shownEpochs = 1000;

/** Content of evaluation.json. */
export async function summarize(
  { definition, history, engine, manifest, model, bytes }: Subject,
  tallies: Readonly<Record<EvaluatedSplit, Tally>>,
): Promise<Evaluation> {
  const { name, identity, source, shape, classes } = manifest;
  const layers = layerCosts(model);
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  return {
    version: 1,
    definitionDigest: await definitionDigest(definition),
    definition,
    data: { name, identity, source, shape, classes: classes.length },
    val: figuresOf(tallies.val),
    test: figuresOf(tallies.test),
    complexity: { ...countParameters(model), macs, bytes },
    layers,
    history: thinHistory(history, shownEpochs),
    engine,
  };
}

/**
 * Leaves out epochs of a long training at even distances, so that about `most` are left; the first, the last and the kept one always are.
 * The complete history is the training's own history.json.
 */
export function thinHistory(history: TrainingHistory, most: number): TrainingHistory {
  const { epochs, keptEpoch } = history;
  const distance = Math.ceil(epochs.length / most);
  const isShown = ({ epoch }: { readonly epoch: number }, index: number): boolean =>
    index % distance === 0 || index === epochs.length - 1 || epoch === keptEpoch;
  return { ...history, epochs: epochs.filter(isShown) };
}

/** Content of classes.json. */
export function detailClasses(
  { classes }: DatasetManifest,
  { val, test }: Readonly<Record<EvaluatedSplit, Tally>>,
): ClassDetails {
  return { version: 1, classes, splits: { val: detailsOf(val), test: detailsOf(test) } };
}

/** Bytes of all files in a folder and below it. */
export function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => statSync(join(folder, path)))
    .reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
}
