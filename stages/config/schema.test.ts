import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { backbones } from './definition.ts';
import { checkAgainst } from './schema.ts';
import { oneBranch, paramsFaults, readFixture } from './testing.ts';

type Part = Readonly<Record<string, unknown>>;
const read = (name: string): Part =>
  JSON.parse(readFileSync(new URL(`./${name}.schema.json`, import.meta.url), 'utf8')) as Part;
const schemas: readonly (readonly [string, Part])[] = [
  ['params', read('params')],
  ['evaluation-metrics', read('evaluation-metrics')],
];

/** Every part of a schema, with the path to it. */
function walk(part: unknown, path: string, visit: (part: Part, path: string) => void): void {
  if (typeof part !== 'object' || part === null) return;
  if (!Array.isArray(part)) visit(part as Part, path);
  for (const [key, value] of Object.entries(part)) walk(value, `${path}/${key}`, visit);
}

describe.each(schemas)('%s.schema.json', (_, schema) => {
  it('names each upper limit in what it says is expected', () => {
    const silent: string[] = [];
    walk(schema, '', ({ maximum, 'x-expected': words }, path) => {
      if (typeof maximum === 'number' && typeof words === 'string' && !words.includes(String(maximum)))
        silent.push(path);
    });
    expect(silent).toEqual([]);
  });

  it('is a strict JSON Schema of draft 2020-12, whose one extra keyword is x-expected', () => {
    const ajv = new Ajv2020({ strict: true, allErrors: true });
    ajv.addKeyword({ keyword: 'x-expected', schemaType: 'string' });
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(() => ajv.compile(schema)).not.toThrow();
  });

  it('describes every key, for editors', () => {
    const bare: string[] = [];
    const defs = schema['$defs'] as Readonly<Record<string, Part>>;
    walk(schema, '', (part, path) => {
      if (!/\/properties\/[^/]+$/.test(path) || /\/(?:allOf|if|not)\//.test(path)) return;
      const target = ((part['$ref'] as string | undefined) ?? '').replace('#/$defs/', '');
      if (part['description'] === undefined && defs[target]?.['description'] === undefined) bare.push(path);
    });
    expect(
      bare.filter(
        (path) => !path.endsWith('/overrides/properties/train') && !path.endsWith('/overrides/properties/prepare'),
      ),
    ).toEqual([]);
  });

  it('has closed maps only, so that a mistyped key is found', () => {
    const open: string[] = [];
    walk(schema, '', (part, path) => {
      if (part['properties'] === undefined || path.endsWith('/properties')) return;
      if (/\/(?:allOf|if|not)(?:\/|$)/.test(path)) return;
      if (part['additionalProperties'] !== false) open.push(path);
    });
    expect(open).toEqual([]);
  });
});

describe('the schemas know what the contracts know', () => {
  it('every backbone', () => {
    const { $defs } = read('params') as { $defs: { architecture: { properties: object } } };
    expect(Object.keys($defs.architecture.properties)).toEqual(['custom', 'custome', ...backbones]);
  });

  it('every key of train and prepare in the params of a model', () => {
    const { properties, $defs } = read('params') as {
      properties: Readonly<Record<'train' | 'prepare', { properties: object }>>;
      $defs: { overrides: { properties: object } };
    };
    const keys = [...Object.keys(properties.train.properties), ...Object.keys(properties.prepare.properties)];
    expect(Object.keys($defs.overrides.properties).toSorted()).toEqual(
      [...new Set(keys), 'train', 'prepare'].toSorted(),
    );
  });
});

describe('the original files are accepted as they stand', () => {
  it('params.yaml', () => expect(checkAgainst('params', readFixture('params.yaml'))).toEqual([]));
  it('evaluation_metrics.yaml', () =>
    expect(checkAgainst('metrics', readFixture('evaluation_metrics.yaml'))).toEqual([]));
});

describe('the files of this repository are accepted', () => {
  const root = (name: string): unknown => parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
  it('params.yaml', () => expect(checkAgainst('params', root('params.yaml'))).toEqual([]));
  it('evaluation_metrics.yaml', () => expect(checkAgainst('metrics', root('evaluation_metrics.yaml'))).toEqual([]));
});

const m = 'model: {m: {model: {custom: [{layer: [{branch: [flatten: 0, output_classes: 100]}]}]}}}';
const branch = 'model.m.model.custom[0].layer[0].branch';
const seedRange = 'expected a whole number from 0 to 4294967295';
const name =
  'expected a name that can be a file name: letters, digits and _-.=+,% only, starting with a letter or digit, not ending with ".", at most 64 characters';

/** What a user writes wrong, and all that is said about it. */
const mistakes: readonly (readonly [string, readonly string[]])[] = [
  ['', ['expected a map with `model`, and optionally data, prepare, train, benchmark and weights_mirror, got nothing']],
  [
    '[]',
    [
      'expected a map with `model`, and optionally data, prepare, train, benchmark and weights_mirror, got an empty list',
    ],
  ],
  ['train: {}', ['"model" is missing']],
  ['model: {}', ['model: expected a map of at least one model by name, got an empty map']],
  [`trian: {}\n${m}`, ['unknown key "trian" (did you mean "train"?)']],
  // prepare and train
  [
    `prepare: 3\n${m}`,
    ['prepare: expected a map such as {seed: 77, split: 0.2, image_size: [32, 32], grayscale: false}, got 3'],
  ],
  [`prepare: {splt: 0.2}\n${m}`, ['prepare: unknown key "splt" (did you mean "split"?)']],
  [`prepare: {split: 1}\n${m}`, ['prepare.split: expected a fraction between 0 and 1, such as 0.2, got 1']],
  [`prepare: {seed: -1}\n${m}`, [`prepare.seed: ${seedRange}, got -1`]],
  [`prepare: {image_size: [32]}\n${m}`, ['prepare.image_size: expected two numbers, [height, width], got a list of 1']],
  [
    `prepare: {image_size: [32, 0]}\n${m}`,
    ['prepare.image_size[1]: expected a whole number of pixels from 1 to 1024, got 0'],
  ],
  [
    `prepare: {image_size: big}\n${m}`,
    ['prepare.image_size: expected [height, width], or one whole number from 1 to 1024, got text "big"'],
  ],
  [`prepare: {grayscale: no}\n${m}`, ['prepare.grayscale: expected true or false, got text "no"']],
  [`train: {lr: "0.1"}\n${m}`, ['train.lr: expected a number above 0, at most 1000, such as 0.001, got text "0.1"']],
  [`train: {lr: 0}\n${m}`, ['train.lr: expected a number above 0, at most 1000, such as 0.001, got 0']],
  [`train: {lr: .inf}\n${m}`, ['train.lr: expected a number above 0, at most 1000, such as 0.001, got Infinity']],
  [`train: {epochs: 1.5}\n${m}`, ['train.epochs: expected a whole number from 1 to 100000, got 1.5']],
  [
    `train: {batch: 0, seed: a}\n${m}`,
    [`train.seed: ${seedRange}, got text "a"`, 'train.batch: expected a whole number from 1 to 65536, got 0'],
  ],
  [
    `train: {optimizer: adamx}\n${m}`,
    ['train.optimizer: expected adam, adamw, sgd, or a map with `name`, got text "adamx" (did you mean "adam"?)'],
  ],
  [`train: {optimizer: {momentum: 0.9}}\n${m}`, ['train.optimizer: "name" is missing']],
  [
    `train: {optimizer: {name: adam, momentum: 0.9}}\n${m}`,
    ['train.optimizer.momentum: expected no `momentum`: it belongs to sgd, got 0.9'],
  ],
  [
    `train: {optimizer: {name: sgd, beta_1: 0.9}}\n${m}`,
    ['train.optimizer.beta_1: expected no `beta_1`: it belongs to adam and adamw, got 0.9'],
  ],
  [
    `train: {optimizer: {name: adam, beta1: 0.9}}\n${m}`,
    ['train.optimizer: unknown key "beta1" (did you mean "beta_1"?)'],
  ],
  [
    `train: {schedule: cosine-decay}\n${m}`,
    [
      'train.schedule: expected constant, warmup, cosine, step, one_cycle, or a map with `name`, got text "cosine-decay"',
    ],
  ],
  [
    `train: {schedule: {name: cosine, gamma: 0.1}}\n${m}`,
    ['train.schedule.gamma: expected no `gamma`: it belongs to step, got 0.1'],
  ],
  [
    `train: {schedule: {name: step, final: 0}}\n${m}`,
    ['train.schedule.final: expected no `final`: it belongs to cosine and one_cycle, got 0'],
  ],
  [
    `train: {schedule: {name: one_cycle, warmup: 3}}\n${m}`,
    ['train.schedule.warmup: expected no `warmup`: how long one_cycle rises is said by `rise`, got 3'],
  ],
  [`train: {weight_decay: -1}\n${m}`, ['train.weight_decay: expected a number from 0 to 1000, such as 0.01, got -1']],
  [
    `train: {label_smoothing: 1}\n${m}`,
    ['train.label_smoothing: expected a number from 0 and below 1, such as 0.1, got 1'],
  ],
  [
    `train: {augment: flip}\n${m}`,
    ['train.augment: expected a map such as {flip: true, pad_crop: 4, cutout: 8}, got text "flip"'],
  ],
  [
    `train: {augment: {flips: true, pad_crop: 0.5, cutout: -1}}\n${m}`,
    [
      'train.augment: unknown key "flips" (did you mean "flip"?)',
      'train.augment.pad_crop: expected a whole number of pixels from 0 to 1024, got 0.5',
      'train.augment.cutout: expected a whole number of pixels from 0 to 1024, got -1',
    ],
  ],
  [
    `train: {early_stopping: 0}\n${m}`,
    [
      'train.early_stopping: expected a whole number of epochs from 1 to 100000, a map with `patience`, or null for none, got 0',
    ],
  ],
  [
    `train: {early_stopping: {monitor: val_accuracy}}\n${m}`,
    [
      'train.early_stopping: "patience" is missing',
      'train.early_stopping.monitor: expected val_acc, val_loss, got text "val_accuracy"',
    ],
  ],
  [
    `train: {grad_clip: 0}\n${m}`,
    ['train.grad_clip: expected a number above 0, at most 1000000000, or null for none, got 0'],
  ],
  [`train: {keep: best}\n${m}`, ['train.keep: expected val_acc, val_loss, last, got text "best"']],
  [`train: {engine: gpu}\n${m}`, ['train.engine: expected auto, node-gpu, node, webgpu, wasm, got text "gpu"']],
  [`benchmark: {seconds: 0}\n${m}`, ['benchmark.seconds: expected a number of seconds above 0, at most 3600, got 0']],
  [`benchmark: {second: 1}\n${m}`, ['benchmark: unknown key "second" (did you mean "seconds"?)']],
  // models
  ['model: {m: }', ['model.m: expected a map with `model`, and optionally `params`, got nothing']],
  ['model: {m: {params: {}}}', ['model.m: "model" is missing']],
  ['model: {m: {param: {}, model: {ResNet50: 100}}}', ['model.m: unknown key "param" (did you mean "params"?)']],
  ['model: {a/b: {model: {ResNet50: 100}}}', [`model: "a/b" cannot be used: ${name}`]],
  ['model: {..: {model: {ResNet50: 100}}}', [`model: ".." cannot be used: ${name}`]],
  ['model: {a.: {model: {ResNet50: 100}}}', [`model: "a." cannot be used: ${name}`]],
  ['model: {__proto__: {model: {ResNet50: 100}}}', [`model: "__proto__" cannot be used: ${name}`]],
  [
    'model: {best: {model: {ResNet50: 100}}}',
    [
      'model: "best" cannot be used: expected a name other than best, definitions, sets, weights, datasets.json, source.json, timing.json and benchmark.json: the pipeline has results of these names',
    ],
  ],
  ['model: {m: {model: {ResNet: 100}}}', ['model.m.model: unknown key "ResNet" (did you mean "ResNet50"?)']],
  [
    'model: {m: {model: {ResNet50: }}}',
    ['model.m.model.ResNet50: expected the number of classes, from 2 to 65536, or a map with `classes`, got nothing'],
  ],
  [
    'model: {m: {model: {ResNet50: 100, MobileNet: 100}}}',
    [
      'model.m.model: expected one of `custom: [layers]` and a backbone such as `EfficientNetB0: 100`, got a map with ResNet50, MobileNet',
    ],
  ],
  [
    'model: {m: {params: {epoch: 3, batch: "64"}, model: {ResNet50: 100}}}',
    [
      'model.m.params: unknown key "epoch" (did you mean "epochs"?)',
      'model.m.params.batch: expected a whole number from 1 to 65536, got text "64"',
    ],
  ],
  [
    'model: {m: {params: {prepare: {lr: 1}}, model: {ResNet50: 100}}}',
    ['model.m.params.prepare: unknown key "lr" (known keys: seed, split, image_size, grayscale)'],
  ],
  // layers and operations
  [
    'model: {m: {model: {custom: {}}}}',
    ['model.m.model.custom: expected a list of layers, [{layer: [{branch: [operations]}]}], got an empty map'],
  ],
  [
    'model: {m: {model: {custom: [{layers: []}]}}}',
    [
      'model.m.model.custom: expected a network that ends with `output_classes: <number of classes>`, got a list of 1',
      'model.m.model.custom[0]: "layer" is missing',
      'model.m.model.custom[0]: unknown key "layers" (did you mean "layer"?)',
    ],
  ],
  [
    'model: {m: {model: {custome: [{layer: [{branches: [flatten: 0]}]}]}}}',
    [
      'model.m.model.custome: expected a network that ends with `output_classes: <number of classes>`, got a list of 1',
      'model.m.model.custome[0].layer[0]: unknown key "branches" (did you mean "branche"?)',
    ],
  ],
  [
    'model: {m: {model: {custom: [{layer: {branch: []}}]}}}',
    ['model.m.model.custom[0].layer: expected a list of branches, [{branch: [operations]}], got a map with branch'],
  ],
  [
    oneBranch('flatten: 0'),
    ['model.m.model.custom: expected a network that ends with `output_classes: <number of classes>`, got a list of 1'],
  ],
  [
    oneBranch('flatten'),
    [`${branch}[0]: expected one operation with its options, such as {flatten: 0}, got text "flatten"`],
  ],
  [
    oneBranch('{flatten: 0, output_classes: 100}'),
    [
      `${branch}[0]: expected one operation with its options, such as {flatten: 0}, got a map with flatten, output_classes`,
    ],
  ],
  [
    oneBranch('conv_layer: {filters: 3}, output_classes: 100'),
    [`${branch}[0]: unknown key "conv_layer" (did you mean "conv_layers"?)`],
  ],
  [
    oneBranch('dense: {units: 3}, output_classes: 100'),
    [`${branch}[0]: unknown key "dense" (did you mean "dense_layers"?)`],
  ],
  [
    oneBranch('zero_pad: 1, output_classes: 100'),
    [
      `${branch}[0]: unknown key "zero_pad" (known keys: conv_layers, separable_conv, depthwise_conv, max_pool, avg_pool, global_avg_pool, batch_norm, layer_norm, dropout, flatten, activation, dense_layers, add, output_classes)`,
    ],
  ],
  [oneBranch('conv_layers: {kernel_size: 3}, output_classes: 100'), [`${branch}[0].conv_layers: "filters" is missing`]],
  [
    oneBranch('conv_layers: 32, output_classes: 100'),
    [
      `${branch}[0].conv_layers: expected a map such as {filters: 32, kernel_size: [3, 3], activation: relu, padding: same}, got 32`,
    ],
  ],
  [
    oneBranch('conv_layers: {filters: 3, kernel_size: [3, 3, 3]}, output_classes: 100'),
    [`${branch}[0].conv_layers.kernel_size: expected two numbers, [height, width], got a list of 3`],
  ],
  [
    oneBranch('conv_layers: {filters: 3, kernel_size: 0}, output_classes: 100'),
    [`${branch}[0].conv_layers.kernel_size: expected [height, width], or one whole number from 1 to 1024, got 0`],
  ],
  [
    oneBranch('conv_layers: {filters: 3, strides: [1, x]}, output_classes: 100'),
    [`${branch}[0].conv_layers.strides[1]: expected a whole number from 1 to 1024, got text "x"`],
  ],
  [
    oneBranch('conv_layers: {filters: 0, padding: full, activation: rely, l2: -1, use_bias: 0}, output_classes: 100'),
    [
      `${branch}[0].conv_layers.filters: expected a whole number from 1 to 65536, got 0`,
      `${branch}[0].conv_layers.padding: expected valid, same, got text "full"`,
      `${branch}[0].conv_layers.activation: expected linear, relu, relu6, elu, selu, gelu, swish, sigmoid, tanh, softmax, leaky_relu, got text "rely" (did you mean "relu"?)`,
      `${branch}[0].conv_layers.l2: expected a number from 0 to 1000, such as 0.0001, got -1`,
      `${branch}[0].conv_layers.use_bias: expected true or false, got 0`,
    ],
  ],
  [
    oneBranch('separable_conv: {}, depthwise_conv: 3, output_classes: 100'),
    [
      `${branch}[0].separable_conv: "filters" is missing`,
      `${branch}[1].depthwise_conv: expected a map such as {kernel_size: [3, 3], activation: relu, padding: same}, got 3`,
    ],
  ],
  [
    oneBranch('depthwise_conv: {filters: 3}, output_classes: 100'),
    [
      `${branch}[0].depthwise_conv: unknown key "filters" (known keys: kernel_size, strides, padding, activation, l2, depth_multiplier)`,
    ],
  ],
  [
    oneBranch('max_pool: 2, output_classes: 100'),
    [`${branch}[0].max_pool: expected a map such as {pool_size: [2, 2]}, got 2`],
  ],
  [
    oneBranch('avg_pool: {size: 2}, output_classes: 100'),
    [`${branch}[0].avg_pool: unknown key "size" (did you mean "pool_size"?)`],
  ],
  [oneBranch('flatten: 1, output_classes: 100'), [`${branch}[0].flatten: expected 0, as it has no options, got 1`]],
  [
    oneBranch('batch_norm: 0.9, output_classes: 100'),
    [`${branch}[0].batch_norm: expected 0, or a map such as {momentum: 0.99, epsilon: 0.001}, got 0.9`],
  ],
  [
    oneBranch('batch_norm: {momentum: 1}, output_classes: 100'),
    [`${branch}[0].batch_norm.momentum: expected a number from 0 and below 1, got 1`],
  ],
  [
    oneBranch('layer_norm: {momentum: 1}, output_classes: 100'),
    [`${branch}[0].layer_norm: unknown key "momentum" (known keys: epsilon)`],
  ],
  [
    oneBranch('dropout: 1, output_classes: 100'),
    [`${branch}[0].dropout: expected a rate from 0 and below 1, such as 0.25, got 1`],
  ],
  [
    oneBranch('activation: Relu, output_classes: 100'),
    [
      `${branch}[0].activation: expected linear, relu, relu6, elu, selu, gelu, swish, sigmoid, tanh, softmax, leaky_relu, got text "Relu" (did you mean "relu"?)`,
    ],
  ],
  [
    oneBranch('dense_layers: {unit: 3}, output_classes: 100'),
    [
      `${branch}[0].dense_layers: "units" is missing`,
      `${branch}[0].dense_layers: unknown key "unit" (did you mean "units"?)`,
    ],
  ],
  [
    oneBranch('add: 0, output_classes: 100'),
    [
      `${branch}[0].add: expected the number of operations to lead over, from 1 to 10000, or a map such as {over: 3, project: true}, got 0`,
    ],
  ],
  [oneBranch('add: {project: true}, output_classes: 100'), [`${branch}[0].add: "over" is missing`]],
  [
    oneBranch('flatten: 0, output_classes: 1'),
    [`${branch}[1].output_classes: expected the number of classes, from 2 to 65536, got 1`],
  ],
  [
    oneBranch('flatten: 0, output_classes: '),
    [`${branch}[1].output_classes: expected the number of classes, from 2 to 65536, got nothing`],
  ],
];

describe('a mistake in params.yaml is told where it stands', () => {
  it.each(mistakes)('%s', (yaml, messages) => {
    expect([...paramsFaults(yaml)].toSorted()).toEqual([...messages].toSorted());
  });

  it('all mistakes are told at once', () => {
    expect(paramsFaults(`data: x\ntrain: {lr: 0, epochs: 0}\nmodel: {a b: {}, c: {model: {}}}`)).toHaveLength(6);
  });

  it('but not more than a hundred', () => {
    const ops = Array.from({ length: 150 }, (_, index) => `dropout: ${index + 2}`);
    const lines = paramsFaults(oneBranch(`${ops.join(', ')}, output_classes: 100`));
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe('and 50 more; they show once some of these are mended');
  });
});
