// The training loop: epochs of shuffled, augmented batches, validation after each, a checkpoint after each, and in the end the best weights. All that
// is random is addressed by seed, epoch, step and image, so that a training which was interrupted ends as one that was not. Knows nothing of stages.

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { TrainSettings } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import type { Split } from '../data/dataset.ts';
import type { EngineInfo } from '../engine/engine.ts';
import { permutation, randomOf } from '../random/random.ts';
import { createAugmenter, type Augmenter } from './augment.ts';
import { gatherAugmented, gatherPlain, partsOf } from './batch.ts';
import { readCheckpoint, writeCheckpoint, type Checkpoint } from './checkpoint.ts';
import { seedDropout, type DropoutClock } from './dropout.ts';
import { addScores, noScore, scoreLogits, type Score } from './loss.ts';
import { createOptimizer, type Optimizer, type Parameter } from './optimizer.ts';
import type { TrainingReporter } from './report.ts';
import type { EpochRecord, TrainingHistory } from './result.ts';
import { learningRateAt, type Extent } from './schedule.ts';
import { isStalled, keptEpoch } from './selection.ts';
import { clipByGlobalNorm, computeStep, parametersOf, predictLogits, type StepResult } from './step.ts';
import { readWeights, weightSizes, writeWeights } from './weights.ts';

export interface TrainingTask {
  /** With its initial weights; in the end it has those of the kept epoch. */
  readonly model: tfl.LayersModel;
  readonly settings: TrainSettings;
  readonly train: Split;
  readonly val: Split;
  /** Mean colour of the train split, a value (0–255) a channel. */
  readonly meanColour: readonly number[];
  /** Where to go on from, and what a checkpoint there must match. */
  readonly checkpoint: { readonly folder: string; readonly fingerprint: string };
  readonly engine: EngineInfo;
  readonly report: TrainingReporter;
}

interface Session extends Omit<TrainingTask, 'checkpoint' | 'engine'> {
  readonly extent: Extent;
  readonly parameters: readonly Parameter[];
  readonly optimizer: Optimizer;
  readonly dropout: DropoutClock;
  readonly augmenter: Augmenter;
}

/** What of the training so far is not in the model and the optimiser. */
interface Progress {
  readonly records: readonly EpochRecord[];
  readonly seconds: number;
  /** Weights of the best epoch; null where the model has them. */
  readonly kept: readonly Float32Array[] | null;
}

/** Images a step of validation. */
const validationBatch = 256;

/** How many steps a training has. */
export function extentOf(settings: TrainSettings, images: number): Extent {
  return { epochs: settings.epochs, stepsPerEpoch: Math.ceil(images / settings.batch) };
}

/** Trains a model, going on from a checkpoint that fits. Throws a StageFailure where the loss is no longer a number. */
export async function trainModel(task: TrainingTask): Promise<TrainingHistory> {
  const session = openSession(task);
  try {
    let progress = resume(session, task);
    const { settings } = session;
    while (progress.records.length < settings.epochs && !isStalled(progress.records, settings.earlyStopping)) {
      progress = await runEpoch(session, progress);
      writeCheckpoint(task.checkpoint.folder, task.checkpoint.fingerprint, await snapshot(session, progress));
    }
    if (progress.kept !== null) writeWeights(session.model, progress.kept);
    return summarise(progress, task);
  } finally {
    session.optimizer.dispose();
  }
}

function openSession(task: TrainingTask): Session {
  const { model, settings, train, meanColour } = task;
  const parameters = parametersOf(model);
  const shape = model.inputs[0]!.shape.slice(1) as [number, number, number];
  return {
    ...task,
    extent: extentOf(settings, train.count),
    parameters,
    optimizer: createOptimizer(settings.optimizer, parameters, settings.weightDecay),
    dropout: seedDropout(model, settings.seed),
    augmenter: createAugmenter(settings.augment, shape, meanColour, settings.seed),
  };
}

function resume({ model, optimizer, report, extent }: Session, { checkpoint }: TrainingTask): Progress {
  const { folder, fingerprint } = checkpoint;
  const reading = readCheckpoint(folder, { fingerprint, weights: weightSizes(model), slots: optimizer.slotSizes });
  if (reading.kind === 'ignored') report.note(reading.reason);
  if (reading.kind !== 'found') return { records: [], seconds: 0, kept: null };
  const { records, seconds, optimizerSteps, weights, slots, kept } = reading.checkpoint;
  writeWeights(model, weights);
  optimizer.restore({ steps: optimizerSteps, slots });
  report.note(`going on after epoch ${records.length}/${extent.epochs} of an interrupted training`);
  return { records, seconds, kept };
}

async function snapshot({ model, optimizer }: Session, progress: Progress): Promise<Checkpoint> {
  const { steps, slots } = await optimizer.state();
  return { ...progress, optimizerSteps: steps, weights: await readWeights(model), slots };
}

function summarise({ records, seconds }: Progress, { settings, engine }: TrainingTask): TrainingHistory {
  return {
    version: 1,
    epochs: records,
    keptEpoch: keptEpoch(records, settings.keep),
    stoppedEarly: records.length < settings.epochs,
    seconds,
    engine,
  };
}

async function runEpoch(session: Session, before: Progress): Promise<Progress> {
  const started = performance.now();
  const epoch = before.records.length + 1;
  const { settings, model } = session;
  const wasBest = keptEpoch(before.records, settings.keep) === epoch - 1;
  const previous = wasBest && settings.keep !== 'last' && epoch > 1 ? await readWeights(model) : before.kept;
  const trained = await trainEpoch(session, epoch);
  const validated = meanOf(await validate(model, session.val));
  const { lr } = trained;
  if (!Number.isFinite(validated.loss)) throw diverged(`epoch ${epoch}: val_loss is ${validated.loss}`, lr, settings);
  const record: EpochRecord = { ...trained, valLoss: validated.loss, valAcc: validated.acc };
  const records = [...before.records, record];
  session.report.epoch(record);
  const seconds = before.seconds + (performance.now() - started) / 1000;
  return { records, seconds, kept: keptEpoch(records, settings.keep) === epoch ? null : previous };
}

async function trainEpoch(session: Session, epoch: number): Promise<Omit<EpochRecord, 'valLoss' | 'valAcc'>> {
  const started = performance.now();
  const { settings, train, extent } = session;
  const order = permutation(train.count, randomOf(settings.seed, 'shuffle', epoch));
  let score = noScore;
  let step = 0;
  let lr = 0;
  for (const indices of partsOf(order, settings.batch)) {
    const globalStep = (epoch - 1) * extent.stepsPerEpoch + step;
    lr = learningRateAt(globalStep, settings.lr, settings.schedule, extent);
    score = addScores(score, await trainStep(session, { epoch, step, globalStep, indices, lr }));
    step += 1;
    const imagesPerSecond = (score.images * 1000) / (performance.now() - started);
    session.report.step({ epoch, step, loss: score.loss / score.images, imagesPerSecond });
  }
  const seconds = (performance.now() - started) / 1000;
  return { epoch, ...meanOf(score), lr, seconds, imagesPerSecond: train.count / seconds };
}

interface Step {
  readonly epoch: number;
  /** In the epoch, from 0. */
  readonly step: number;
  readonly globalStep: number;
  readonly indices: Uint32Array;
  readonly lr: number;
}

async function trainStep(session: Session, { epoch, step, globalStep, indices, lr }: Step): Promise<Score> {
  const { model, parameters, settings, dropout, augmenter, train } = session;
  const batch = gatherAugmented(train, indices, augmenter, epoch);
  dropout.setStep(globalStep);
  const result = computeStep(model, parameters, batch, settings.labelSmoothing);
  try {
    const [[loss], logits] = await Promise.all([result.loss.data(), result.logits.data<'float32'>()]);
    if (!Number.isFinite(loss)) throw diverged(`epoch ${epoch}, step ${step + 1}: the loss is ${loss!}`, lr, settings);
    applyGradients(session, result, lr);
    return scoreLogits(logits, batch.labels);
  } finally {
    tf.dispose([result.loss, result.logits, ...result.gradients]);
  }
}

function applyGradients({ settings, optimizer }: Session, { gradients }: StepResult, lr: number): void {
  if (settings.gradClip === null) {
    optimizer.apply(gradients, lr);
    return;
  }
  const clipped = clipByGlobalNorm(gradients, settings.gradClip);
  optimizer.apply(clipped, lr);
  tf.dispose([...clipped]);
}

/** Scores a model on a split, in inference mode. */
export async function validate(model: tfl.LayersModel, set: Split): Promise<Score> {
  let score = noScore;
  for (let start = 0; start < set.count; start += validationBatch) {
    const { images, labels } = gatherPlain(set, start, validationBatch);
    const logits = predictLogits(model, images);
    score = addScores(score, scoreLogits(await logits.data<'float32'>(), labels));
    logits.dispose();
  }
  return score;
}

function meanOf({ images, loss, correct }: Score): { readonly loss: number; readonly acc: number } {
  return { loss: loss / images, acc: correct / images };
}

function diverged(what: string, lr: number, settings: TrainSettings): StageFailure {
  const smaller = Number((settings.lr / 10).toPrecision(3));
  const clip = settings.gradClip === null ? ', or grad_clip: 1' : '';
  return new StageFailure(
    `training diverged at ${what}, at learning rate ${lr}. Try lr: ${smaller}, warm-up epochs in the schedule${clip}`,
  );
}
