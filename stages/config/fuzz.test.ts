import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from './canonical.ts';
import { readDataSource } from './data-source.ts';
import { readSelectionSettings } from '../selection/settings.ts';
import { readParams } from './params.ts';
import { readFixture, faultsOf } from './testing.ts';

const words = fc.constantFrom(
  ...['prepare', 'train', 'model', 'data', 'params', 'custom', 'custome', 'layer', 'branch', 'branche', 'seed', 'lr'],
  ...['optimizer', 'schedule', 'name', 'augment', 'cutout', 'early_stopping', 'patience', 'image_size', 'warmup'],
  ...['conv_layers', 'filters', 'kernel_size', 'strides', 'max_pool', 'pool_size', 'flatten', 'add', 'over', 'project'],
  ...[
    'output_classes',
    'ResNet50',
    'source',
    'from',
    'path',
    'checksum',
    'evaluation_metrics',
    'val_acc',
    'constraints',
  ],
  ...['min', 'max', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'x-a', '', 'a/b', '~1', '%', 'best'],
);
/** What YAML has. */
const scalars = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, 1, -1, 2, 3, 100, 0.5, 1e300, Number.NaN, Infinity, -0),
  fc.constantFrom('adam', 'cosine', 'synthetic', 'images', 'data/raw/x', 'data/raw/..', 'relu', 'same', 'maximize'),
  fc.string({ unit: 'binary', maxLength: 6 }),
);
const keys = fc.oneof({ weight: 5, arbitrary: words }, { weight: 1, arbitrary: fc.string({ maxLength: 4 }) });
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    scalars,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(keys, tie('tree'), { maxKeys: 4, noNullPrototype: false }),
  ),
}));

/** A good file in which some values are something else. */
function mutationsOf(document: unknown): fc.Arbitrary<unknown> {
  const places: (readonly (string | number)[])[] = [];
  const visit = (value: unknown, path: readonly (string | number)[]): void => {
    places.push(path);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, item] of Object.entries(value)) visit(item, [...path, key]);
  };
  visit(document, []);
  const plausible = fc.constantFrom<unknown>(0.1, 0.5, 1, 2, 3, 64, null, true, 'same', 'relu', 'maximize');
  const put = fc.oneof({ weight: 2, arbitrary: plausible }, { weight: 1, arbitrary: tree });
  const key = fc.option(keys, { freq: 2 }); // fast-check: null once in three
  const edit = fc.record({ path: fc.constantFrom(...places), put, key });
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => {
    const root = { document: structuredClone(document) };
    for (const { path, put, key } of edits) replace(root, ['document', ...path], { put, key });
    return root.document;
  });
}

/** Puts a value in the place of another, or under a new key beside it. */
function replace(
  root: object,
  path: readonly (string | number)[],
  { put, key }: { put: unknown; key: string | null },
): void {
  let parent = root as Record<string, unknown>;
  for (const step of path.slice(0, -1)) {
    const next = Object.hasOwn(parent, step) ? parent[step] : undefined;
    if (typeof next !== 'object' || next === null) return;
    parent = next as Record<string, unknown>;
  }
  const name = Array.isArray(parent) || key === null ? String(path.at(-1)) : key;
  Object.defineProperty(parent, name, { value: put, enumerable: true, configurable: true, writable: true });
}

/** A value that JSON can hold, or faults with a place and a message each: nothing else. */
function check(read: () => unknown): 'read' | 'refused' {
  let value: unknown;
  const faults = faultsOf(() => (value = read()));
  if (faults.length === 0) expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
  for (const fault of faults) expect(fault).toMatch(/^(?:params|evaluation_metrics)\.yaml: ./s);
  return faults.length === 0 ? 'read' : 'refused';
}

const readers: readonly (readonly [string, (document: unknown) => unknown, unknown])[] = [
  ['readParams', readParams, readFixture('params.yaml')],
  ['readSelectionSettings', readSelectionSettings, readFixture('evaluation_metrics.yaml')],
  ['readDataSource', readDataSource, { source: 'images', path: 'data/raw/x', test_split: 0.2, seed: 1 }],
];

describe.each(readers)('%s gives a value or a StageFailure', (_, read, good) => {
  it('for any structure', () => {
    fc.assert(
      fc.property(tree, (document) => {
        check(() => read(document));
      }),
      { numRuns: 300 },
    );
  });

  it('for a good file with mistakes', () => {
    const seen = { read: 0, refused: 0 };
    fc.assert(
      fc.property(mutationsOf(good), (document) => {
        seen[check(() => read(document))]++;
      }),
      { numRuns: 400 },
    );
    expect(seen.refused).toBeGreaterThan(0);
    expect(seen.read).toBeGreaterThan(0);
  });
});
