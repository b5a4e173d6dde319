import { afterAll, describe, expect, it } from '@jest/globals';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Result } from 'execa';
import xxhash from 'xxhash-wasm';
import { canonicalJson, definitionDigest } from '../config/canonical.ts';
import type { ModelDefinition } from '../config/definition.ts';
import { readContext } from '../context/context.ts';
import type { RecordedFile } from '../context/context.ts';
import { compareModels, summarise } from './comparison.ts';
import { evaluateRun, evaluationOf, someDefinition, trainRun } from '../selection/testing.ts';

const root = mkdtempSync(join(tmpdir(), 'compare-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const hasher = await xxhash();

/** Puts bytes into a cache folder as the runner does: read-only, under their digest. */
function store(folder: string, path: string, content: string | Uint8Array): RecordedFile {
  const bytes = Buffer.from(content);
  const hex = (seed: bigint): string => hasher.h64Raw(bytes, seed).toString(16).padStart(16, '0');
  const digest = hex(0n) + hex(0x9e3779b97f4a7c15n);
  const object = join(folder, 'cache/objects', digest.slice(0, 2), digest.slice(2));
  mkdirSync(join(object, '..'), { recursive: true });
  if (!existsSync(object)) writeFileSync(object, bytes, { mode: 0o444 });
  return { path, object };
}

/** A model folder: a topology of one 2 × 3 kernel, and weights that fit it. */
function storeModel(folder: string, name: string, values = 6): readonly RecordedFile[] {
  const topology = {
    format: 'layers-model',
    modelTopology: { name },
    weightsManifest: [{ paths: ['weights.bin'], weights: [{ name: 'w', shape: [2, 3], dtype: 'float32' }] }],
  };
  const weights = new Uint8Array(4 * values).fill(name.length);
  return [store(folder, 'model.json', JSON.stringify(topology)), store(folder, 'weights.bin', weights)];
}

const small: ModelDefinition = { ...someDefinition, train: { ...someDefinition.train, lr: 0.01 } };

interface World {
  readonly folder: string;
  readonly metrics?: unknown;
  /** Numbers in the weights of the small model. */
  readonly values?: number;
}

const outs = [
  'reports/ranking.json',
  'reports/ranking.csv',
  'reports/heatmap.svg',
  'reports/heatmap.png',
  'artifacts/best',
];
const fastMatters = {
  evaluation_metrics: { val_loss: null, val_acc: 2, complexity: 1, mean_predictions_time: 5 },
  optimization_directions: { val_acc: 'maximize', complexity: 'minimize', mean_predictions_time: 'minimize' },
};

/** A workspace as `dagrun` leaves it before `compare` starts: "large" is a model of this run, "small" one of the history. Gives the context's file. */
async function build({ folder, metrics = fastMatters, values = 6 }: World): Promise<string> {
  const [largeDigest, smallDigest] = [await definitionDigest(someDefinition), await definitionDigest(small)];
  const write = (path: string, content: unknown): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), canonicalJson(content));
  };
  write('artifacts/definitions/large.json', someDefinition);
  write('data/prepared.json', {
    version: 1,
    models: { large: { name: 'synthetic', source: 'source-1', identity: 'identity-1' } },
  });
  const timing = { p50: 1, p95: 2, throughput: 1000, batch: 256 };
  write('artifacts/benchmark.json', {
    version: 1,
    host: { cpu: 'cpu', cores: 2, os: 'linux', node: '20' },
    engine: { name: 'wasm', version: 'tfjs', notes: [] },
    latencies: [
      { ...timing, model: 'tree-large', perImage: 0.5 },
      { ...timing, model: 'tree-small', perImage: 0.1 },
    ],
    unmeasured: [],
  });
  const classes = store(folder, 'classes.json', JSON.stringify({ version: 1, classes: ['apple', 'bear'], splits: {} }));
  const runs = {
    train: [
      trainRun('tree-large', { name: 'large', files: storeModel(folder, 'large') }),
      trainRun('tree-small', { name: 'tiny', files: storeModel(folder, 'small', values) }),
    ],
    evaluate: [
      evaluateRun('tree-large', evaluationOf({ definitionDigest: largeDigest, accuracy: 0.4, parameters: 4000 }), {
        name: 'large',
      }),
      evaluateRun(
        'tree-small',
        evaluationOf({ definition: small, definitionDigest: smallDigest, accuracy: 0.3, parameters: 1000 }),
        { name: 'tiny', files: [classes] },
      ),
    ],
  };
  const deps = ['artifacts/definitions', 'data/prepared.json', 'artifacts/benchmark.json'].map((path) => ({ path }));
  const context = {
    stage: 'compare',
    fingerprint: 'f',
    resume: 'resume',
    root: folder,
    params: { 'evaluation_metrics.yaml': { '': metrics } },
    deps,
    outs: outs.map((path) => ({ path, label: 'out' })),
    runs,
  };
  const file = join(folder, 'context.json');
  writeFileSync(file, JSON.stringify(context));
  return file;
}

let made = 0;
function makeFolder(): string {
  const folder = join(root, String(made++));
  mkdirSync(folder);
  return folder;
}

const compare = async (file: string): ReturnType<typeof compareModels> =>
  compareModels(readContext({ DAGRUN_CONTEXT: file }));

describe('compareModels', () => {
  it('ranks this run and the history, and lays out the winner, whose name params.yaml no longer has', async () => {
    const folder = makeFolder();
    const ranking = await compare(await build({ folder }));
    expect(ranking.candidates.map(({ names, origin, rank }) => [names, origin, rank])).toEqual([
      [['tiny'], 'history', 1],
      [['large'], 'run', 2],
    ]);
    expect(readFileSync(join(folder, 'reports/ranking.json'), 'utf8')).toBe(canonicalJson(ranking));
    expect(readFileSync(join(folder, 'reports/ranking.csv'), 'utf8').split('\r\n')).toHaveLength(4);
    expect(readFileSync(join(folder, 'reports/heatmap.svg'), 'utf8')).toContain('1. tiny');
    expect(readFileSync(join(folder, 'reports/heatmap.png')).readUInt32BE(16)).toBeGreaterThan(600);
    const best = join(folder, 'artifacts/best');
    expect(readdirSync(best).sort()).toEqual([
      'classes.json',
      'definition.json',
      'evaluation.json',
      'model-card.md',
      'model.json',
      'weights.bin',
    ]);
    expect(readFileSync(join(best, 'weights.bin'))).toEqual(Buffer.alloc(24, 5));
    expect(JSON.parse(readFileSync(join(best, 'model.json'), 'utf8'))).toMatchObject({
      modelTopology: { name: 'small' },
    });
    expect(JSON.parse(readFileSync(join(best, 'definition.json'), 'utf8'))).toEqual(small);
    expect(JSON.parse(readFileSync(join(best, 'evaluation.json'), 'utf8'))).toMatchObject({ val: { accuracy: 0.3 } });
    expect(JSON.parse(readFileSync(join(best, 'classes.json'), 'utf8'))).toEqual(['apple', 'bear']);
  });

  it('writes a card with figures, training and use', async () => {
    const folder = makeFolder();
    await compare(await build({ folder }));
    const card = readFileSync(join(folder, 'artifacts/best/model-card.md'), 'utf8');
    expect(card).toContain('# tiny\n');
    expect(card).toContain('| accuracy | 30.0% | 29.0% |');
    expect(card).toContain('learning rate 0.01 (cosine, warm-up of 1 epoch)');
    expect(card).toContain("tf.loadLayersModel('model.json')");
    expect(card).not.toContain(folder);
  });

  it('gives the same bytes again', async () => {
    const [first, second] = [makeFolder(), makeFolder()];
    await compare(await build({ folder: first }));
    await compare(await build({ folder: second }));
    const files = [
      ...outs.slice(0, 4),
      ...readdirSync(join(first, 'artifacts/best')).map((name) => `artifacts/best/${name}`),
    ];
    for (const file of files)
      expect([file, readFileSync(join(second, file))]).toEqual([file, readFileSync(join(first, file))]);
  });

  it('follows the weights', async () => {
    const folder = makeFolder();
    const ranking = await compare(await build({ folder, metrics: { evaluation_metrics: { val_acc: 1 } } }));
    expect(ranking.candidates[0]!.names).toEqual(['large']);
    expect(readdirSync(join(folder, 'artifacts/best'))).not.toContain('classes.json');
    expect(readFileSync(join(folder, 'artifacts/best/model-card.md'), 'utf8')).toContain('no longer in the cache');
  });

  it('leaves only a note in the folder of the best model where the limits let nobody pass', async () => {
    const folder = makeFolder();
    const metrics = { ...fastMatters, constraints: { complexity: { max: 500 } } };
    const ranking = await compare(await build({ folder, metrics }));
    expect(ranking.winner).toBeNull();
    expect(readdirSync(join(folder, 'artifacts/best'))).toEqual(['model-card.md']);
    expect(readFileSync(join(folder, 'artifacts/best/model-card.md'), 'utf8')).toContain(
      '`complexity: {max: 1000}` instead of 500 (+100%)',
    );
    expect(summarise(ranking).trimEnd().split('\n').length).toBeLessThanOrEqual(4);
  });

  it('says which files are gone, and how to get them back', async () => {
    const folder = makeFolder();
    const file = await build({ folder });
    const { runs } = JSON.parse(readFileSync(file, 'utf8')) as {
      runs: { train: { outs: { files: RecordedFile[] }[] }[] };
    };
    rmSync(runs.train[1]!.outs[0]!.files[1]!.object);
    await expect(compare(file)).rejects.toThrow(
      /"tiny" is the best model.*weights\.bin is no longer in the cache.*dagrun cache merge/s,
    );
    expect(existsSync(join(folder, 'artifacts/best'))).toBe(false);
  });

  it('takes no damaged files', async () => {
    const folder = makeFolder();
    const file = await build({ folder });
    const { runs } = JSON.parse(readFileSync(file, 'utf8')) as {
      runs: { train: { outs: { files: RecordedFile[] }[] }[] };
    };
    const { object } = runs.train[1]!.outs[0]!.files[1]!;
    chmodSync(object, 0o644);
    writeFileSync(object, new Uint8Array(24));
    await expect(compare(file)).rejects.toThrow(/weights\.bin of "tiny", the best model, is damaged in the cache/);
  });

  it('takes no weights that do not fit the topology', async () => {
    const file = await build({ folder: makeFolder(), values: 5 });
    await expect(compare(file)).rejects.toThrow(/has 20 bytes where model\.json lists 24/);
  });
});

describe('the program', () => {
  const program = fileURLToPath(new URL('../compare.ts', import.meta.url));
  const run = async (context: string): Promise<Pick<Result, 'stdout' | 'stderr' | 'exitCode'>> =>
    execa('node', ['--import', 'tsx', program], { env: { DAGRUN_CONTEXT: context }, reject: false });

  it('prints the verdict in at most four lines', async () => {
    const { stdout, stderr, exitCode } = await run(await build({ folder: makeFolder() }));
    expect([stderr, exitCode]).toEqual(['', 0]);
    const lines = String(stdout).split('\n');
    expect(lines[0]).toBe(
      '"tiny" is the best of 2 models for these weights: 7.50 of 8 possible points. It comes from an earlier run, not from the models of this one.',
    );
    expect(lines.length).toBeLessThanOrEqual(4);
  });

  it('ends with one message and exit code 1 for what the user can mend', async () => {
    const { stderr, exitCode } = await run(
      await build({ folder: makeFolder(), metrics: { evaluation_metrics: { val_accu: 1 } } }),
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('val_acc');
    expect(stderr).not.toContain('    at ');
  });
});
