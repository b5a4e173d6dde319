// The training loop: epochs of shuffled, augmented batches, validation after each, a checkpoint after each, and in the end the best weights. All that
// is random is addressed by seed, epoch, step and image, so that a training which was interrupted ends as one that was not. The work of an epoch is
// done by a team of threads (rank.ts), of which this is the one that leads. Knows nothing of stages.

import type * as tfl from '@tensorflow/tfjs-layers';

import type { TrainSettings } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import type { Split } from '../data/dataset.ts';
import type { EngineInfo } from '../engine/engine.ts';
import { countThreads, openTeam, shareCores, type Team } from '../threads/team.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { addScores, noScore, type Score } from './loss.ts';
import { phaseAt, type Phase } from './phases.ts';
import { leaveState, resume, snapshot, type Progress, type TrainingPart } from './progress.ts';
import {
  addedCounter,
  appliedCounter,
  batchFields,
  countValBatches,
  openRank,
  partFields,
  setThreads,
  takenCounter,
  trainEpoch,
  validateBatches,
  type Command,
  type Rank,
  type RankData,
  type Shared,
} from './rank.ts';
import type { TrainingReporter } from './report.ts';
import type { EpochRecord, TrainingHistory } from './result.ts';
import type { Extent } from './schedule.ts';
import { isStalled, keptEpoch } from './selection.ts';
import { readWeights, weightSizes, writeWeights } from './weights.ts';

export interface TrainingTask {
  /** With its initial weights; in the end it has those of the kept epoch. */
  readonly model: tfl.LayersModel;
  readonly settings: TrainSettings;
  /** Phases of fine-tuning, the first from epoch 1 on; without them all of the model is trained in one. */
  readonly phases?: readonly Phase[] | undefined;
  readonly train: Split;
  readonly val: Split;
  /** Mean colour of the train split, a value (0–255) a channel. */
  readonly meanColour: readonly number[];
  /** Where to go on from, and what a checkpoint there must match. */
  readonly checkpoint: { readonly folder: string; readonly fingerprint: string };
  /** A part of a training: the epochs from where another one left its state to `stopAfter`. */
  readonly part?: TrainingPart | undefined;
  readonly engine: EngineInfo;
  readonly report: TrainingReporter;
  /** From startTeam, with the same settings. It is closed in the end. Without it this thread does all the work. */
  readonly team?: Team;
}

interface Session extends Omit<TrainingTask, 'team' | 'phases'> {
  readonly extent: Extent;
  readonly team: Team;
  readonly rank: Rank;
}

/** How many steps a training has. */
export function extentOf(settings: TrainSettings, images: number): Extent {
  return { epochs: settings.epochs, stepsPerEpoch: Math.ceil(images / settings.batch) };
}

export interface TeamChoice extends Pick<RankData, 'replica'> {
  readonly engine: EngineInfo['name'];
  /** In place of one a core. */
  readonly threads?: number;
  /** How many of them work, asked before each epoch; without it that follows from how many processes share the cores. */
  readonly crew?: (() => number) | undefined;
}

/**
 * Starts the threads that a training is done with, which takes them some time: nobody waits. There are no others than this one on engines that bring
 * threads of their own.
 */
export function startTeam(settings: TrainSettings, { engine, replica, threads, crew }: TeamChoice): Team {
  const data: RankData = { settings, replica };
  const program = new URL('./rank.ts', import.meta.url).href;
  const count = engine === 'wasm' ? (threads ?? countThreads(settings.shards)) : 1;
  const sharing = crew === undefined && threads === undefined && count > 1 ? shareCores() : { crew };
  return openTeam({ threads: count, program, data, ...sharing });
}

/** Trains a model, going on from a checkpoint that fits. Throws a StageFailure where the loss is no longer a number, or a thread fails. */
export async function trainModel(task: TrainingTask): Promise<TrainingHistory> {
  const team = task.team ?? openTeam({ threads: 1, program: '', data: null });
  try {
    const { session, progress } = await begin(task, team);
    try {
      return await finish(session, progress);
    } finally {
      session.rank.replica.dispose();
    }
  } finally {
    await team.close();
  }
}

async function finish(session: Session, start: Progress): Promise<TrainingHistory> {
  const { settings, checkpoint, part } = session;
  const last = Math.min(settings.epochs, part?.stopAfter ?? Infinity);
  let progress = start;
  while (progress.records.length < last && !hasStalled(session, progress)) {
    progress = await runEpoch(session, progress);
    writeCheckpoint(checkpoint.folder, checkpoint.fingerprint, await snapshot(session, progress));
  }
  if (part?.leave !== undefined) leaveState(part.leave, await snapshot(session, progress));
  if (progress.kept !== null) writeWeights(session.model, progress.kept);
  return summarise(session, progress);
}

/** Early stopping looks at the epochs of the last phase alone: those before it lead up to it. */
function hasStalled({ settings, rank }: Session, { records }: Progress): boolean {
  const { fromEpoch } = rank.phases.at(-1)!;
  return isStalled(
    records.filter(({ epoch }) => epoch >= fromEpoch),
    settings.earlyStopping,
  );
}

/** Goes on from a checkpoint, or starts anew, and brings the other threads there. */
async function begin(task: TrainingTask, team: Team): Promise<{ session: Session; progress: Progress }> {
  const { model, settings, phases } = task;
  const shared = share(task, team);
  const { signals } = team;
  const rank = openRank({ model, settings, phases, shared, signals, finishedEpochs: 0 });
  const session = { ...task, team, rank, extent: extentOf(settings, task.train.count) };
  const progress = resume(session);
  if (shared.threads > 1) await bringAlong(session, progress.records.length);
  return { session, progress };
}

/** Brings the other threads to where this one is. */
async function bringAlong({ model, rank, team }: Session, finishedEpochs: number): Promise<void> {
  const optimizer = finishedEpochs === 0 ? null : await rank.replica.optimizerState();
  const start = { finishedEpochs, weights: await readWeights(model), optimizer };
  team.post({ kind: 'begin', shared: rank.shared, start } satisfies Command);
}

/** Other processes come and go, and with them the cores that are free. */
async function adjustThreads(session: Session, finishedEpochs: number): Promise<void> {
  const { rank, team } = session;
  const threads = team.crew();
  if (threads === rank.shared.threads) return;
  setThreads(rank, { ...rank.shared, threads });
  if (threads > 1) await bringAlong(session, finishedEpochs);
}

function share({ model, settings, train, val, meanColour }: TrainingTask, team: Team): Shared {
  const elements = weightSizes(model).reduce((sum, size) => sum + size, 0);
  return {
    threads: team.crew(),
    train: shareSplit(train),
    val: shareSplit(val),
    meanColour,
    sums: new Float32Array(new SharedArrayBuffer(team.threads === 1 ? 0 : 4 * elements)),
    partScores: new Float64Array(new SharedArrayBuffer(8 * partFields * settings.shards)),
    valScores: new Float64Array(new SharedArrayBuffer(8 * batchFields * countValBatches(val.count, model))),
  };
}

/** The split in memory that other threads see: itself where it was read into such. */
function shareSplit({ count, images, labels }: Split): Split {
  if (images.buffer instanceof SharedArrayBuffer && labels.buffer instanceof SharedArrayBuffer)
    return { count, images, labels };
  const shared = {
    count,
    images: new Uint8Array(new SharedArrayBuffer(images.byteLength)),
    labels: new Uint16Array(new SharedArrayBuffer(labels.byteLength)),
  };
  shared.images.set(images);
  shared.labels.set(labels);
  return shared;
}

function summarise(session: Session, progress: Progress): TrainingHistory {
  const { settings, engine } = session;
  const { records, seconds } = progress;
  const isWhole = records.length === settings.epochs;
  const hasEnded = isWhole || hasStalled(session, progress);
  return {
    version: 1,
    epochs: records,
    keptEpoch: keptEpoch(records, settings.keep),
    stoppedEarly: hasEnded && !isWhole,
    ...(hasEnded ? {} : { halted: { after: records.length, of: settings.epochs } }),
    seconds,
    engine,
  };
}

async function runEpoch(session: Session, before: Progress): Promise<Progress> {
  const started = performance.now();
  const epoch = before.records.length + 1;
  const { settings, model, rank } = session;
  const wasBest = keptEpoch(before.records, settings.keep) === epoch - 1;
  const previous = wasBest && settings.keep !== 'last' && epoch > 1 ? await readWeights(model) : before.kept;
  await adjustThreads(session, before.records.length);
  const trained = await runTraining(session, epoch);
  const validated = meanOf(await runValidation(session));
  if (!Number.isFinite(validated.loss))
    throw diverged(`epoch ${epoch}: val_loss is ${validated.loss}`, trained.lr, { settings, rank }, epoch);
  const record: EpochRecord = { ...trained, valLoss: validated.loss, valAcc: validated.acc };
  const records = [...before.records, record];
  session.report.epoch(record);
  const seconds = before.seconds + (performance.now() - started) / 1000;
  return { records, seconds, kept: keptEpoch(records, settings.keep) === epoch ? null : previous };
}

async function runTraining(session: Session, epoch: number): Promise<Omit<EpochRecord, 'valLoss' | 'valAcc'>> {
  const started = performance.now();
  const { train, rank, report } = session;
  let score = noScore;
  let lr = 0;
  await together(session, { kind: 'train', epoch }, () =>
    trainEpoch(rank, epoch, ({ step, parts, lr: rate }) => {
      lr = rate;
      const { loss, score: gained } = addParts(rank.shared.partScores, parts.length);
      if (!Number.isFinite(loss))
        throw diverged(`epoch ${epoch}, step ${step + 1}: the loss is ${loss}`, lr, session, epoch);
      score = addScores(score, gained);
      const imagesPerSecond = (score.images * 1000) / (performance.now() - started);
      report.step({ epoch, step: step + 1, loss: score.loss / score.images, imagesPerSecond });
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  return { epoch, ...meanOf(score), lr, seconds, imagesPerSecond: train.count / seconds };
}

async function runValidation(session: Session): Promise<Score> {
  const { rank } = session;
  await together(session, { kind: 'validate' }, () => validateBatches(rank));
  const { valScores } = rank.shared;
  let score = noScore;
  for (let start = 0; start < valScores.length; start += batchFields) {
    const [images, loss, correct] = valScores.subarray(start, start + batchFields) as unknown as [
      number,
      number,
      number,
    ];
    score = addScores(score, { images, loss, correct });
  }
  return score;
}

/** All threads do the same; the counters are 0 when they begin. */
async function together({ team, rank }: Session, command: Command, own: () => Promise<void>): Promise<void> {
  for (const counter of [takenCounter, addedCounter, appliedCounter]) team.signals.reset(counter);
  await (rank.shared.threads > 1 ? team.run(command, own) : own());
}

function addParts(partScores: Float64Array, parts: number): { readonly loss: number; readonly score: Score } {
  let loss = 0;
  let score = noScore;
  for (let index = 0; index < parts; index++) {
    const fields = partScores.subarray(index * partFields, (index + 1) * partFields);
    loss += fields[0]!;
    score = addScores(score, { images: fields[1]!, loss: fields[2]!, correct: fields[3]! });
  }
  return { loss, score };
}

function meanOf({ images, loss, correct }: Score): { readonly loss: number; readonly acc: number } {
  return { loss: loss / images, acc: correct / images };
}

type Rates = { readonly settings: TrainSettings; readonly rank: Rank };

function diverged(what: string, lr: number, { settings, rank }: Rates, epoch: number): StageFailure {
  const smaller = Number((phaseAt(rank.phases, epoch).lr / 10).toPrecision(3));
  const clip = settings.gradClip === null ? ', or grad_clip: 1' : '';
  return new StageFailure(
    `training diverged at ${what}, at learning rate ${lr}. Try lr: ${smaller}, warm-up epochs in the schedule${clip}`,
  );
}
