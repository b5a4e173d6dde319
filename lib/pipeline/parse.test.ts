import { describe, expect, it } from '@jest/globals';
import { pipelineOf, stageOf, withFields } from './parse-rig.ts';

describe('a pipeline file', () => {
  it.each(['', '# nothing\n', 'stages:\n', 'stages: {}\n', '{}'])('%j has no stages', (text) => {
    expect(pipelineOf(text)).toEqual({
      file: 'pipeline.yaml',
      stages: [],
      pools: {},
      schemas: [],
      cache: {},
      sources: ['pipeline.yaml'],
    });
  });

  it('names parameter files with their schemas, relative to it', () => {
    const { schemas, sources } = pipelineOf('schemas:\n  ./params.yaml: s/params.schema.json\n  ../p.toml: ${s}\n', {
      'params.yaml': 's: b.json',
    });
    expect(schemas).toEqual([
      { file: 'params.yaml', schema: 's/params.schema.json', at: [2, 3], schemaAt: [2, 18] },
      { file: '../p.toml', schema: 'b.json', at: [3, 3], schemaAt: [3, 14] },
    ]);
    expect(sources).toEqual(['pipeline.yaml', 'params.yaml']);
  });

  it('gives every field, with its place', () => {
    const text = `pools: {gpu: 2, memory: 16G}
cache: {dir: ../shared, link: hardlink}
stages:
  evaluate: {cmd: e}
  train:
    desc: trains
    cmd: [a, b]
    wdir: src
    deps: [in.txt, ../data/, '*.csv']
    params: [lr, {p.toml: [a, b.c]}]
    code: [train.ts]
    outs:
      - m.bin: {cache: false, persist: true, desc: the model, push: false, remote: r, hash: md5, type: model}
    metrics: [m.json: {cache: false}]
    plots: [p.csv: {x: step, y: loss, template: linear, title: t, x_label: a, y_label: b, header: true}, q.csv: [{x: a}, {x: b}]]
    env: [SEED]
    host: true
    runs: [evaluate]
    relocatable: true
    resources: {cpu: 2, gpu: 1, memory: 512M}
    timeout: 90s
    retries: 2
    frozen: true
    always_changed: true
    meta: {anything: [goes]}
`;
    const pipeline = pipelineOf(text);
    expect(pipeline.pools).toEqual({ gpu: 2, memory: 16 * 2 ** 30 });
    expect(pipeline.cache).toEqual({ dir: '../shared', link: 'hardlink' });
    expect(pipeline.stages[1]).toEqual({
      name: 'train',
      group: 'train',
      at: [5, 3],
      desc: 'trains',
      cmd: ['a', 'b'],
      wdir: 'src',
      deps: [
        { path: 'src/in.txt', kind: 'path', at: [9, 12] },
        { path: 'data', kind: 'path', at: [9, 20] },
        { path: 'src/*.csv', kind: 'glob', at: [9, 30] },
      ],
      params: [
        { file: 'src/params.yaml', key: 'lr', template: 'lr', at: [10, 14] },
        { file: 'src/p.toml', key: 'a', template: 'a', at: [10, 28] },
        { file: 'src/p.toml', key: 'b.c', template: 'b.c', at: [10, 31] },
      ],
      code: [{ path: 'src/train.ts', at: [11, 12] }],
      outs: [
        { path: 'src/m.bin', label: 'out', cache: false, persist: true, desc: 'the model', at: [13, 9] },
        { path: 'src/m.json', label: 'metric', cache: false, persist: false, at: [14, 15] },
        { path: 'src/p.csv', label: 'plot', cache: true, persist: false, at: [15, 13] },
        { path: 'src/q.csv', label: 'plot', cache: true, persist: false, at: [15, 106] },
      ],
      env: ['SEED'],
      host: true,
      runs: [{ group: 'evaluate', at: [18, 12] }],
      relocatable: true,
      resources: { cpu: 2, gpu: 1, memory: 512 * 2 ** 20 },
      timeout: 90,
      retries: 2,
      frozen: true,
      alwaysChanged: true,
    });
  });

  it('has the defaults of a bare stage', () => {
    expect(stageOf('stages: {s: {cmd: x}}')).toEqual({
      name: 's',
      group: 's',
      at: [1, 10],
      cmd: ['x'],
      wdir: '',
      deps: [],
      params: [],
      code: [],
      outs: [],
      env: [],
      host: false,
      runs: [],
      relocatable: false,
      resources: { cpu: 1 },
      timeout: null,
      retries: 0,
      frozen: false,
      alwaysChanged: false,
    });
  });

  it('is plain JSON, so that it can be cached', () => {
    const pipeline = pipelineOf('pools: {__proto__: 3}\nstages: {s: {cmd: x, resources: {__proto__: 1}}}');
    expect(JSON.parse(JSON.stringify(pipeline))).toEqual(pipeline);
    expect(Object.keys(pipeline.pools)).toEqual(['__proto__']);
  });

  it('accepts the top-level keys of dvc.yaml and x- keys', () => {
    const text = `params: [p.yaml]
metrics: [m.json]
plots: [{a.csv: {x: b}}, c.csv]
artifacts: {model: {path: m.bin, type: model, labels: [a]}}
datasets: [{name: d, url: 'dvc://x', type: dvc}]
x-common: &c {cmd: x}
stages: {s: {<<: *c, desc: d}}`;
    expect(pipelineOf(text).stages).toMatchObject([{ cmd: ['x'], desc: 'd' }]);
  });

  it('in a folder: paths are relative to that folder', () => {
    const text = 'stages: {s: {cmd: x, deps: [a], params: [lr], outs: [../b]}, t: {cmd: "${lr}", wdir: w, deps: [a]}}';
    const pipeline = pipelineOf(text, { 'sub/params.yaml': 'lr: 1' }, 'sub/dvc.yaml');
    expect(pipeline.stages[0]).toMatchObject({
      wdir: 'sub',
      deps: [{ path: 'sub/a' }],
      params: [{ file: 'sub/params.yaml' }],
      outs: [{ path: 'b' }],
    });
    expect(pipeline.stages[1]).toMatchObject({ wdir: 'sub/w', deps: [{ path: 'sub/w/a' }] });
    expect(pipeline.sources).toEqual(['sub/dvc.yaml', 'sub/params.yaml']);
  });

  it('understands anchors: places are those of the anchor', () => {
    const text = 'stages:\n  a:\n    cmd: x\n    deps: &d\n      - one\n      - two\n  b:\n    cmd: y\n    deps: *d\n';
    expect(pipelineOf(text).stages[1]!.deps).toEqual([
      { path: 'one', kind: 'path', at: [5, 9] },
      { path: 'two', kind: 'path', at: [6, 9] },
    ]);
  });
});

describe('66. paths', () => {
  it.each([
    ['deps: [./a//b/../c]', 'a/c', 'path'],
    ['deps: ["a\\\\b"]', 'a/b', 'path'],
    ['deps: [../x]', '../x', 'path'],
    ['deps: [/etc/hosts]', '/etc/hosts', 'path'],
    ['deps: [data/**/*.csv]', 'data/**/*.csv', 'glob'],
    ['deps: [./data/p?.csv]', 'data/p?.csv', 'glob'],
    ['wdir: w\ndeps: [../*.csv]', '*.csv', 'glob'],
    ['wdir: a[1]\ndeps: ["*.csv"]', 'a\\[1\\]/*.csv', 'glob'],
  ])('%s is %s', (fields, path, kind) => {
    expect(withFields(fields).deps).toMatchObject([{ path, kind }]);
  });

  it('wdir is normalised', () => {
    expect(withFields('wdir: ./a/../b/').wdir).toBe('b');
    expect(withFields('wdir: .').wdir).toBe('');
  });

  it('the cache folder may be moved out of the way of an out', () => {
    expect(pipelineOf('cache: {dir: .cache}\nstages: {s: {cmd: x, outs: [cache/x]}}').stages[0]!.outs[0]!.path).toBe(
      'cache/x',
    );
  });
});

describe('params', () => {
  it.each([
    [
      'params: [lr, a.b]',
      [
        ['params.yaml', 'lr'],
        ['params.yaml', 'a.b'],
      ],
    ],
    [
      'params: [{f.toml: [k1, k2]}]',
      [
        ['f.toml', 'k1'],
        ['f.toml', 'k2'],
      ],
    ],
    ['params: [f.yaml: ]', [['f.yaml', null]]],
    ['params: [f.json: []]', [['f.json', null]]],
    [
      'params: [lr, lr, {params.yaml: [lr, x]}]',
      [
        ['params.yaml', 'lr'],
        ['params.yaml', 'x'],
      ],
    ],
    [
      'params: [{../p.yml: [1, "2"]}]',
      [
        ['../p.yml', '1'],
        ['../p.yml', '2'],
      ],
    ],
    [
      'wdir: w\nparams: [lr, {p.yaml: [x]}]',
      [
        ['w/params.yaml', 'lr'],
        ['w/p.yaml', 'x'],
      ],
    ],
  ])('%s', (fields, expected) => {
    expect(withFields(fields).params.map(({ file, key }) => [file, key])).toEqual(expected);
  });

  it('keep the text before templating', () => {
    const text = 'stages: {s: {foreach: [a, b], do: {cmd: x, params: ["model.${item}", {"${item}.yaml": [lr]}]}}}';
    expect(pipelineOf(text).stages[1]!.params).toMatchObject([
      { file: 'params.yaml', key: 'model.b', template: 'model.${item}' },
      { file: 'b.yaml', key: 'lr', template: 'lr' },
    ]);
  });
});

describe('amounts', () => {
  it.each([
    ['timeout: 5', 5],
    ['timeout: 0.5', 0.5],
    ['timeout: 90s', 90],
    ['timeout: 30m', 1800],
    ['timeout: 2h', 7200],
    ['timeout: 1.5d', 129_600],
  ])('%s is %d seconds', (field, seconds) => {
    expect(withFields(field).timeout).toBe(seconds);
  });

  it.each([
    ['4G', 4 * 2 ** 30],
    ['512M', 512 * 2 ** 20],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['2kb', 2048],
    ['1048576', 1_048_576],
    ['"1000"', 1000],
  ])('memory: %s is %d bytes', (text, bytes) => {
    expect(withFields(`resources: {memory: ${text}}`).resources).toEqual({ cpu: 1, memory: bytes });
  });
});

describe('commands', () => {
  it.each([
    ['cmd: "one\\n\\n  two\\r\\n# three\\n"', ['one', '  two', '# three']],
    ['cmd: ["one\\ntwo\\n", three]', ['one\ntwo\n', 'three']],
    ['cmd: >-\n      one\n      two', ['one two']],
  ])('%j: each line of a text is a command, an item of a list is one whole', (field, expected) => {
    expect(stageOf(`stages:\n  s:\n    ${field}`).cmd).toEqual(expected);
  });
});
