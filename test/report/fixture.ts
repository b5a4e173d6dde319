// A workspace in which the report stage can run: everything that it reads, in the formats of the stages before it, made by code. The figures follow
// from made-up confusion matrices, the ranking from the real selection.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import sharp from 'sharp';
import { heatmapSpec } from '../../stages/charts/heatmap.ts';
import { renderSvg } from '../../stages/charts/render.ts';
import type { ModelDefinition } from '../../stages/config/definition.ts';
import { defaultPrepare, defaultTrain } from '../../stages/config/testing.ts';
import { macroMean, scoreClasses } from '../../stages/evaluation/class-scores.ts';
import type { ClassDetails, Evaluation, Preview, SplitFigures } from '../../stages/evaluation/result.ts';
import type { BenchmarkResult, Latency } from '../../stages/latency/result.ts';
import { randomOf } from '../../stages/random/random.ts';
import { readFigures, readTestFigures } from '../../stages/selection/metric.ts';
import { metricNames } from '../../stages/selection/ranking.ts';
import type { Direction, MetricName, Ranking, SelectionSettings } from '../../stages/selection/ranking.ts';
import { selectBest } from '../../stages/selection/select.ts';
import type { EpochRecord, TrainingHistory } from '../../stages/training/result.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

export interface ModelRecipe {
  readonly name: string;
  /** About what accuracy it reaches, in (0, 1). */
  readonly skill: number;
  readonly filters: number;
  readonly epochs: number;
  readonly lr?: number;
  readonly history?: boolean;
  /** Milliseconds an image; null: not measured. */
  readonly time: number | null;
  /** Whether the cache still has its evaluation folder. */
  readonly details?: boolean;
}

export interface WorkspaceRecipe {
  readonly models: readonly ModelRecipe[];
  readonly classes?: readonly string[];
  readonly settings?: Partial<SelectionSettings>;
  readonly warnings?: readonly string[];
}

/** A small model that wins, two dearer and better ones, one of the history with the winner's name, one too large, one without timing and details. */
export const sixModels: WorkspaceRecipe = {
  models: [
    { name: 'compact', skill: 0.36, filters: 16, epochs: 12, time: 0.118 },
    { name: 'separable', skill: 0.39, filters: 24, epochs: 15, time: 0.171 },
    { name: 'residual', skill: 0.46, filters: 64, epochs: 20, time: 0.34 },
    { name: 'compact', skill: 0.33, filters: 20, epochs: 6, lr: 0.01, history: true, time: 0.129 },
    { name: 'wide-residual', skill: 0.52, filters: 160, epochs: 40, time: 0.92 },
    { name: 'baseline', skill: 0.27, filters: 12, epochs: 8, history: true, time: null, details: false },
  ],
  settings: { constraints: { complexity: { max: 900_000 } } },
  warnings: ['The timing of "baseline" is missing: its files are no longer in the cache.'],
};

/** Writes the workspace into an empty folder. */
export async function writeWorkspace(root: string, recipe: WorkspaceRecipe): Promise<Ranking> {
  const classes = recipe.classes ?? cifarClasses;
  const built = recipe.models.map((model, index) => buildModel(model, index, classes));
  const ranking = rank(built, recipe);
  write(root, 'reports/ranking.json', JSON.stringify(ranking));
  write(root, 'reports/heatmap.svg', await renderSvg(heatmapSpec(ranking)));
  write(root, 'artifacts/benchmark.json', JSON.stringify(benchmarkOf(built)));
  const runs = [];
  for (const model of built) runs.push(await writeRun(root, model, classes));
  const context = {
    stage: 'report',
    fingerprint: 'f'.repeat(32),
    resume: 'resume',
    root,
    params: {},
    deps: [
      { path: 'reports/ranking.json' },
      { path: 'reports/heatmap.svg' },
      { path: 'artifacts/benchmark.json' },
      { path: relative(root, join(repository, 'stages/page/report.ejs')) },
    ],
    outs: [{ path: 'reports/report.html' }, { path: 'reports/report.md' }],
    runs: { evaluate: runs },
  };
  write(root, 'context.json', JSON.stringify(context));
  return ranking;
}

/** Runs the stage as the runner would. Rejects where it fails; the message has what it said. */
export async function runReport(root: string): Promise<{ readonly html: string; readonly summary: string }> {
  await execa(process.execPath, ['--import', 'tsx', join(repository, 'stages/report.ts')], {
    cwd: repository,
    env: { DAGRUN_CONTEXT: join(root, 'context.json') },
    extendEnv: true,
  });
  return { html: join(root, 'reports/report.html'), summary: join(root, 'reports/report.md') };
}

interface BuiltModel {
  readonly recipe: ModelRecipe;
  readonly digest: string;
  readonly at: string;
  readonly evaluation: Evaluation;
  readonly details: ClassDetails;
  readonly latency: Latency | undefined;
}

const data = { name: 'CIFAR-100', source: 'ab'.repeat(16), identity: 'cd'.repeat(16) };
const engine = { name: 'wasm', version: 'tfjs 4.22.0, wasm (SIMD)', notes: ['No GPU was found.'] } as const;

function buildModel(recipe: ModelRecipe, index: number, classes: readonly string[]): BuiltModel {
  const digest = `${String(index)}7c0ffee`.padEnd(32, `${String(index)}a`);
  const splits = { val: countConfusion(recipe, 'val', classes), test: countConfusion(recipe, 'test', classes) };
  const definition = defineModel(recipe);
  const layers = costLayers(recipe, classes.length);
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  const evaluation: Evaluation = {
    version: 1,
    definitionDigest: digest.slice(0, 16),
    definition,
    data: { ...data, shape: [32, 32, 3], classes: classes.length },
    val: figuresOf(splits.val),
    test: figuresOf(splits.test),
    complexity: { parameters, trainable: parameters, macs, bytes: parameters * 4 + 5120 },
    layers,
    history: trainFor(recipe),
  };
  const { time } = recipe;
  return {
    recipe,
    digest,
    at: `2026-03-0${String(index + 1)}T10:15:30.000Z`,
    evaluation,
    details: { version: 1, classes, splits: { val: detailsOf(splits.val), test: detailsOf(splits.test) } },
    latency:
      time === null
        ? undefined
        : { model: digest, p50: time * 5.1, p95: time * 7.3, perImage: time, throughput: 1000 / time, batch: 128 },
  };
}

/** Classes differ in difficulty, and each is mostly mixed up with its neighbours in the list and with one class far away. */
function countConfusion(recipe: ModelRecipe, split: string, classes: readonly string[]): number[][] {
  const random = randomOf(7, recipe.name, String(recipe.skill), split);
  const size = classes.length;
  return classes.map((_, truth) => {
    const row = new Array<number>(size).fill(0);
    const ease = recipe.skill + 0.3 * Math.sin(truth * 2.3) * (1 - recipe.skill);
    for (let image = 0; image < 100; image++) {
      const dice = random.uniform();
      const near = (truth + 1 + random.integer(4)) % size;
      const far = (truth * 37 + 11) % size;
      const guess = dice < ease ? truth : dice < ease + 0.25 ? near : dice < ease + 0.32 ? far : random.integer(size);
      row[guess]!++;
    }
    return row;
  });
}

function scoresOf(rows: readonly (readonly number[])[]) {
  return scoreClasses({ classes: rows.length, counts: Uint32Array.from(rows.flat()) });
}

function figuresOf(rows: readonly (readonly number[])[]): SplitFigures {
  const scores = scoresOf(rows);
  const images = scores.support.reduce((sum, count) => sum + count, 0);
  const accuracy = rows.reduce((sum, row, index) => sum + row[index]!, 0) / images;
  return {
    images,
    loss: -Math.log(accuracy) * 2.2,
    accuracy,
    top5: Math.min(0.99, accuracy * 1.75),
    precision: macroMean(scores.precision, scores.support),
    recall: macroMean(scores.recall, scores.support),
    f1: macroMean(scores.f1, scores.support),
    fpr: macroMean(scores.fpr, scores.support),
    ece: 0.03 + accuracy / 10,
  };
}

function detailsOf(rows: readonly (readonly number[])[]): ClassDetails['splits']['val'] {
  const { precision, recall, f1, support } = scoresOf(rows);
  return { confusion: rows, precision, recall, f1, support, calibration: [] };
}

function defineModel({ filters, epochs, lr = 0.002 }: ModelRecipe): ModelDefinition {
  const conv = {
    op: 'conv',
    kernelSize: [3, 3],
    strides: [1, 1],
    padding: 'same',
    activation: 'relu',
    l2: 0,
    useBias: true,
  } as const;
  return {
    version: 1,
    prepare: defaultPrepare,
    train: {
      ...defaultTrain,
      lr,
      epochs,
      optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
      schedule: { kind: 'cosine', warmup: 1, final: 0.01 },
      weightDecay: 0.01,
      labelSmoothing: 0.1,
      augment: { flip: true, padCrop: 4, cutout: 0 },
      earlyStopping: { monitor: 'val_loss', patience: 5, minDelta: 0 },
    },
    architecture: {
      kind: 'custom',
      layers: [
        {
          branches: [
            [
              { ...conv, filters },
              { op: 'batch_norm', momentum: 0.99, epsilon: 0.001 },
              { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' },
              { ...conv, filters: 2 * filters },
              { op: 'dropout', rate: 0.3 },
            ],
          ],
        },
        {
          branches: [
            [
              { ...conv, filters, strides: [2, 2] },
              { op: 'add', over: 1, project: true },
            ],
            [{ op: 'avg_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' }],
          ],
        },
        { branches: [[{ op: 'global_avg_pool' }, { op: 'output', classes: 100 }]] },
      ],
    },
  };
}

function costLayers({ filters }: ModelRecipe, classes: number): Evaluation['layers'] {
  const first = filters * (27 + 1);
  const second = 2 * filters * (9 * filters + 1);
  const third = filters * (18 * filters + 1);
  const output = (3 * filters + 1) * classes;
  const layer = (name: string, type: string, outputShape: readonly number[], parameters: number, macs: number) => ({
    name,
    type,
    outputShape,
    parameters,
    macs,
  });
  return [
    layer('rescaling', 'Rescaling', [32, 32, 3], 0, 0),
    layer('conv_1', 'Conv2D', [32, 32, filters], first, filters * 27 * 1024),
    layer('pool_1', 'MaxPooling2D', [16, 16, filters], 0, 0),
    layer('conv_2', 'Conv2D', [16, 16, 2 * filters], second, 18 * filters * filters * 256),
    layer('conv_3', 'Conv2D', [8, 8, filters], third, 18 * filters * filters * 64),
    layer('output', 'Dense', [classes], output, 3 * filters * classes),
  ];
}

function trainFor(recipe: ModelRecipe): TrainingHistory {
  const random = randomOf(9, recipe.name, String(recipe.skill));
  const epochs = Array.from({ length: recipe.epochs }, (_, index): EpochRecord => {
    const progress = 1 - Math.exp((-3.2 * (index + 1)) / recipe.epochs);
    const noise = (): number => 0.008 * random.normal();
    const acc = Math.max(0.012, recipe.skill * progress * 1.12 + noise());
    const valAcc = Math.max(0.01, recipe.skill * progress + noise());
    return {
      epoch: index + 1,
      loss: 4.6 - 3.1 * acc,
      acc,
      valLoss: 4.65 - 2.7 * valAcc,
      valAcc,
      lr: 0.002 * (0.5 + 0.5 * Math.cos((Math.PI * index) / recipe.epochs)),
      seconds: recipe.filters * 0.8,
      imagesPerSecond: 40000 / (recipe.filters * 0.8),
    };
  });
  const kept = epochs.reduce((best, epoch) => (epoch.valAcc > best.valAcc ? epoch : best));
  const seconds = recipe.epochs * recipe.filters * 0.92;
  return { version: 1, epochs, keptEpoch: kept.epoch, stoppedEarly: recipe.epochs === 15, seconds, engine };
}

function rank(built: readonly BuiltModel[], recipe: WorkspaceRecipe): Ranking {
  const minimised: readonly MetricName[] = [
    'val_loss',
    'fpr',
    'ece',
    'complexity',
    'macs',
    'model_bytes',
    'mean_predictions_time',
    'latency_p50',
    'latency_p95',
  ];
  const direction = (name: MetricName): Direction => (minimised.includes(name) ? 'minimize' : 'maximize');
  return selectBest({
    candidates: built.map(({ recipe: model, digest, at, evaluation, latency }) => ({
      id: digest.slice(0, 12),
      names: [model.name],
      origin: model.history === true ? 'history' : 'run',
      evaluatedAt: at,
      model: digest,
      figures: readFigures(evaluation, latency),
      testFigures: readTestFigures(evaluation),
    })),
    settings: {
      weights: { val_acc: 2, complexity: 1, mean_predictions_time: 5 },
      directions: Object.fromEntries(metricNames.map((name) => [name, direction(name)])) as Record<
        MetricName,
        Direction
      >,
      normalisation: 'ratio',
      constraints: {},
      ...recipe.settings,
    },
    data,
    otherData: 2,
    warnings: recipe.warnings ?? [],
  });
}

function benchmarkOf(built: readonly BuiltModel[]): BenchmarkResult {
  return {
    version: 1,
    host: { cpu: 'Example CPU at 2.4 GHz', cores: 8, os: 'linux x64', node: 'v20.20.2' },
    engine,
    latencies: built.flatMap(({ latency }) => (latency === undefined ? [] : [latency])),
    unmeasured: built
      .filter(({ latency }) => latency === undefined)
      .map(({ digest }) => ({ model: digest, reason: 'its files are no longer in the cache' })),
  };
}

async function writeRun(root: string, model: BuiltModel, classes: readonly string[]) {
  const { recipe, digest, at, evaluation, details } = model;
  const folder = `cache/objects/${digest.slice(0, 8)}`;
  const preview = sketchPreview(recipe, classes);
  const files: { path: string; object: string }[] = [];
  const keep = (name: string, content: string | Uint8Array): void => {
    files.push({ path: name, object: join(root, folder, name) });
    if (recipe.details !== false) write(root, join(folder, name), content);
  };
  keep('classes.json', JSON.stringify(details));
  keep('preview.json', JSON.stringify(preview));
  for (const [index, image] of preview.images.entries()) keep(image.file, await paint(recipe.name, index));
  return {
    stage: `evaluate@${recipe.name}`,
    fingerprint: `e${digest}`,
    at,
    seconds: 4.2,
    params: {},
    metrics: { [`artifacts/${recipe.name}/evaluation.json`]: evaluation },
    deps: {
      [`artifacts/definitions/${recipe.name}.json`]: '1'.repeat(32),
      [`data/prepared/${recipe.name}`]: `tree ${'2'.repeat(32)}`,
      [`artifacts/${recipe.name}/model`]: `tree ${digest}`,
    },
    outs: [
      { path: `artifacts/${recipe.name}/evaluation`, label: 'out', kind: 'tree', digest: `9${digest}`, files },
      {
        path: `artifacts/${recipe.name}/evaluation.json`,
        label: 'metric',
        kind: 'file',
        digest: `8${digest}`,
        object: join(root, folder, 'evaluation.json'),
      },
    ],
  };
}

function sketchPreview(recipe: ModelRecipe, classes: readonly string[]): Preview {
  const random = randomOf(3, recipe.name, String(recipe.skill));
  const images = Array.from({ length: 12 }, (_, index) => {
    const truth = random.integer(classes.length);
    const correct = random.uniform() < recipe.skill + 0.15;
    const guess = correct ? truth : (truth + 3) % classes.length;
    return {
      file: `${String(index + 1).padStart(2, '0')}.png`,
      truth: classes[truth]!,
      predicted: classes[guess]!,
      confidence: 0.2 + 0.75 * random.uniform(),
      correct,
    };
  });
  return { version: 1, images };
}

/** A picture with some shape to it, so that a screenshot shows whether pictures are there. */
async function paint(name: string, index: number): Promise<Buffer> {
  const random = randomOf(5, name, index);
  const [hue, x, y, radius] = [
    random.uniform() * 6.28,
    8 + random.integer(16),
    8 + random.integer(16),
    5 + random.integer(7),
  ];
  const pixels = new Uint8Array(32 * 32 * 3);
  for (let at = 0; at < 1024; at++) {
    const inside = Math.hypot((at % 32) - x, Math.floor(at / 32) - y) < radius;
    for (let channel = 0; channel < 3; channel++)
      pixels[at * 3 + channel] =
        128 + 100 * Math.sin(hue + channel * 2 + (inside ? 2.5 : at / 1500)) + random.integer(20);
  }
  return sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .resize(128, 128, { kernel: 'nearest' })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

function write(root: string, name: string, content: string | Uint8Array): void {
  const file = join(root, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** The fine labels of CIFAR-100. */
export const cifarClasses: readonly string[] = (
  'apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle chair ' +
  'chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard ' +
  'lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear ' +
  'pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail ' +
  'snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale ' +
  'willow_tree wolf woman worm'
).split(' ');
