// With real models on the real engine, read from files as the cache has them.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type { RecordedFile } from '../context/context.ts';
import { openEngine } from '../engine/open.ts';
import { conv, custom, dense, output, runProgram, temporaryFolder } from '../evaluation/fixture.ts';
import { buildModel } from '../model/build.ts';
import { saveModel } from '../model/files.ts';
import { largeBatch } from './contestant.ts';
import { latencyOf, measureModels, type Measurements } from './measurement.ts';
import type { BenchmarkResult } from './result.ts';

const engine = await openEngine('wasm');
afterAll(() => engine.close());

const root = temporaryFolder();

async function store(digest: string, model: tfl.LayersModel): Promise<readonly RecordedFile[]> {
  const folder = join(root, digest);
  await saveModel(model, folder);
  model.dispose();
  return ['model.json', 'weights.bin'].map((path) => ({ path, object: join(folder, path) }));
}

const options = { scale: 1 / 255, offset: 0, seed: 1 };
const small = buildModel(custom({ op: 'flatten' }, output(4)), { ...options, inputShape: [6, 6, 3] });
const large = buildModel(custom(conv(32, 'same'), conv(32, 'same'), { op: 'flatten' }, dense(32), output(4)), {
  ...options,
  inputShape: [24, 24, 1],
});
const models = [
  { digest: 'large', files: await store('large', large) },
  { digest: 'small', files: await store('small', small) },
];

async function measure(candidates: typeof models, blockBytes?: number): Promise<Measurements & { progress: number[] }> {
  const progress: number[] = [];
  const measurements = await measureModels(candidates, {
    seconds: 0.05,
    now: () => performance.now(),
    onProgress: (fraction) => progress.push(fraction),
    ...(blockBytes === undefined ? {} : { blockBytes }),
  });
  return { ...measurements, progress };
}

describe('measureModels', () => {
  it.each([
    ['together', undefined],
    ['in blocks', 1],
  ])('measures models of different inputs %s, and leaves nothing in memory', async (_, blockBytes) => {
    const before = tf.memory().numTensors;
    const { latencies, unmeasured, progress } = await measure(models, blockBytes);
    expect(tf.memory().numTensors).toBe(before);
    expect(unmeasured).toEqual([]);
    expect(latencies.map(({ model }) => model)).toEqual(['large', 'small']);
    for (const { p50, p95, perImage, throughput, batch } of latencies) {
      expect(p50).toBeGreaterThan(0);
      expect(p95).toBeGreaterThanOrEqual(p50);
      expect(throughput).toBeCloseTo(1000 / perImage, 6);
      expect(batch).toBe(largeBatch);
    }
    // 11 million multiply–accumulates an image against 432.
    expect(latencies[0]!.perImage).toBeGreaterThan(5 * latencies[1]!.perImage);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBeCloseTo(1, 12);
  });

  it('leaves out what cannot be loaded or run, with the reason', async () => {
    const damaged = await store(
      'damaged',
      tfl.sequential({ layers: [tfl.layers.dense({ units: 2, inputShape: [3] })] }),
    );
    writeFileSync(damaged[1]!.object, readFileSync(damaged[1]!.object).subarray(4));
    const gone = await store('gone', tfl.sequential({ layers: [tfl.layers.dense({ units: 2, inputShape: [3] })] }));
    rmSync(gone[1]!.object);
    const odd = await store(
      'odd',
      tfl.sequential({ layers: [tfl.layers.conv1d({ filters: 1, kernelSize: 1, inputShape: [null, 2] })] }),
    );
    const before = tf.memory().numTensors;
    const { latencies, unmeasured } = await measure([
      { digest: 'damaged', files: damaged },
      ...models,
      { digest: 'gone', files: gone },
      { digest: 'odd', files: odd },
    ]);
    expect(tf.memory().numTensors).toBe(before);
    expect(latencies.map(({ model }) => model)).toEqual(['large', 'small']);
    expect(unmeasured).toEqual([
      { model: 'damaged', reason: expect.stringContaining('weights.bin has 28 bytes') },
      { model: 'gone', reason: expect.stringContaining('no longer in the cache') },
      { model: 'odd', reason: 'its input is not one image of a fixed size' },
    ]);
  });

  it('has nothing to do without candidates', async () => {
    expect(await measure([])).toEqual({ latencies: [], unmeasured: [], progress: [] });
  });
});

describe('latencyOf', () => {
  it('is not moved by a batch that something else held up', () => {
    const single = [1, 1, 1, 1, 1];
    const calm = latencyOf('a', { single, batch: [64, 64, 64, 64, 64] });
    expect(calm).toEqual({
      model: 'a',
      p50: 1,
      p95: 1,
      perImage: 64 / largeBatch,
      throughput: (1000 * largeBatch) / 64,
      batch: largeBatch,
    });
    expect(latencyOf('a', { single, batch: [64, 900, 64, 64, 700] })).toEqual(calm);
  });
});

describe('benchmark', () => {
  const treeOf = (digest: string, files: readonly RecordedFile[]): unknown => ({
    path: 'artifacts/x/model',
    label: 'out',
    kind: 'tree',
    digest,
    files,
  });
  const run = (deps: Readonly<Record<string, string>>, outs: readonly unknown[]): unknown => ({
    stage: 'train@x',
    fingerprint: 'f',
    at: '2026-01-01T00:00:00Z',
    seconds: 1,
    metrics: {},
    deps,
    outs,
  });
  const context = (): Parameters<typeof runProgram>[1] => ({
    root,
    deps: ['timing.json'],
    outs: ['benchmark.json'],
    params: {},
    runs: {
      train: models.map(({ digest, files }) => run({ data: 'tree data' }, [treeOf(digest, files)])),
      evaluate: ['large', 'small', 'lost', 'small'].map((digest) =>
        run({ data: 'tree data', model: `tree ${digest}` }, []),
      ),
    },
  });

  it('measures what was evaluated, and says what could not be', () => {
    writeFileSync(join(root, 'timing.json'), JSON.stringify({ seconds: 0.1 }));
    const { status, stdout, stderr } = runProgram('benchmark', context());
    expect([status, stderr]).toEqual([0, '']);
    const result = JSON.parse(readFileSync(join(root, 'benchmark.json'), 'utf8')) as BenchmarkResult;
    expect(result).toMatchObject({ version: 1, host: { node: process.version }, engine: { name: 'wasm' } });
    expect(result.host.cores).toBeGreaterThan(0);
    expect(result.latencies.map(({ model }) => model)).toEqual(['large', 'small']);
    expect(result.unmeasured).toEqual([{ model: 'lost', reason: 'the history has its training no longer' }]);
    expect(stdout).toContain('::progress 1.0000');
    expect(stdout).toContain('2 models measured, 1 could not be\n');
  });
});
