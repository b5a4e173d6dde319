// Small real things for the tests of evaluation and latency: definitions, a training history, a prepared data set, models on disk.

import { afterAll } from '@jest/globals';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Architecture, ModelDefinition, Op, Padding } from '../config/definition.ts';
import { defaultPrepare, defaultTrain } from '../config/testing.ts';
import type { DatasetManifest, SplitManifest, SplitName } from '../data/manifest.ts';
import { randomOf } from '../random/random.ts';
import type { TrainingHistory } from '../training/result.ts';
import type { ImageShape } from '../model/logits.ts';

export const conv = (filters: number, padding: Padding): Op => ({
  op: 'conv',
  filters,
  kernelSize: [3, 3],
  strides: [1, 1],
  padding,
  activation: 'relu',
  l2: 0,
  useBias: true,
});
export const maxPool: Op = { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' };
export const dense = (units: number): Op => ({ op: 'dense', units, activation: 'relu', l2: 0, useBias: true });
export const output = (classes: number): Op => ({ op: 'output', classes });

export const custom = (...branch: readonly Op[]): Architecture => ({
  kind: 'custom',
  layers: [{ branches: [branch] }],
});

/** The smaller model of the original system, for 32×32 images of 100 classes. */
export const originalModel1 = custom(
  conv(32, 'valid'),
  maxPool,
  conv(64, 'valid'),
  conv(128, 'valid'),
  maxPool,
  { op: 'flatten' },
  dense(128),
  output(100),
);

/** The definition of an architecture, everything else at its default. */
export function definitionOf(
  architecture: Architecture,
  imageSize: readonly [number, number] = [32, 32],
): ModelDefinition {
  return {
    version: 1,
    prepare: { ...defaultPrepare, imageSize },
    train: { ...defaultTrain, lr: 0.002, epochs: 1, keep: 'last', engine: 'wasm' },
    architecture,
  };
}

/** A history of so many epochs, with figures of full length. */
export function historyOf(epochs: number): TrainingHistory {
  const random = randomOf(0, 'history');
  return {
    version: 1,
    epochs: Array.from({ length: epochs }, (_, index) => ({
      epoch: index + 1,
      loss: random.uniform(),
      acc: random.uniform(),
      valLoss: random.uniform(),
      valAcc: random.uniform(),
      lr: random.uniform(),
      seconds: random.uniform(),
      imagesPerSecond: 100 * random.uniform(),
    })),
    keptEpoch: epochs,
    stoppedEarly: false,
    seconds: 12.5,
    engine: { name: 'wasm', version: 'tfjs', notes: [] },
  };
}

export interface DatasetOptions {
  readonly shape: ImageShape;
  readonly classes: number;
  readonly counts: Readonly<Record<SplitName, number>>;
}

/** Writes a prepared data set of noise. Each image carries its class in its first pixel, multiplied by ten. */
export function writeDataset(folder: string, { shape, classes, counts }: DatasetOptions): DatasetManifest {
  mkdirSync(folder, { recursive: true });
  const size = shape[0] * shape[1] * shape[2];
  const writeSplit = (name: SplitName): SplitManifest => {
    const random = randomOf(1, 'images', name);
    const count = counts[name];
    const labels = Uint16Array.from({ length: count }, () => random.integer(classes));
    const images = Uint8Array.from({ length: count * size }, () => random.integer(256));
    labels.forEach((label, index) => (images[index * size] = 10 * label));
    writeFileSync(join(folder, `${name}.images`), images);
    writeFileSync(join(folder, `${name}.labels`), new Uint8Array(labels.buffer));
    return { count, images: `${name}.images`, labels: `${name}.labels`, digest: '0000000000000000' };
  };
  const manifest: DatasetManifest = {
    version: 1,
    name: 'noise',
    classes: Array.from({ length: classes }, (_, index) => `class ${index}`),
    shape,
    splits: { train: writeSplit('train'), val: writeSplit('val'), test: writeSplit('test') },
    mean: new Array<number>(shape[2]).fill(0.5),
    std: new Array<number>(shape[2]).fill(0.3),
    identity: 'identity',
    source: 'source',
    split: { seed: 77, fraction: 0.2 },
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return manifest;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder of the system's place for temporary files, there until the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dagrun-evaluation-'));
  folders.push(folder);
  return folder;
}

export interface ProgramContext {
  readonly root: string;
  /** Relative to `root`, as are `outs`. */
  readonly deps: readonly string[];
  readonly outs: readonly string[];
  readonly params?: Readonly<Record<string, unknown>>;
  readonly runs?: Readonly<Record<string, readonly unknown[]>>;
}

/** Runs `stages/<name>.ts` as the runner does, with a context file in `root`. */
export function runProgram(name: string, context: ProgramContext): SpawnSyncReturns<string> {
  const { root, deps, outs, params = {}, runs = {} } = context;
  const repository = join(dirname(fileURLToPath(import.meta.url)), '../..');
  const file = join(root, 'context.json');
  const asPath = (path: string): { readonly path: string } => ({ path });
  const content = {
    stage: name,
    fingerprint: 'f',
    resume: 'resume',
    root,
    params: { 'params.yaml': params },
    deps: deps.map(asPath),
    outs: outs.map(asPath),
    runs,
  };
  writeFileSync(file, JSON.stringify(content));
  return spawnSync(process.execPath, ['--import', 'tsx', `stages/${name}.ts`], {
    cwd: repository,
    encoding: 'utf8',
    env: { ...process.env, DAGRUN_CONTEXT: file },
  });
}
