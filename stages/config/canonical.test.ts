import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, datasetId, definitionDigest } from './canonical.ts';
import { definitionOf, oneBranch, smallest } from './testing.ts';

describe('canonicalJson', () => {
  it('sorts keys at every depth, indents by two spaces and ends with a newline', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x', e: undefined })).toBe(
      '{\n  "a": "x",\n  "b": [\n    {\n      "c": null,\n      "d": 1\n    }\n  ]\n}\n',
    );
  });

  it('is the same for any order of keys, and says the same value', () => {
    const reverse = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reverse);
      if (typeof value !== 'object' || value === null) return value;
      const entries = Object.entries(value).map(([key, item]) => [key, reverse(item)] as const);
      return Object.fromEntries(entries.reverse());
    };
    const property = fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(reverse(value))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
    });
    fc.assert(property, { numRuns: 200 });
  });

  it.each([[Number.NaN], [Infinity], [() => 1], [[undefined]]])('refuses %p', (value) => {
    expect(() => canonicalJson({ value })).toThrow('cannot be written as JSON');
  });
});

const base = `
prepare: {seed: 77, split: 0.2, image_size: [32, 32], grayscale: false}
train: {seed: 77, lr: 0.002, epochs: 20, batch: 512}
model: {m: {params: {epochs: 15}, model: {custom: [{layer: [{branch: [
  {conv_layers: {filters: 8, kernel_size: [3, 3], activation: relu, padding: valid}}, {max_pool: {pool_size: [2, 2]}},
  {batch_norm: 0}, {add: 1}, {flatten: 0}, {output_classes: 100}]}]}]}}}
`;

/** Other ways to write the same model. */
const same: readonly (readonly [string, string])[] = [
  ['another name', base.replace('{m:', '{other:')],
  [
    'reordered keys',
    base
      .replace('filters: 8, kernel_size: [3, 3]', 'kernel_size: [3, 3], filters: 8')
      .replace('seed: 77, lr: 0.002', 'lr: 0.002, seed: 77'),
  ],
  ['the spellings custome and branche', base.replace('custom:', 'custome:').replace('branch:', 'branche:')],
  ['numbers for pairs', base.replace('[3, 3]', '3').replace('[2, 2]', '2').replace('[32, 32]', '32')],
  [
    'defaults left out',
    base
      .replace('prepare: {seed: 77, split: 0.2, image_size: [32, 32], grayscale: false}', '')
      .replace('seed: 77, ', '')
      .replace(', kernel_size: [3, 3]', '')
      .replace(', padding: valid', '')
      .replace('{pool_size: [2, 2]}', ''),
  ],
  [
    'defaults written out',
    base
      .replace(
        'batch: 512',
        `batch: 512, optimizer: {name: adam, beta_1: 0.9, beta_2: 0.999, epsilon: 1.0e-7}, schedule: {name: constant, warmup: 0},
         weight_decay: 0, label_smoothing: 0, augment: {flip: false, pad_crop: 0, cutout: 0}, early_stopping: null, grad_clip: null,
         keep: val_acc, shards: 8, engine: auto`,
      )
      .replace('padding: valid', 'padding: valid, strides: [1, 1], l2: 0, use_bias: true')
      .replace('pool_size: [2, 2]', 'pool_size: [2, 2], strides: [2, 2], padding: valid')
      .replace('{batch_norm: 0}', '{batch_norm: {momentum: 0.99, epsilon: 0.001}}')
      .replace('{add: 1}', '{add: {over: 1, project: false}}'),
  ],
  ['the override in the section', base.replace('epochs: 20', 'epochs: 15').replace('params: {epochs: 15}, ', '')],
  ['the override below its section', base.replace('params: {epochs: 15}', 'params: {train: {epochs: 15}}')],
  ['more models and other sections', `${base}benchmark: {seconds: 3}\ndata: cifar-100\n`],
];

const other: readonly (readonly [string, string])[] = [
  ['lr', base.replace('0.002', '0.003')],
  ['prepare', base.replace('split: 0.2', 'split: 0.3')],
  ['an option of an operation', base.replace('filters: 8', 'filters: 9')],
  [
    'the order of operations',
    base.replace('{batch_norm: 0}, {add: 1}, {flatten: 0}', '{flatten: 0}, {batch_norm: 0}, {add: 1}'),
  ],
  ['height and width swapped', base.replace('kernel_size: [3, 3]', 'kernel_size: [3, 1]')],
];

describe('definitionDigest', () => {
  it.each(same)('is the same with %s', async (_, yaml) => {
    expect(yaml).not.toBe(base);
    expect(await definitionDigest(definitionOf(yaml))).toBe(await definitionDigest(definitionOf(base)));
  });

  it.each(other)('differs with another value of %s', async (_, yaml) => {
    expect(yaml).not.toBe(base);
    expect(await definitionDigest(definitionOf(yaml))).not.toBe(await definitionDigest(definitionOf(base)));
  });

  it('is XXH64 of the canonical JSON, in 16 digits', async () => {
    expect(await definitionDigest(definitionOf(base))).toMatch(/^[0-9a-f]{16}$/);
    // Of "null\n" by xxhsum 0.8, the reference implementation.
    expect(await datasetId(null as never)).toBe('396548453caeba50');
  });
});

describe('datasetId', () => {
  it('is told by what prepare says, and by nothing else', async () => {
    const id = (yaml: string): Promise<string> => datasetId(definitionOf(yaml).prepare);
    const plain = await id(`model: {m: {model: ${smallest}}}`);
    expect(await id(oneBranch('{conv_layers: {filters: 3}}, {flatten: 0}, {output_classes: 100}'))).toBe(plain);
    expect(await id(`train: {seed: 1, lr: 3}\nmodel: {m: {model: ${smallest}}}`)).toBe(plain);
    expect(await id(`prepare: {grayscale: true}\nmodel: {m: {model: ${smallest}}}`)).not.toBe(plain);
  });
});
