// What each thread of a training does, the leading one too: an epoch of training, and a validation. All walk the same steps; the parts of a step are
// taken by whoever is free, added up in their order, and the sum is taken in by all. Also the program of the threads that do not lead (startMember).

import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { TrainSettings } from '../config/definition.ts';
import type { Split } from '../data/dataset.ts';
import { openEngine } from '../engine/open.ts';
import { batchSizeFor } from '../model/capacity.ts';
import { predictLogits, type ImageShape } from '../model/logits.ts';
import { permutation, randomOf } from '../random/random.ts';
import { loadModule } from '../threads/load.ts';
import type { Signals } from '../threads/signals.ts';
import type { StartMember } from '../threads/member.ts';
import { createAugmenter, type Augmenter } from './augment.ts';
import { gatherAugmented, partsOf } from './batch.ts';
import { localSum, sharedSum, type GradientSum } from './gradient-sum.ts';
import { scoreLogits, type Score } from './loss.ts';
import { orderPhases, phaseAt, rateAt, type Phase } from './phases.ts';
import { openReplica, type Replica } from './replica.ts';
import { cutBatch, type Part } from './shards.ts';
import { writeWeights } from './weights.ts';

/** Makes the model of a thread: the same layers on every thread. Its weights do not matter, the leader's are copied. */
export type CreateReplica = (data: unknown) => Promise<ReplicaParts> | ReplicaParts;
export interface ReplicaParts {
  readonly model: tfl.LayersModel;
  readonly phases?: readonly Phase[];
}

/** What a member of the team is started with. */
export interface RankData {
  readonly settings: TrainSettings;
  /** Module (its URL) that exports `createReplica: CreateReplica`, and what to call it with. */
  readonly replica: { readonly module: string; readonly data: unknown };
}

/** What all threads share: all of it lies in shared memory. */
export interface Shared {
  /** Those that work: others of the team wait until they are told to begin again. */
  readonly threads: number;
  readonly train: Split;
  readonly val: Split;
  /** Mean colour of the train split, a value (0–255) a channel. */
  readonly meanColour: readonly number[];
  /** Sums over the parts of a step. */
  readonly sums: Float32Array;
  /** Loss, images, cross-entropy, hits of each part of a step. */
  readonly partScores: Float64Array;
  /** Images, cross-entropy, hits of each batch of the validation. */
  readonly valScores: Float64Array;
}

/** Where the threads begin. */
export interface Start {
  readonly finishedEpochs: number;
  readonly weights: readonly Float32Array[];
  readonly optimizer: { readonly steps: number; readonly slots: readonly Float32Array[] } | null;
}

export type Command =
  | { readonly kind: 'begin'; readonly shared: Shared; readonly start: Start }
  | { readonly kind: 'train'; readonly epoch: number }
  | { readonly kind: 'validate' };

/** Counters of the team: parts and batches taken, parts added, and how often a thread took a sum in. */
export const takenCounter = 0;
export const addedCounter = 1;
export const appliedCounter = 2;
export const partFields = 4;
export const batchFields = 3;

export interface Rank {
  readonly replica: Replica;
  readonly settings: TrainSettings;
  readonly phases: readonly Phase[];
  /** Says among how many threads the work is shared. */
  shared: Shared;
  readonly signals: Signals;
  readonly augmenter: Augmenter;
  /** Pixels of a part, used again and again. */
  readonly pixels: Float32Array;
  /** Of the phase that the replica is in. */
  sum: GradientSum;
}

export interface RankOptions {
  readonly model: tfl.LayersModel;
  readonly settings: TrainSettings;
  readonly phases?: readonly Phase[] | undefined;
  readonly shared: Shared;
  readonly signals: Signals;
  readonly finishedEpochs: number;
}

export function openRank({ model, settings, phases, shared, signals, finishedEpochs }: RankOptions): Rank {
  const ordered = orderPhases(settings, phases);
  const shape = shapeOf(model);
  const replica = openReplica(model, settings, phaseAt(ordered, finishedEpochs));
  const largest = Math.ceil(settings.batch / settings.shards);
  return {
    replica,
    settings,
    phases: ordered,
    shared,
    signals,
    augmenter: createAugmenter(settings.augment, shape, shared.meanColour, settings.seed),
    pixels: new Float32Array(largest * tf.util.sizeFromShape([...shape])),
    sum: openSum(shared, replica),
  };
}

/** Brings a rank into the phase of an epoch, at its beginning. */
export function enterPhase(rank: Rank, epoch: number): void {
  rank.replica.enter(phaseAt(rank.phases, epoch));
  rank.sum = openSum(rank.shared, rank.replica);
}

/** Goes on with another number of threads. */
export function setThreads(rank: Rank, shared: Shared): void {
  rank.shared = shared;
  rank.sum = openSum(shared, rank.replica);
}

function openSum({ threads, sums }: Shared, replica: Replica): GradientSum {
  return threads === 1 ? localSum() : sharedSum(sums, replica.termShapes());
}

function shapeOf(model: tfl.LayersModel): ImageShape {
  return model.inputs[0]!.shape.slice(1) as [number, number, number];
}

/** A step as every thread walks it. */
interface Step {
  /** From 1. */
  readonly epoch: number;
  /** In the epoch, from 0. */
  readonly step: number;
  readonly globalStep: number;
  readonly indices: Uint32Array;
  readonly parts: readonly Part[];
  /** Parts of the epoch before this step. */
  readonly firstPart: number;
  readonly lr: number;
}

/**
 * Trains an epoch. The counters are to be 0.
 * @param onStep - called when all parts of a step are computed and before the sum is taken in; what it throws ends the training
 */
export async function trainEpoch(
  rank: Rank,
  epoch: number,
  onStep: (step: Step) => void = () => undefined,
): Promise<void> {
  if (epoch > 1 && phaseAt(rank.phases, epoch).fromEpoch === epoch) enterPhase(rank, epoch);
  for (const step of stepsOf(rank, epoch)) {
    await computeParts(rank, step);
    await rank.signals.reached(addedCounter, step.firstPart + step.parts.length);
    onStep(step);
    const sum = rank.sum.take();
    rank.signals.add(appliedCounter);
    rank.replica.apply(sum, step.lr);
    tf.dispose([...sum]);
  }
}

function* stepsOf({ settings, phases, shared }: Rank, epoch: number): Generator<Step> {
  const order = permutation(shared.train.count, randomOf(settings.seed, 'shuffle', epoch));
  const stepsPerEpoch = Math.ceil(order.length / settings.batch);
  let step = 0;
  let firstPart = 0;
  for (const indices of partsOf(order, settings.batch)) {
    const parts = cutBatch(indices.length, settings);
    const lr = rateAt({ epoch, step, stepsPerEpoch }, settings, phases);
    yield { epoch, step, globalStep: (epoch - 1) * stepsPerEpoch + step, indices, parts, firstPart, lr };
    step += 1;
    firstPart += parts.length;
  }
}

/** Computes parts of a step until none is left. */
async function computeParts(rank: Rank, step: Step): Promise<void> {
  const { signals, shared } = rank;
  const { firstPart, parts } = step;
  for (;;) {
    const number = signals.claim(takenCounter, firstPart + parts.length);
    if (number === null) return;
    const index = number - firstPart;
    const { terms, loss, score } = await computePart(rank, step, parts[index]!);
    await signals.reached(addedCounter, number);
    // The sum of the step before must have been taken in by all before another takes its place.
    if (index === 0) await signals.reached(appliedCounter, shared.threads * step.step);
    await rank.sum.add(terms, { isFirst: index === 0 });
    tf.dispose([...terms]);
    shared.partScores.set([loss, score.images, score.loss, score.correct], index * partFields);
    signals.add(addedCounter);
  }
}

async function computePart(
  { replica, shared, augmenter, pixels }: Rank,
  { epoch, globalStep, indices }: Step,
  { start, end }: Part,
): ReturnType<Replica['compute']> {
  const options = { augmenter, epoch, memory: pixels };
  const batch = gatherAugmented(shared.train, indices.subarray(start, end), options);
  return replica.compute({ batch, firstRow: start, batchImages: indices.length, globalStep });
}

/** Batches of a validation. */
export function countValBatches(images: number, model: tfl.LayersModel): number {
  return Math.ceil(images / batchSizeFor(model));
}

/** Scores batches of the validation split until none is left. The counters are to be 0. */
export async function validateBatches({
  replica: { model },
  shared: { val, valScores },
  signals,
}: Rank): Promise<void> {
  const shape = shapeOf(model);
  const size = batchSizeFor(model);
  const batches = countValBatches(val.count, model);
  const pixels = tf.util.sizeFromShape([...shape]);
  for (;;) {
    const number = signals.claim(takenCounter, batches);
    if (number === null) return;
    const start = number * size;
    const labels = val.labels.subarray(start, start + size);
    const logits = await predictLogits(model, val.images.subarray(start * pixels, (start + size) * pixels), shape);
    const score: Score = scoreLogits(logits, labels);
    valScores.set([score.images, score.loss, score.correct], number * batchFields);
  }
}

/** The program of a thread that does not lead. */
export const startMember: StartMember = async (data, signals, index) => {
  const { settings, replica } = data as RankData;
  await openEngine('wasm');
  const { createReplica } = loadModule(replica.module) as { readonly createReplica: CreateReplica };
  const { model, phases } = await createReplica(replica.data);
  let rank: Rank | undefined;
  let isWorking = false;
  const begin = (shared: Shared, { finishedEpochs, weights, optimizer }: Start): void => {
    isWorking = index < shared.threads;
    if (!isWorking) return;
    writeWeights(model, weights);
    rank ??= openRank({ model, settings, phases, shared, signals, finishedEpochs });
    enterPhase(rank, finishedEpochs);
    setThreads(rank, shared);
    if (optimizer !== null) rank.replica.restoreOptimizer(optimizer);
  };
  return async (message) => {
    const command = message as Command;
    if (command.kind === 'begin') begin(command.shared, command.start);
    else if (!isWorking) return;
    else if (command.kind === 'train') await trainEpoch(rank!, command.epoch);
    else await validateBatches(rank!);
  };
};
