import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { Fault } from '../core/failure.ts';
import { setFrozen } from './edit.ts';
import { parsePipeline } from './parse.ts';
import { parseValues } from './values.ts';

const params = 'lr: 0.1\nmodels: [{name: a}, {name: b}]\ncfg: {x: 1, on: true}\n';

const valid = `vars: [{seed: 1}]
pools: {gpu: 1}
x-a: &a {timeout: 90s}
stages:
  prep: {cmd: "echo \${lr}", deps: [a.txt], outs: [data: {cache: false, persist: true}]}
  train:
    foreach: \${models}
    do:
      <<: *a
      cmd: ["run \${item.name}", "x \${cfg}"]
      params: [lr, {p.toml: [k]}]
      resources: {gpu: 1, memory: 4G}
      runs: [prep]
  grid:
    matrix: {a: [1, 2.0, true], b: ["x/y", {c: d}]}
    cmd: go \${item.a} \${key}
    wdir: sub
    frozen: true
`;

/** Either a pipeline that survives JSON, or faults that each have a message and, in their file, a place. Never an exception. */
function check(text: string, variables: string = params): void {
  const readSource = (path: string): string | undefined => (path === 'params.yaml' ? variables : undefined);
  const parsed = parsePipeline({ file: 'pipeline.yaml', lockFile: 'pipeline.lock', text, readSource });
  if (parsed.ok) expect(JSON.parse(JSON.stringify(parsed.value))).toEqual(parsed.value);
  else {
    expect(parsed.error.length).toBeGreaterThan(0);
    parsed.error.forEach((fault) => checkFault(fault, fault.at?.file === 'pipeline.yaml' ? text : variables));
  }
}

function checkFault(fault: Fault, text: string): void {
  expect(fault.message).not.toBe('');
  const lines = text.split('\n');
  expect(fault.at!.line).toBeGreaterThanOrEqual(1);
  expect(fault.at!.line).toBeLessThanOrEqual(lines.length);
  expect(fault.at!.column).toBeGreaterThanOrEqual(1);
  expect(fault.at!.column).toBeLessThanOrEqual(lines[fault.at!.line - 1]!.length + 1);
}

/** Text made of what YAML and templates are made of. */
const shards = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'stages:',
        'cmd:',
        'foreach:',
        'do:',
        'matrix:',
        'deps:',
        'outs:',
        'vars:',
        '${',
        '}',
        '${item}',
        '${key}',
        '${lr}',
        '\\${',
      ),
      fc.constantFrom(
        '\n',
        '\n  ',
        '\n    ',
        '- ',
        ': ',
        '{',
        '}',
        '[',
        ']',
        ', ',
        '&a ',
        '*a',
        '<<: ',
        '? ',
        '|\n',
        '>-\n',
        '"',
        "'",
        '#',
        '!x ',
        '---\n',
        '\t',
        '%',
        '@',
        '`',
        '\0',
        '\uFEFF',
        '\r\n',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom(
        'a',
        '1',
        '1.0',
        '0x1',
        'true',
        'null',
        '~',
        '.nan',
        '../x',
        '*.csv',
        '__proto__',
        'constructor',
        'toString',
      ),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

const mutated = fc
  .array(fc.record({ at: fc.nat(valid.length), cut: fc.nat(12), put: fc.oneof(shards, fc.constant('')) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((edits) => edits.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), valid));

const scalars = fc.oneof(
  fc.constantFrom(
    'x',
    'a.txt',
    '${item}',
    '${item.a}',
    '${key}',
    '${lr}',
    '${cfg}',
    '${nope}',
    '*.csv',
    '../x',
    '.',
    '',
    '4G',
    '90s',
    'prep',
    'cache/x',
    'pipeline.lock',
    'p.py',
  ),
  fc.constantFrom(0, 1, -1, 0.5, 1e300, true, false, null, 2 ** 60),
  fc.string({ maxLength: 8 }),
);
const keys = fc.oneof(
  fc.constantFrom(
    'cmd',
    'wdir',
    'deps',
    'params',
    'outs',
    'metrics',
    'plots',
    'vars',
    'frozen',
    'foreach',
    'do',
    'matrix',
    'code',
    'env',
    'host',
    'runs',
  ),
  fc.constantFrom(
    'relocatable',
    'resources',
    'timeout',
    'retries',
    'cache',
    'persist',
    'desc',
    'meta',
    'cpu',
    'memory',
    'gpu',
    '__proto__',
    'constructor',
    'p.toml',
    '<<',
  ),
  fc.string({ maxLength: 5 }),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(keys, tie('tree'), { maxKeys: 5 }),
  ),
}));
const documents = fc
  .record(
    {
      stages: fc.dictionary(
        fc.oneof(fc.constantFrom('a', 'b', 'prep'), fc.string({ maxLength: 4 })),
        fc.dictionary(keys, tree, { maxKeys: 8 }),
        { maxKeys: 4 },
      ),
      vars: tree,
      pools: tree,
      cache: tree,
    },
    { requiredKeys: ['stages'] },
  )
  .map((document) => stringify(document));

describe('whatever the text, the parser gives a pipeline or faults', () => {
  it('the unchanged example is a pipeline', () => {
    const parsed = parsePipeline({ file: 'p.yaml', lockFile: 'p.lock', text: valid, readSource: () => params });
    expect(parsed.ok && parsed.value.stages.map((stage) => stage.name)).toHaveLength(9);
  });

  it('arbitrary text', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), shards), (text) => check(text)),
      { numRuns: 200 },
    ));
  it('mutations of a valid pipeline', () =>
    fc.assert(
      fc.property(mutated, (text) => check(text)),
      { numRuns: 200 },
    ));
  it('random structures', () =>
    fc.assert(
      fc.property(documents, (text) => check(text)),
      { numRuns: 200 },
    ));
  it('random variables', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          shards,
          tree.map((value) => stringify(value)),
        ),
        (variables) => check(valid, variables),
      ),
      { numRuns: 150 },
    ));
});

describe('whatever the text, parseValues gives a value or a fault', () => {
  const files = fc.constantFrom('p.yaml', 'p.json', 'p.toml', 'p.py', 'p');
  const texts = fc.oneof(
    shards,
    fc.string({ unit: 'binary' }),
    fc.json(),
    tree.map((value) => stringify(value)),
    fc.dictionary(fc.string(), fc.integer()).map((table) =>
      Object.entries(table)
        .map(([key, value]) => `${JSON.stringify(key)} = ${value}`)
        .join('\n'),
    ),
  );

  it('never throws', () => {
    const property = fc.property(files, texts, (file, text) => {
      const parsed = parseValues(file, text);
      if (!parsed.ok && file.includes('.') && !file.endsWith('.py')) checkFault(parsed.error, text);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('reads any JSON as JSON.parse does', () => {
    const plain = (value: unknown): unknown =>
      typeof value === 'bigint'
        ? Number(value)
        : Array.isArray(value)
          ? value.map(plain)
          : typeof value === 'object' && value !== null
            ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
            : value;
    const property = fc.property(fc.json({ maxDepth: 5 }), (text) => {
      const parsed = parseValues('p.json', text);
      expect(parsed.ok).toBe(true);
      if (parsed.ok) expect(plain(parsed.value)).toEqual(plain(JSON.parse(text) ?? {}));
    });
    fc.assert(property, { numRuns: 200 });
  });
});

describe('setFrozen', () => {
  it('changes nothing but frozen, or refuses', () => {
    const property = fc.property(
      fc.oneof(mutated, documents, fc.constant(valid)),
      fc.constantFrom('prep', 'train', 'grid', 'a'),
      fc.boolean(),
      (text, group, frozen) => {
        const once = setFrozen(text, 'p.yaml', group, frozen);
        if (!once.ok) return;
        expect(setFrozen(once.value, 'p.yaml', group, frozen)).toEqual(once);
      },
    );
    fc.assert(property, { numRuns: 200 });
  });
});
