import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { definitionDigest } from './canonical.ts';
import type { Op } from './definition.ts';
import { readParams } from './params.ts';
import {
  defaultPrepare,
  defaultTrain,
  definitionOf,
  faultsOf,
  oneBranch,
  opsOf,
  paramsFaults,
  readFixture,
  smallest,
} from './testing.ts';

/** One model whose network is of no interest. */
const model = `model: {m: {model: ${smallest}}}`;
const withOverrides = (overrides: string, rest = ''): string =>
  `${rest}\nmodel: {m: {params: ${overrides}, model: ${smallest}}}`;

describe('the original params.yaml', () => {
  const { data, models } = readParams(readFixture('params.yaml'));
  const [first, second, third] = models;

  it('has its three models, in order, on the default data', () => {
    expect(models.map(({ name }) => name)).toEqual(['model1', 'model2', 'model3']);
    expect(data.kind).toBe('synthetic');
  });

  it('gives each the sections with its own epochs', () => {
    const prepare = { seed: 77, split: 0.2, imageSize: [32, 32], grayscale: false };
    expect(models.map(({ definition }) => definition.prepare)).toEqual([prepare, prepare, prepare]);
    expect(models.map(({ definition: { train } }) => [train.seed, train.lr, train.epochs, train.batch])).toEqual([
      [77, 0.002, 15, 512],
      [77, 0.002, 40, 512],
      [77, 0.002, 10, 512],
    ]);
  });

  it('has model1 operation by operation', () => {
    const conv = (filters: number): Op => ({
      op: 'conv',
      filters,
      kernelSize: [3, 3],
      strides: [1, 1],
      padding: 'valid',
      activation: 'relu',
      l2: 0,
      useBias: true,
    });
    const pool: Op = { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' };
    const dense: Op = { op: 'dense', units: 128, activation: 'relu', l2: 0, useBias: true };
    const ops = [conv(32), pool, conv(64), conv(128), pool, { op: 'flatten' }, dense, { op: 'output', classes: 100 }];
    expect(first!.definition.architecture).toEqual({ kind: 'custom', layers: [{ branches: [ops] }] });
  });

  it('has model2 with batch normalisation and dropout', () => {
    const { architecture } = second!.definition;
    const ops = architecture.kind === 'custom' ? architecture.layers[0]!.branches[0]! : [];
    expect(ops).toHaveLength(23);
    expect(ops.filter(({ op }) => op === 'batch_norm')).toHaveLength(7);
    expect(ops.flatMap((op) => (op.op === 'dropout' ? [op.rate] : []))).toEqual([0.25, 0.25, 0.4, 0.5]);
  });

  it('has model3 as a backbone', () => {
    expect(third!.definition.architecture).toMatchObject({ kind: 'backbone', name: 'EfficientNetB0', classes: 100 });
  });
});

describe('defaults', () => {
  it('are complete', () => {
    expect(definitionOf(model)).toEqual({
      version: 1,
      prepare: defaultPrepare,
      train: defaultTrain,
      architecture: { kind: 'custom', layers: [{ branches: [[{ op: 'flatten' }, { op: 'output', classes: 100 }]] }] },
    });
  });

  it.each([
    [1, 1],
    [31, 1],
    [32, 2],
    [64, 2],
    [159, 2],
    [160, 3],
    [512, 8],
    [4096, 8],
  ])('cut a batch of %d into %d parts', (batch, shards) => {
    expect(definitionOf(`train: {batch: ${batch}}\n${model}`).train.shards).toBe(shards);
    expect(definitionOf(withOverrides(`{batch: ${batch}, shards: null}`, 'train: {shards: 5}')).train.shards).toBe(
      shards,
    );
  });

  it('hold for sections that are empty', () => {
    expect(definitionOf(`prepare:\ntrain:\nbenchmark:\nmodel: {m: {params: , model: ${smallest}}}`)).toEqual(
      definitionOf(model),
    );
  });
});

/** Value in the file, key and value in the definition. */
const trainValues: readonly (readonly [string, string, unknown])[] = [
  ['seed: 5', 'seed', 5],
  ['lr: 0.5', 'lr', 0.5],
  ['epochs: 3', 'epochs', 3],
  ['batch: 8', 'batch', 8],
  ['optimizer: adam', 'optimizer', { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }],
  ['optimizer: adamw', 'optimizer', { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }],
  ['optimizer: sgd', 'optimizer', { kind: 'sgd', momentum: 0.9, nesterov: false }],
  [
    'optimizer: {name: adamw, beta_1: 0.8, beta_2: 0.9, epsilon: 0.1}',
    'optimizer',
    { kind: 'adamw', beta1: 0.8, beta2: 0.9, epsilon: 0.1 },
  ],
  ['optimizer: {name: sgd, momentum: 0, nesterov: true}', 'optimizer', { kind: 'sgd', momentum: 0, nesterov: true }],
  ['schedule: constant', 'schedule', { kind: 'constant', warmup: 0 }],
  ['schedule: warmup', 'schedule', { kind: 'constant', warmup: 5 }],
  ['schedule: {name: warmup, warmup: 2}', 'schedule', { kind: 'constant', warmup: 2 }],
  ['schedule: cosine', 'schedule', { kind: 'cosine', warmup: 0, final: 0 }],
  ['schedule: {name: cosine, warmup: 3, final: 0.1}', 'schedule', { kind: 'cosine', warmup: 3, final: 0.1 }],
  ['schedule: step', 'schedule', { kind: 'step', warmup: 0, every: 10, gamma: 0.1 }],
  [
    'schedule: {name: step, warmup: 1, every: 4, gamma: 0.5}',
    'schedule',
    { kind: 'step', warmup: 1, every: 4, gamma: 0.5 },
  ],
  ['schedule: one_cycle', 'schedule', { kind: 'one_cycle', rise: 0.3, start: 0.04, final: 4e-6 }],
  [
    'schedule: {name: one_cycle, rise: 0.2, start: 0.1, final: 0.01}',
    'schedule',
    { kind: 'one_cycle', rise: 0.2, start: 0.1, final: 0.01 },
  ],
  ['weight_decay: 0.1', 'weightDecay', 0.1],
  ['shards: 3', 'shards', 3],
  ['label_smoothing: 0.1', 'labelSmoothing', 0.1],
  ['augment: {flip: true, pad_crop: 4, cutout: 8}', 'augment', { flip: true, padCrop: 4, cutout: 8 }],
  ['augment: {flip: true}', 'augment', { flip: true, padCrop: 0, cutout: 0 }],
  ['augment: null', 'augment', { flip: false, padCrop: 0, cutout: 0 }],
  ['early_stopping: 5', 'earlyStopping', { monitor: 'val_acc', patience: 5, minDelta: 0 }],
  [
    'early_stopping: {patience: 2, monitor: val_loss, min_delta: 0.1}',
    'earlyStopping',
    { monitor: 'val_loss', patience: 2, minDelta: 0.1 },
  ],
  ['early_stopping: null', 'earlyStopping', null],
  ['grad_clip: 2.5', 'gradClip', 2.5],
  ['grad_clip: null', 'gradClip', null],
  ['keep: last', 'keep', 'last'],
  ['keep: val_loss', 'keep', 'val_loss'],
  ['engine: wasm', 'engine', 'wasm'],
];

const prepareValues: readonly (readonly [string, string, unknown])[] = [
  ['split: 0.5', 'split', 0.5],
  ['image_size: 24', 'imageSize', [24, 24]],
  ['image_size: [24, 40]', 'imageSize', [24, 40]],
  ['grayscale: true', 'grayscale', true],
];

describe('a value of train', () => {
  /** Everything is other than the default, so that an override back to it shows too. */
  const others = `train: {seed: 1, lr: 0.01, epochs: 30, batch: 4, optimizer: {name: sgd, momentum: 0.1}, schedule: {name: step, every: 7},
    weight_decay: 0.3, label_smoothing: 0.2, augment: {cutout: 2}, early_stopping: 9, grad_clip: 9, shards: 4, keep: val_loss, engine: node}`;

  it.each(trainValues)('%s', (yaml, key, value) => {
    expect(definitionOf(`train: {${yaml}}\n${model}`).train).toHaveProperty(key, value);
  });

  it.each(trainValues)('%s for one model alone', (yaml, key, value) => {
    const { train } = definitionOf(withOverrides(`{${yaml}}`, others));
    expect(train).toEqual({ ...definitionOf(`${others}\n${model}`).train, [key]: value });
  });

  it.each(trainValues)('%s below the name of its section', (yaml, key, value) => {
    expect(definitionOf(withOverrides(`{train: {${yaml}}}`, others)).train).toHaveProperty(key, value);
  });
});

describe('a value of prepare', () => {
  it.each([...prepareValues, ['seed: 5', 'seed', 5] as const])('%s', (yaml, key, value) => {
    const plain = definitionOf(model).prepare;
    expect(definitionOf(`prepare: {${yaml}}\n${model}`).prepare).toEqual({ ...plain, [key]: value });
    expect(definitionOf(withOverrides(`{prepare: {${yaml}}}`)).prepare).toEqual({ ...plain, [key]: value });
  });

  it.each(prepareValues)('%s for one model alone', (yaml, key, value) => {
    const others = 'prepare: {seed: 3, split: 0.1, image_size: 16, grayscale: false}';
    const { prepare } = definitionOf(withOverrides(`{${yaml}}`, others));
    expect(prepare).toEqual({ ...definitionOf(`${others}\n${model}`).prepare, [key]: value });
  });
});

describe('overrides', () => {
  it('all count, not just the first', () => {
    const { train, prepare } = definitionOf(
      withOverrides('{seed: 1, lr: 0.1, epochs: 2, batch: 3, split: 0.4, image_size: 20, grayscale: true}'),
    );
    expect([train.seed, train.lr, train.epochs, train.batch]).toEqual([1, 0.1, 2, 3]);
    expect(prepare).toEqual({ seed: 77, split: 0.4, imageSize: [20, 20], grayscale: true });
  });

  it('leave the other models alone', () => {
    const yaml = `model: {a: {params: {lr: 0.5}, model: ${smallest}}, b: {model: ${smallest}}}`;
    expect(definitionOf(yaml, 'a').train.lr).toBe(0.5);
    expect(definitionOf(yaml, 'b').train.lr).toBe(0.001);
  });

  it('have the seed of train as `seed`, so that the validation set stays', () => {
    const definition = definitionOf(withOverrides('{seed: 1, prepare: {seed: 2}}'));
    expect([definition.train.seed, definition.prepare.seed]).toEqual([1, 2]);
    expect(definitionOf(withOverrides('{seed: 1}')).prepare.seed).toBe(77);
  });

  it('replace a value as a whole', () => {
    const { train } = definitionOf(withOverrides('{augment: {flip: true}}', 'train: {augment: {cutout: 8}}'));
    expect(train.augment).toEqual({ flip: true, padCrop: 0, cutout: 0 });
  });

  it('that are given twice are told', () => {
    expect(paramsFaults(withOverrides('{lr: 0.1, split: 0.1, train: {lr: 0.2}, prepare: {split: 0.2}}'))).toEqual([
      'model.m.params.train.lr: "lr" is given twice (remove this one, or the one in params)',
      'model.m.params.prepare.split: "split" is given twice (remove this one, or the one in params)',
    ]);
  });

  it('of the optimizer bring its weight decay, unless that is given', () => {
    expect(definitionOf(withOverrides('{optimizer: adamw}')).train.weightDecay).toBe(0.01);
    expect(definitionOf(withOverrides('{optimizer: adamw}', 'train: {weight_decay: 0}')).train.weightDecay).toBe(0);
    expect(definitionOf(withOverrides('{optimizer: {name: adam}}')).train.weightDecay).toBe(0);
  });
});

const kernel = { kernelSize: [3, 3], strides: [1, 1], padding: 'valid', activation: 'linear', l2: 0 };
const full = 'kernel_size: [3, 5], strides: [2, 1], padding: same, activation: gelu, l2: 0.1';
const fullKernel = { kernelSize: [3, 5], strides: [2, 1], padding: 'same', activation: 'gelu', l2: 0.1 };

const operations: readonly (readonly [string, unknown])[] = [
  ['conv_layers: {filters: 4}', { op: 'conv', filters: 4, useBias: true, ...kernel }],
  [
    'conv_layers: {filters: 4, kernel_size: 5}',
    { op: 'conv', filters: 4, useBias: true, ...kernel, kernelSize: [5, 5] },
  ],
  [`conv_layers: {filters: 4, use_bias: false, ${full}}`, { op: 'conv', filters: 4, useBias: false, ...fullKernel }],
  ['separable_conv: {filters: 4}', { op: 'separable_conv', filters: 4, depthMultiplier: 1, ...kernel }],
  [
    `separable_conv: {filters: 4, depth_multiplier: 2, ${full}}`,
    { op: 'separable_conv', filters: 4, depthMultiplier: 2, ...fullKernel },
  ],
  ['depthwise_conv: {}', { op: 'depthwise_conv', depthMultiplier: 1, ...kernel }],
  [`depthwise_conv: {depth_multiplier: 2, ${full}}`, { op: 'depthwise_conv', depthMultiplier: 2, ...fullKernel }],
  ['max_pool: {}', { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' }],
  ['max_pool: ', { op: 'max_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' }],
  ['max_pool: {pool_size: [3, 2]}', { op: 'max_pool', poolSize: [3, 2], strides: [3, 2], padding: 'valid' }],
  [
    'avg_pool: {pool_size: 3, strides: 2, padding: same}',
    { op: 'avg_pool', poolSize: [3, 3], strides: [2, 2], padding: 'same' },
  ],
  ['avg_pool: {}', { op: 'avg_pool', poolSize: [2, 2], strides: [2, 2], padding: 'valid' }],
  ['batch_norm: 0', { op: 'batch_norm', momentum: 0.99, epsilon: 0.001 }],
  ['batch_norm: ', { op: 'batch_norm', momentum: 0.99, epsilon: 0.001 }],
  ['batch_norm: {momentum: 0.9, epsilon: 0.1}', { op: 'batch_norm', momentum: 0.9, epsilon: 0.1 }],
  ['layer_norm: 0', { op: 'layer_norm', epsilon: 0.001 }],
  ['layer_norm: {epsilon: 0.1}', { op: 'layer_norm', epsilon: 0.1 }],
  ['dropout: 0.25', { op: 'dropout', rate: 0.25 }],
  ['dropout: 0', { op: 'dropout', rate: 0 }],
  ['activation: leaky_relu', { op: 'activation', activation: 'leaky_relu' }],
];

describe('an operation', () => {
  it.each(operations)('%s', (yaml, op) => {
    expect(opsOf(oneBranch(`${yaml}, flatten: 0, output_classes: 100`.replaceAll(': ,', ': null,')))[0]).toEqual(op);
  });

  it.each([
    ['flatten: 0', { op: 'flatten' }],
    ['global_avg_pool: 0', { op: 'global_avg_pool' }],
    ['global_avg_pool: null', { op: 'global_avg_pool' }],
  ])('%s', (yaml, op) => expect(opsOf(oneBranch(`${yaml}, output_classes: 100`))[0]).toEqual(op));

  it.each([
    ['dense_layers: {units: 8}', { op: 'dense', units: 8, activation: 'linear', l2: 0, useBias: true }],
    [
      'dense_layers: {units: 8, activation: tanh, l2: 0.1, use_bias: false}',
      { op: 'dense', units: 8, activation: 'tanh', l2: 0.1, useBias: false },
    ],
    ['output_classes: 100', { op: 'output', classes: 100 }],
  ])('%s', (yaml, op) => {
    const rest = yaml.startsWith('output') ? '' : ', output_classes: 100';
    expect(opsOf(oneBranch(`flatten: 0, ${yaml}${rest}`))[1]).toEqual(op);
  });

  it.each([
    ['add: 1', { op: 'add', over: 1, project: false }],
    ['add: {over: 1}', { op: 'add', over: 1, project: false }],
    ['add: {over: 1, project: true}', { op: 'add', over: 1, project: true }],
  ])('%s', (yaml, op) => {
    expect(opsOf(oneBranch(`activation: relu, ${yaml}, flatten: 0, output_classes: 100`))[1]).toEqual(op);
  });

  it('keeps the order of layers and branches', () => {
    const { architecture } = definitionOf(`model: {m: {model: {custom: [
      {layer: [{branch: [conv_layers: {filters: 1}]}, {branche: [conv_layers: {filters: 2}]}]},
      {layer: [{branch: [flatten: 0, output_classes: 100]}]}]}}}`);
    const filters = architecture.kind === 'custom' ? architecture.layers[0]!.branches.map(([op]) => op) : [];
    expect(filters).toMatchObject([{ filters: 1 }, { filters: 2 }]);
  });
});

describe('what does not go together', () => {
  it.each([
    ['{epochs: 5, schedule: warmup}', 'schedule: a warm-up of 5 epochs leaves nothing of 5'],
    ['{epochs: 2, schedule: {name: cosine, warmup: 3}}', 'schedule: a warm-up of 3 epochs leaves nothing of 2'],
  ])('%s', (overrides, message) => {
    expect(paramsFaults(withOverrides(overrides))).toEqual([
      `model.m: ${message} (set \`warmup\` of the schedule below \`epochs\`)`,
    ]);
  });

  it.each([
    ['{augment: {cutout: 20}, image_size: [20, 32]}', 'augment: cutout of 20 is as large as an image of 20×32'],
    [
      '{batch: 4, shards: 5}',
      'shards: a batch of 4 images cannot be cut into 5 parts (set `shards` to the batch size or below, or leave it out)',
    ],
    ['{augment: {pad_crop: 32}}', 'augment: pad_crop of 32 is as large as an image of 32×32'],
  ])('%s', (overrides, message) => expect(paramsFaults(withOverrides(overrides))).toEqual([`model.m: ${message}`]));

  it('names that differ in case alone', () => {
    expect(paramsFaults(`model: {Net: {model: ${smallest}}, net: {model: ${smallest}}}`)).toEqual([
      'model.net: is the same name as "Net" where files do not know case (rename one of the two)',
    ]);
  });
});

describe('the number of classes', () => {
  const backbone = (data: string, classes: number): string =>
    `data: ${data}\nmodel: {m: {model: {ResNet50: ${classes}}}}`;

  it.each([
    ['synthetic', 100],
    ['cifar-100', 100],
    ['cifar-10', 10],
    ['{source: cifar-10, from: data/raw/cifar}', 10],
  ])('of %s is %d', (data, classes) => {
    expect(paramsFaults(backbone(data, classes))).toEqual([]);
    expect(paramsFaults(backbone(data, 7))).toEqual([
      `model.m.model.ResNet50: 7 classes, but the data has ${classes} (write ${classes})`,
    ]);
  });

  it('of a folder of images is not known here', () => {
    expect(paramsFaults(backbone('data/raw/flowers', 7))).toEqual([]);
  });

  it('is told at its operation, in the spelling of the file', () => {
    expect(
      paramsFaults(
        'data: cifar-10\nmodel: {m: {model: {custome: [{layer: [{branche: [flatten: 0, output_classes: 100]}]}]}}}',
      ),
    ).toEqual([
      'model.m.model.custome[0].layer[0].branche[1].output_classes: 100 classes, but the data has 10 (write 10)',
    ]);
  });
});

describe('readParams', () => {
  it('tells the faults of all models and of both kinds at once', () => {
    const lines = faultsOf(() =>
      readParams(
        parse(`
data: cifar-10
model:
  a: {model: {ResNet50: hundred}}
  b: {model: {ResNet50: 100}}
  c: {model: {custom: [{layer: [{branch: [output_classes: 10]}]}]}}
`),
      ),
    );
    expect(lines).toEqual([
      'params.yaml: model.a.model.ResNet50: expected the number of classes, from 2 to 65536, or a map with `classes`, got text "hundred"',
      'params.yaml: model.b.model.ResNet50: 100 classes, but the data has 10 (write 10)',
      'params.yaml: model.c.model.custom[0].layer[0].branch[0].output_classes: needs flat values, but gets 32×32×3 (put `flatten: 0` or `global_avg_pool: 0` before it)',
    ]);
  });

  it('takes names of any script, and numbers', () => {
    const yaml = `model: {сеть_1: {model: ${smallest}}, 2: {model: ${smallest}}, a.b-c+d: {model: ${smallest}}}`;
    expect(
      readParams(parse(yaml))
        .models.map(({ name }) => name)
        .toSorted(),
    ).toEqual(['2', 'a.b-c+d', 'сеть_1']);
  });

  it('lets x- keys hold anything, for anchors', async () => {
    const yaml = `
x-head: &head [{flatten: 0}, {output_classes: 100}]
model: {m: {model: {custom: [{layer: [{branch: *head}]}]}}}`;
    expect(await definitionDigest(definitionOf(yaml))).toBe(await definitionDigest(definitionOf(model)));
  });
});
