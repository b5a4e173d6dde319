// Trainings on several threads: the same bytes as on one, and no hanging when a thread fails.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { TrainSettings } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/open.ts';
import { saveModel } from '../model/files.ts';
import { rescalingOf } from '../model/rescaling.ts';
import { createReplica, phasesOf, testReplicaModule, type TestRecipe } from './fixtures/replica.ts';
import { toyArchitecture, toySettings, toyShape, toySplit, toyStatistics } from './fixtures/toy.ts';
import type { TrainingReporter } from './report.ts';
import type { TrainingHistory } from './result.ts';
import { startTeam, trainModel } from './train.ts';

const train = toySplit(70, 1);
const val = toySplit(300, 2);
// The model has batch normalisation, dropout and a penalty. The last batch of an epoch has 10 images.
const everything: TrainSettings = {
  ...toySettings,
  epochs: 2,
  shards: 4,
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  schedule: { kind: 'cosine', warmup: 1, final: 0.01 },
  weightDecay: 0.01,
  labelSmoothing: 0.1,
  augment: { flip: true, padCrop: 1, cutout: 2 },
  gradClip: 1,
};

describe('training on several threads', () => {
  let engine: Engine;
  let folder: string;
  beforeAll(async () => {
    engine = await openEngine('wasm');
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'threads-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const quiet: TrainingReporter = { step: () => undefined, epoch: () => undefined, note: () => undefined };
  interface Run {
    readonly settings?: Partial<TrainSettings>;
    readonly extra?: Omit<TestRecipe, 'architecture' | 'options'>;
    readonly report?: TrainingReporter;
    readonly crew?: () => number;
    /** Folder of the checkpoint. */
    readonly name?: string;
  }
  interface Outcome {
    readonly model: tfl.LayersModel;
    readonly history: TrainingHistory;
  }
  async function runOn(
    threads: number,
    { settings, extra, crew, report = quiet, name = `on-${threads}` }: Run = {},
  ): Promise<Outcome> {
    const full = { ...everything, ...settings };
    const options = { inputShape: toyShape, ...rescalingOf(toyStatistics), seed: full.seed };
    const recipe: TestRecipe = { architecture: toyArchitecture, options, ...extra };
    const replica = { module: testReplicaModule, data: recipe };
    const team = startTeam(full, { engine: 'wasm', threads, crew, replica });
    const { model } = createReplica({ ...recipe, mishap: undefined });
    const history = await trainModel({
      model,
      settings: full,
      phases: phasesOf(recipe, model.layers.length),
      train,
      val,
      meanColour: [115, 115, 115],
      checkpoint: { folder: join(folder, name), fingerprint: 'a' },
      engine: engine.info,
      report,
      team,
    });
    return { model, history };
  }
  async function bytesOf({ model }: Outcome): Promise<string> {
    await saveModel(model, join(folder, 'saved'));
    return ['model.json', 'weights.bin'].map((name) => readFileSync(join(folder, 'saved', name), 'base64')).join();
  }
  const figures = ({ history }: Outcome): unknown =>
    history.epochs.map(({ epoch, loss, acc, valLoss, valAcc, lr }) => [epoch, loss, acc, valLoss, valAcc, lr]);

  it('gives the bytes of one thread', async () => {
    const [one, two, four] = [await runOn(1), await runOn(2), await runOn(4)];
    const bytes = await bytesOf(one);
    for (const other of [two, four]) {
      expect(await bytesOf(other)).toBe(bytes);
      expect(figures(other)).toEqual(figures(one));
    }
    expect(figures(await runOn(1, { settings: { shards: 2 }, name: 'shards' }))).not.toEqual(figures(one));
  });

  it('gives the same bytes where threads come and go between the epochs', async () => {
    const phases = [
      { fromEpoch: 1, lr: 0.02 },
      { fromEpoch: 5, lr: 0.01 },
    ];
    const run: Run = { settings: { epochs: 8 }, extra: { phases } };
    const alone = await runOn(1, run);
    // The team asks when it is opened, at the beginning of the training, and before each epoch.
    const plan = [1, 1, 1, 3, 2, 2, 3, 1, 1, 2];
    const asked: number[] = [];
    const crew = (): number => {
      asked.push(plan[asked.length]!);
      return asked.at(-1)!;
    };
    const varying = await runOn(3, { ...run, crew, name: 'varying' });
    expect(asked).toEqual(plan);
    expect(await bytesOf(varying)).toBe(await bytesOf(alone));
    expect(figures(varying)).toEqual(figures(alone));
  });

  it('goes on from a checkpoint with another number of threads, to the same bytes', async () => {
    const phases = [
      { fromEpoch: 1, lr: 0.02 },
      { fromEpoch: 3, lr: 0.01 },
    ];
    const run: Run = { settings: { epochs: 5 }, extra: { phases } };
    const whole = await runOn(2, run);
    const expected = await bytesOf(whole);
    // In the first phase, at its end, and in the second.
    for (const stop of [1, 2, 3]) {
      const name = `stopped-${stop}`;
      const report: TrainingReporter = {
        ...quiet,
        step: ({ epoch }) => {
          if (epoch > stop) throw new Error('interrupted');
        },
      };
      await expect(runOn(stop === 2 ? 1 : 2, { ...run, report, name })).rejects.toThrow('interrupted');
      const resumed = await runOn(stop === 2 ? 2 : 1, { ...run, name });
      expect(await bytesOf(resumed)).toBe(expected);
      expect(figures(resumed)).toEqual(figures(whole));
    }
  });

  it.each([
    ['throws', /^a thread of this stage failed: Error: this thread has no luck/],
    ['exits', /^a thread of this stage ended unasked, with exit code 3$/],
    ['throws late', /^a thread of this stage failed: Error: this thread has no luck/],
    ['exits late', /^a thread of this stage ended unasked, with exit code 3$/],
  ] as const)('ends with a clear message where a thread %s', async (mishap, message) => {
    const failure = runOn(2, { settings: { epochs: 50 }, extra: { mishap } });
    await expect(failure).rejects.toThrow(StageFailure);
    await expect(failure).rejects.toThrow(message);
  });

  it('ends where the data has fewer images than the batch has parts', async () => {
    const { history } = await runOn(2, { settings: { batch: 64, shards: 64 } });
    expect(history.epochs).toHaveLength(2);
  });
});
