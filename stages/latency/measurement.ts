// Measures all candidates in this one process. As many as fit are in memory together and take turns; where that is not all of them, blocks of them
// are measured one after the other, twice, the second time in reverse order, so that a machine that slows down slows all of them. Needs an open engine.

import { statSync } from 'node:fs';

import type * as tfl from '@tensorflow/tfjs-layers';

import { loadModel, recordedSource } from '../model/files.ts';
import { blockBytes, packBlocks } from './blocks.ts';
import type { MeasurableModel } from './candidates.ts';
import { createNoise, largeBatch, warmUp, type LoadedModel } from './contestant.ts';
import type { BenchmarkResult, Latency } from './result.ts';
import { measureInRounds, type RoundSettings } from './rounds.ts';
import { quantile } from './statistics.ts';

export interface MeasurementOptions {
  /** For all models together; half of it goes to single images, half to large batches. */
  readonly seconds: number;
  /** Milliseconds, of any origin and of high resolution. */
  readonly now: () => number;
  readonly onProgress: (fraction: number, text: string) => void;
  /** Weights in memory at the same time, in bytes. */
  readonly blockBytes?: number;
}

export type Measurements = Pick<BenchmarkResult, 'latencies' | 'unmeasured'>;

/** Least numbers of rounds, and what a turn is; see RoundSettings. A single image is measured 40 times at least, a large batch 5 times. */
const plans = {
  single: { leastRounds: 10, samples: 4, settling: 1 },
  batch: { leastRounds: 5, samples: 1, settling: 0 },
} as const;
type Kind = keyof typeof plans;

/** What has been found out so far. */
interface Records {
  readonly samples: Map<string, Record<Kind, number[]>>;
  readonly reasons: Map<string, string>;
}

interface Member extends LoadedModel {
  readonly digest: string;
  readonly model: tfl.LayersModel;
}

/** Figures of every model that can be loaded and run, and reasons for the others, both in the order of `models`. */
export async function measureModels(
  models: readonly MeasurableModel[],
  options: MeasurementOptions,
): Promise<Measurements> {
  const records: Records = { samples: new Map(), reasons: new Map() };
  const blocks = packBlocks(models, storedBytes, options.blockBytes ?? blockBytes);
  const passes = blocks.length > 1 ? [blocks, blocks.toReversed()] : [blocks];
  const visits = passes.flat();
  for (const [index, block] of visits.entries()) {
    const seconds = (options.seconds * block.length) / models.length / passes.length;
    const onProgress = (fraction: number, text: string): void =>
      options.onProgress((index + fraction) / visits.length, text);
    await measureBlock(block, { ...options, seconds, onProgress, passes: passes.length }, records);
  }
  return {
    latencies: models.flatMap(({ digest }) => {
      const samples = records.samples.get(digest);
      return samples === undefined || records.reasons.has(digest) ? [] : [latencyOf(digest, samples)];
    }),
    unmeasured: models.flatMap(({ digest }) => {
      const reason = records.reasons.get(digest);
      return reason === undefined ? [] : [{ model: digest, reason }];
    }),
  };
}

/** Size of a model's files; those that are gone count nothing. */
function storedBytes({ files }: MeasurableModel): number {
  return files.reduce((sum, { object }) => sum + (statSync(object, { throwIfNoEntry: false })?.size ?? 0), 0);
}

type BlockOptions = MeasurementOptions & { readonly passes: number };

async function measureBlock(block: readonly MeasurableModel[], options: BlockOptions, records: Records): Promise<void> {
  const noise = createNoise();
  const members: Member[] = [];
  try {
    for (const candidate of block) {
      const member = await admit(candidate, (model) => warmUp(model, noise), records);
      if (member !== undefined) members.push(member);
      options.onProgress((0.2 * (block.indexOf(candidate) + 1)) / block.length, `${members.length} models loaded`);
    }
    await takeSamples(members, 'single', roundSettings('single', members.length, 0.2, options), records);
    await takeSamples(members, 'batch', roundSettings('batch', members.length, 0.6, options), records);
  } finally {
    members.forEach(({ model }) => model.dispose());
    noise.dispose();
  }
}

/** Loads a model; one that cannot be is recorded with the reason, and left out. */
async function admit(
  { digest, files }: MeasurableModel,
  prepare: (model: tfl.LayersModel) => Promise<LoadedModel>,
  { reasons }: Records,
): Promise<Member | undefined> {
  if (reasons.has(digest)) return undefined;
  let model: tfl.LayersModel | undefined;
  try {
    model = await loadModel(recordedSource(files));
    return { digest, model, ...(await prepare(model)) };
  } catch (error) {
    model?.dispose();
    reasons.set(digest, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

async function takeSamples(
  members: readonly Member[],
  kind: Kind,
  settings: RoundSettings,
  { samples }: Records,
): Promise<void> {
  const contestants = members.map((member) => member[kind]);
  (await measureInRounds(contestants, settings)).forEach((times, index) => {
    const { digest } = members[index]!;
    const own = samples.get(digest) ?? { single: [], batch: [] };
    own[kind].push(...times);
    samples.set(digest, own);
  });
}

/** @param from - where the progress of the block stands; a kind takes 0.4 of it */
function roundSettings(kind: Kind, models: number, from: number, options: BlockOptions): RoundSettings {
  const images = kind === 'single' ? 1 : largeBatch;
  const { leastRounds, samples, settling } = plans[kind];
  return {
    seconds: options.seconds / 2,
    leastRounds: Math.ceil(leastRounds / options.passes),
    samples,
    settling,
    now: options.now,
    onRound: (fraction) => options.onProgress(from + 0.4 * fraction, `${models} models, batches of ${images}`),
  };
}

/**
 * Figures from the times of a model, in milliseconds. Medians: whatever else the machine does makes some samples many times as long, and a mean would
 * tell of that rather than of the model.
 */
export function latencyOf(model: string, { single, batch }: Record<Kind, readonly number[]>): Latency {
  const perImage = quantile(batch, 0.5) / largeBatch;
  return {
    model,
    p50: quantile(single, 0.5),
    p95: quantile(single, 0.95),
    perImage,
    throughput: 1000 / perImage,
    batch: largeBatch,
  };
}
