import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { TrainSettings } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { saveModel } from '../model/files.ts';
import { predictLogits } from '../model/logits.ts';
import { rescalingOf } from '../model/rescaling.ts';
import { toyArchitecture, toySettings, toyShape, toySplit, toyStatistics } from './fixtures/toy.ts';
import { scoreLogits } from './loss.ts';
import type { Phase } from './phases.ts';
import type { TrainingPart } from './progress.ts';
import type { TrainingReporter } from './report.ts';
import type { EpochRecord, TrainingHistory } from './result.ts';
import { extentOf, trainModel } from './train.ts';
import { weightsOf } from './weights.ts';

const train = toySplit(110, 1);
const val = toySplit(40, 2);
const everything: Partial<TrainSettings> = {
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  schedule: { kind: 'cosine', warmup: 1, final: 0.01 },
  weightDecay: 0.01,
  labelSmoothing: 0.1,
  augment: { flip: false, padCrop: 1, cutout: 2 },
  gradClip: 1,
};

describe('training', () => {
  let engine: Engine;
  let folder: string;
  let lines: string[];
  beforeAll(async () => {
    engine = await openEngine('wasm');
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'train-'));
    lines = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const quiet = (): TrainingReporter => ({
    step: () => undefined,
    epoch: ({ epoch }) => lines.push(`epoch ${epoch}`),
    note: (text) => lines.push(text),
  });
  interface Outcome {
    readonly model: tfl.LayersModel;
    readonly history: TrainingHistory;
  }
  interface Extras {
    readonly report?: TrainingReporter;
    readonly at?: { readonly folder: string; readonly fingerprint: string };
    readonly phases?: readonly Phase[];
    readonly part?: TrainingPart;
  }
  async function run(
    settings: Partial<TrainSettings>,
    { report = quiet(), at = { folder: join(folder, 'checkpoint'), fingerprint: 'a' }, ...rest }: Extras = {},
  ): Promise<Outcome> {
    const full = { ...toySettings, ...settings };
    const options = { inputShape: toyShape, ...rescalingOf(toyStatistics), seed: full.seed };
    const model = buildModel(toyArchitecture, options);
    const meanColour = [115, 115, 115];
    const task = {
      model,
      settings: full,
      train,
      val,
      meanColour,
      checkpoint: at,
      engine: engine.info,
      report,
      ...rest,
    };
    return { model, history: await trainModel(task) };
  }
  /** The end of a training in a folder of its own. */
  const runFresh = (settings: Partial<TrainSettings>, name: string): Promise<Outcome> =>
    run(settings, { at: { folder: join(folder, name), fingerprint: 'a' } });
  async function bytesOf({ model }: Outcome): Promise<string> {
    await saveModel(model, join(folder, 'saved'));
    return ['model.json', 'weights.bin'].map((name) => readFileSync(join(folder, 'saved', name), 'base64')).join();
  }
  /** What of a history does not depend on the clock. */
  const figures = (epochs: readonly EpochRecord[]): unknown =>
    epochs.map(({ seconds, imagesPerSecond, ...rest }) => (expect(seconds * imagesPerSecond).toBeCloseTo(110), rest));

  it.each([
    ['plain', {}],
    ['with everything', everything],
    ['with momentum', { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true }, lr: 0.05 }],
  ] as const)('learns (%s)', async (_, settings) => {
    const { history } = await run({ epochs: 12, ...settings });
    expect(history.epochs.at(-1)!.valAcc).toBeGreaterThan(0.9);
    expect(history.epochs.at(-1)!.valLoss).toBeLessThan(history.epochs[0]!.valLoss);
    expect(history).toMatchObject({ version: 1, stoppedEarly: false, engine: engine.info });
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 12 }, (__, index) => index + 1));
  });

  it('gives the same bytes for the same inputs, and others for another seed', async () => {
    const settings = { ...everything, epochs: 2 };
    const first = await runFresh(settings, 'first');
    const second = await runFresh(settings, 'second');
    expect(await bytesOf(second)).toBe(await bytesOf(first));
    expect(figures(second.history.epochs)).toEqual(figures(first.history.epochs));
    const other = await runFresh({ ...settings, seed: 78 }, 'third');
    expect(figures(other.history.epochs)).not.toEqual(figures(first.history.epochs));
  });

  it('gives the bytes of one training in parts, each of which says how far it came', async () => {
    const settings = { ...everything, epochs: 5, lr: 0.05 };
    const whole = await runFresh(settings, 'whole');
    const part = (name: string, range: TrainingPart): Promise<Outcome> =>
      run(settings, { at: { folder: join(folder, name), fingerprint: name }, part: range });
    const state = (number: number): string => join(folder, `state-${number}`);
    const first = await part('first', { stopAfter: 2, leave: state(1) });
    expect(first.history).toMatchObject({ stoppedEarly: false, halted: { after: 2, of: 5 } });
    const same = await part('same', { start: state(1), stopAfter: 2, leave: state(2) });
    expect(await bytesOf(same)).toBe(await bytesOf(first));
    expect(readFileSync(join(state(2), 'training.checkpoint'))).toEqual(
      readFileSync(join(state(1), 'training.checkpoint')),
    );
    const second = await part('second', { start: state(2), stopAfter: 4, leave: state(3) });
    expect(second.history).toMatchObject({ halted: { after: 4, of: 5 } });
    const last = await part('last', { start: state(3) });
    expect(await bytesOf(last)).toBe(await bytesOf(whole));
    expect(figures(last.history.epochs)).toEqual(figures(whole.history.epochs));
    expect(last.history).not.toHaveProperty('halted');
    expect(lines.filter((line) => line.startsWith('going on'))).toEqual([
      'going on after epoch 2/5 where the round before ended',
      'going on after epoch 2/5 where the round before ended',
      'going on after epoch 4/5 where the round before ended',
    ]);
    await expect(part('lost', { start: join(folder, 'nothing') })).rejects.toThrow(/nothing has no state of this/);
  });

  it('has nothing more to train where early stopping ends a part, or the part has all epochs', async () => {
    const leave = join(folder, 'state');
    const earlyStopping = { monitor: 'val_loss', patience: 1, minDelta: 100 } as const;
    const early = await run({ epochs: 9, earlyStopping }, { part: { stopAfter: 4, leave } });
    expect(early.history).toMatchObject({ stoppedEarly: true });
    expect(early.history.epochs).toHaveLength(2);
    const at = { folder: join(folder, 'other'), fingerprint: 'a' };
    const whole = await run({ epochs: 2 }, { at, part: { stopAfter: 4, leave } });
    expect(whole.history).toMatchObject({ stoppedEarly: false });
    for (const { history } of [early, whole]) expect(history).not.toHaveProperty('halted');
  });

  it('trains on every image once an epoch, in a smaller last batch too', async () => {
    const steps: number[] = [];
    const report: TrainingReporter = { ...quiet(), step: ({ step }) => steps.push(step) };
    const { history } = await run({ epochs: 1, batch: 20 }, { report });
    expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
    expect(extentOf({ ...toySettings, batch: 20 }, 110)).toEqual({ epochs: 4, stepsPerEpoch: 6 });
    expect((history.epochs[0]!.acc * 110) % 1).toBeCloseTo(0, 9);
  });

  it('keeps the weights of the best epoch, whichever figure decides', async () => {
    // A learning rate at which the figures go up and down.
    const settings = { epochs: 6, lr: 0.5 };
    for (const keep of ['val_acc', 'val_loss', 'last'] as const) {
      const { model, history } = await runFresh({ ...settings, keep }, keep);
      const logits = await predictLogits(model, val.images, toyShape);
      const score = scoreLogits(logits, val.labels);
      const record = history.epochs[history.keptEpoch - 1]!;
      expect(score.loss / score.images).toBe(record.valLoss);
      expect(score.correct / score.images).toBe(record.valAcc);
      if (keep === 'last') expect(history.keptEpoch).toBe(6);
      else expect(history.keptEpoch).toBeLessThan(6);
    }
  });

  it('stops early, and says so', async () => {
    const earlyStopping = { monitor: 'val_acc', patience: 1, minDelta: 0.9 } as const;
    const { history } = await run({ epochs: 9, earlyStopping });
    expect(history.stoppedEarly).toBe(true);
    expect(history.epochs).toHaveLength(2);
  });

  it.each([
    ['with everything', { ...everything, lr: 0.1, keep: 'val_loss' }],
    ['with momentum', { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false }, lr: 0.2, keep: 'last' }],
  ] as const)('goes on from any epoch to the same bytes (%s)', async (_, settings) => {
    const whole = await runFresh({ ...settings, epochs: 5 }, 'whole');
    const expected = await bytesOf(whole);
    for (const stop of [1, 2, 4]) {
      const at = { folder: join(folder, `stopped-${stop}`), fingerprint: 'a' };
      const interrupted: TrainingReporter = {
        ...quiet(),
        step: ({ epoch }) => {
          if (epoch > stop) throw new Error('interrupted');
        },
      };
      await expect(run({ ...settings, epochs: 5 }, { report: interrupted, at })).rejects.toThrow('interrupted');
      lines = [];
      const resumed = await run({ ...settings, epochs: 5 }, { at });
      expect(lines[0]).toBe(`going on after epoch ${stop}/5 of an interrupted training`);
      expect(lines[1]).toBe(`epoch ${stop + 1}`);
      expect(await bytesOf(resumed)).toBe(expected);
      expect(figures(resumed.history.epochs)).toEqual(figures(whole.history.epochs));
      expect(resumed.history.keptEpoch).toBe(whole.history.keptEpoch);
    }
  });

  it('starts anew beside the checkpoint of another training, and says so', async () => {
    const at = join(folder, 'shared');
    await run({ epochs: 1 }, { at: { folder: at, fingerprint: 'other' } });
    lines = [];
    await run({ epochs: 1 }, { at: { folder: at, fingerprint: 'a' } });
    expect(lines[0]).toContain('it belongs to other inputs; training starts anew');
    expect(lines[1]).toBe('epoch 1');
  });

  it('ends with a clear failure where the loss is no longer a number', async () => {
    const settings = { optimizer: { kind: 'sgd', momentum: 0, nesterov: false }, lr: 1e30, epochs: 2 } as const;
    const failure = run(settings);
    await expect(failure).rejects.toThrow(StageFailure);
    await expect(failure).rejects.toThrow(
      /^training diverged at epoch 1, step \d: the loss is (NaN|Infinity), at learning rate 1e\+30. Try lr: 1e\+29, warm-up epochs in the schedule, or grad_clip: 1$/,
    );
  });

  it('trains in phases only what their layers are, each with its own rate and a fresh optimiser', async () => {
    const weightsAt = new Map<number, readonly Float32Array[]>();
    const entered: number[] = [];
    const trainLast = (from: number) => (model: tfl.LayersModel) => {
      entered.push(from);
      model.layers.forEach((layer, index) => (layer.trainable = index >= model.layers.length + from));
      pending = model;
    };
    let pending: tfl.LayersModel | undefined;
    const phases: readonly Phase[] = [
      { fromEpoch: 1, lr: 0.02, enter: trainLast(-1) },
      { fromEpoch: 3, lr: 0.001, enter: trainLast(-100) },
    ];
    const report: TrainingReporter = {
      ...quiet(),
      epoch: ({ epoch }) =>
        weightsAt.set(
          epoch,
          weightsOf(pending!).map((weight) => weight.read().dataSync<'float32'>()),
        ),
    };
    // Two epochs without an improvement end nothing in the first phase.
    const earlyStopping = { monitor: 'val_acc', patience: 1, minDelta: 2 } as const;
    const { model, history } = await run({ epochs: 6, keep: 'last', earlyStopping }, { report, phases });
    expect(history.epochs.map(({ lr }) => lr)).toEqual([0.02, 0.02, 0.001, 0.001]);
    expect(history.stoppedEarly).toBe(true);
    expect(entered).toEqual([-1, -1, -100]);
    const names = weightsOf(model).map(({ originalName }) => originalName);
    const changed = (before: number, after: number): string[] =>
      names.filter((_, index) => String(weightsAt.get(before)![index]) !== String(weightsAt.get(after)![index]));
    // Batch normalisation keeps moving its statistics unless `enter` keeps it from that.
    expect(changed(1, 2).filter((name) => !name.includes('moving'))).toEqual(['logits/kernel', 'logits/bias']);
    expect(changed(2, 3)).toEqual(names);
  });

  it('leaves no tensors behind, whatever the number of steps', async () => {
    const tensors: number[] = [];
    const bytes: number[] = [];
    const report: TrainingReporter = {
      ...quiet(),
      step: () => {
        tensors.push(engine.memory().tensors);
        bytes.push(engine.memory().bytes);
      },
    };
    const before = tf.memory().numTensors;
    const { model } = await run({ ...everything, epochs: 3 }, { report });
    expect(new Set(tensors).size).toBe(1);
    expect(new Set(bytes).size).toBe(1);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
