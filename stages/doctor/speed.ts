// How fast an engine trains: the training loop of the pipeline on random images, with the "plain" network of bench/training.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Architecture, Op } from '../config/definition.ts';
import { readTrain } from '../config/settings.ts';
import type { Split } from '../data/dataset.ts';
import type { Engine } from '../engine/engine.ts';
import { buildModel } from '../model/build.ts';
import { randomOf } from '../random/random.ts';
import { trainModel } from '../training/train.ts';

const batch = 128;
const shape = [32, 32, 3] as const;
const classes = 100;

const conv = (filters: number): Op => ({
  op: 'conv',
  filters,
  kernelSize: [3, 3],
  strides: [1, 1],
  padding: 'same',
  activation: 'relu',
  l2: 0,
  useBias: true,
});
const pool: Op = { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' };
const branch: readonly Op[] = [
  conv(32),
  conv(32),
  pool,
  conv(64),
  conv(64),
  pool,
  { op: 'flatten' },
  { op: 'dense', units: 128, activation: 'relu', l2: 0, useBias: true },
  { op: 'output', classes },
];
const plain: Architecture = { kind: 'custom', layers: [{ branches: [branch] }] };

/** Images a second while training for about so many seconds, after a short warm-up. */
export async function measureSpeed(engine: Engine, seconds: number): Promise<number> {
  // Whatever starts or compiles does so before the second epoch.
  const first = await trainFor(engine, batch, 2);
  const steps = Math.round((first * seconds) / batch);
  return steps > 1 ? trainFor(engine, steps * batch, 1) : first;
}

/** @returns images a second in the last epoch */
async function trainFor(engine: Engine, images: number, epochs: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
  const model = buildModel(plain, { inputShape: shape, scale: 1 / 255, offset: -0.5, seed: 1 });
  try {
    const { epochs: records } = await trainModel({
      model,
      settings: readTrain({ batch, epochs, keep: 'last', engine: 'auto' }),
      train: noise(images),
      val: noise(1),
      meanColour: [0, 0, 0],
      checkpoint: { folder, fingerprint: 'none' },
      engine: engine.info,
      report: { step: () => undefined, epoch: () => undefined, note: () => undefined },
    });
    return records.at(-1)!.imagesPerSecond;
  } finally {
    model.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

function noise(count: number): Split {
  const random = randomOf(1, 'doctor');
  const images = Uint8Array.from({ length: count * shape[0] * shape[1] * shape[2] }, () => random.next() & 0xff);
  return { count, images, labels: Uint16Array.from({ length: count }, () => random.integer(classes)) };
}
