import { describe, expect, it } from '@jest/globals';
import { renderFault } from '../core/failure.ts';
import { parsePipeline } from './parse.ts';
import type { Pipeline, Stage } from './pipeline.ts';

type Files = Readonly<Record<string, string>>;

function pipelineOf(text: string, files: Files = {}, file = 'pipeline.yaml'): Pipeline {
  const lockFile = file.replace(/\.yaml$/, '.lock');
  const parsed = parsePipeline({ file, lockFile, text, readSource: (path) => files[path] });
  if (!parsed.ok) throw new Error(parsed.error.map(renderFault).join('\n'));
  return parsed.value;
}

function stageOf(text: string, files: Files = {}): Stage {
  const [stage, second] = pipelineOf(text, files).stages;
  if (stage === undefined || second !== undefined) throw new Error('one stage expected');
  return stage;
}

/** One stage with these fields. */
function withFields(fields: string, files: Files = {}): Stage {
  return stageOf(`stages:\n  s:\n    cmd: x\n${fields.replace(/^/gm, '    ')}\n`, files);
}

const names = (text: string, files: Files = {}): string[] => pipelineOf(text, files).stages.map((stage) => stage.name);
const commands = (text: string, files: Files = {}): string[] =>
  pipelineOf(text, files).stages.flatMap((stage) => stage.cmd);

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

describe('templates', () => {
  const params = {
    'params.yaml':
      'lr: 0.1\nn: 3\none: 1.0\non: true\noff: false\nnone: null\nname: net\nlist: [a, b]\nm: {x: {y: deep}, l: [5, {z: 6}]}\n',
  };
  const cmd = (text: string): string => stageOf(`stages: {s: {cmd: ${JSON.stringify(text)}}}`, params).cmd[0]!;

  it.each([
    ['a ${lr} b', 'a 0.1 b'],
    ['${n}', '3'],
    ['${one}', '1.0'],
    ['${on}/${off}', 'true/false'],
    ['[${none}]', '[None]'],
    ['${m.x.y} ${m.l[0]} ${m.l.1.z} ${m.l[1][z]}', 'deep 5 6 6'],
    ['\\${lr} ${lr}', '${lr} 0.1'],
    ['\\${HOME}', '${HOME}'],
    ['$HOME $(x) ${', '$HOME $(x) ${'],
    ['${m.x}', '--y deep'],
    ['go ${list} now', 'go a b now'],
  ])('cmd %j is %j', (text, expected) => {
    expect(cmd(text)).toBe(expected);
  });

  it('keep the type of a whole value where something other than text is wanted', () => {
    const stage = stageOf(
      'stages: {s: {cmd: x, frozen: "${on}", timeout: "${n}", retries: "${n}", resources: {cpu: "${n}", memory: "${n}G"}, outs: [{o: {cache: "${off}"}}]}}',
      params,
    );
    expect(stage).toMatchObject({
      frozen: true,
      timeout: 3,
      retries: 3,
      resources: { cpu: 3, memory: 3 * 2 ** 30 },
      outs: [{ cache: false }],
    });
  });

  it('work in every path, in keys, and in names', () => {
    const text = 'stages: {"${name}": {cmd: x}}';
    expect(() => pipelineOf(text, params)).toThrow(/cannot be used/);
    const stage = stageOf(
      'stages: {s: {cmd: x, wdir: "${name}", deps: ["${n}.txt"], outs: [{"${name}.bin": {persist: true}}], code: ["${name}.ts"], env: ["${name}"], desc: "${lr}"}}',
      params,
    );
    expect(stage).toMatchObject({
      wdir: 'net',
      deps: [{ path: 'net/3.txt' }],
      outs: [{ path: 'net/net.bin', persist: true }],
      code: [{ path: 'net/net.ts' }],
      env: ['net'],
      desc: '0.1',
    });
  });
});

describe('vars', () => {
  const files = {
    'params.yaml': 'lr: 1\nmodel: {a: 1}',
    'more.json': '{"x": 2.0, "model": {"b": 2}}',
    'some.toml': 'p = 1\nq = 2',
    'w/own.yaml': 'own: w',
  };

  it('come from params.yaml, maps and files; maps are merged', () => {
    const text =
      'vars: [{inline: 3, model: {c: {d: 3}}}, more.json, "some.toml:q"]\nstages: {s: {cmd: "${lr} ${x} ${q} ${inline} ${model}"}}';
    expect(stageOf(text, files).cmd).toEqual(['1 2.0 2 3 --a 1 --c.d 3 --b 2']);
    expect(pipelineOf(text, files).sources).toEqual(['pipeline.yaml', 'params.yaml', 'more.json', 'some.toml']);
  });

  it('of a stage are its own, with files relative to its wdir', () => {
    const text =
      'stages:\n  s:\n    vars: [{y: 1}, own.yaml]\n    wdir: w\n    cmd: ${y} ${own} ${lr}\n  t: {cmd: "${lr}"}\n';
    expect(commands(text, files)).toEqual(['1 w 1', '1']);
    expect(pipelineOf(text, files).sources).toEqual(['pipeline.yaml', 'params.yaml', 'w/own.yaml']);
    expect(() => pipelineOf(`${text}  u: {cmd: "\${y}"}\n`, files)).toThrow(/no variable "y"/);
  });

  it.each([
    ['stages: {s: {cmd: x}}', ['pipeline.yaml']],
    ['stages: {s: {cmd: "\\\\${lr}", params: [lr]}}', ['pipeline.yaml']],
    ['vars: [{v: 1}]\nstages: {s: {cmd: "${v}"}}', ['pipeline.yaml', 'params.yaml']],
    ['stages: {s: {foreach: [a], do: {cmd: "${item}"}}}', ['pipeline.yaml']],
    ['stages: {s: {cmd: "${lr}"}}', ['pipeline.yaml', 'params.yaml']],
    ['stages: {s: {foreach: "${model}", do: {cmd: "${item}"}}}', ['pipeline.yaml', 'params.yaml']],
    ['stages: {s: {matrix: {a: ["${lr}"]}, cmd: x}}', ['pipeline.yaml', 'params.yaml']],
    ['vars: [params.yaml]\nstages: {s: {cmd: x}}', ['pipeline.yaml', 'params.yaml']],
    ['vars: [more.json]\nstages: {s: {cmd: x}}', ['pipeline.yaml', 'params.yaml', 'more.json']],
  ])('sources of %j are %j', (text, sources) => {
    expect(pipelineOf(text, files).sources).toEqual(sources);
  });

  it('depend on params.yaml also where it is not there: it may add to a map, or set what is set already', () => {
    const text = 'vars: [{v: {a: 1}}]\nstages: {s: {foreach: "${v}", do: {cmd: x}}}';
    expect(pipelineOf(text).sources).toEqual(['pipeline.yaml', 'params.yaml']);
    expect(names(text, { 'params.yaml': 'v: {b: 2}' })).toHaveLength(2);
  });

  it('a broken params.yaml does not matter where no variable is used', () => {
    expect(commands('stages: {s: {cmd: x, params: [lr]}}', { 'params.yaml': '[' })).toEqual(['x']);
  });
});

describe('foreach', () => {
  it.each<[string, string[]]>([
    ['[a, b]', ['s@a', 's@b']],
    ['[1, 1.0, true, null]', ['s@1', 's@1.0', 's@true', 's@None']],
    ['[{x: 1}, {x: 2}]', ['s@0', 's@1']],
    ['[a, [b]]', ['s@0', 's@1']],
    ['{us: {e: 1}, uk: {e: 2}}', ['s@us', 's@uk']],
    ['${models}', ['s@m1', 's@m2']],
    ['[a, "${one}"]', ['s@a', 's@1']],
    ['[]', []],
    [
      '["a/b", "a b", "a%2Fb", "ü-日", "a@b", "💥"]',
      ['s@a%2Fb', 's@a%20b', 's@a%252Fb', 's@ü-日', 's@a@b', 's@%F0%9F%92%A5'],
    ],
  ])('over %s gives %j', (data, expected) => {
    const quoted = data.startsWith('$') ? `"${data}"` : data;
    const files = { 'params.yaml': 'models: {m1: {}, m2: {}}\none: 1' };
    const text = `stages: {s: {foreach: ${quoted}, do: {cmd: x}}}`;
    expect(names(text, files)).toEqual(expected);
    expect(pipelineOf(text, files).stages.every((stage) => stage.group === 's')).toBe(true);
  });

  it('gives ${item} and, over a map, ${key}', () => {
    expect(
      commands('stages: {s: {foreach: {us: {e: 3}, uk: {e: 4}}, do: {cmd: "t ${key} ${item.e} ${item}"}}}'),
    ).toEqual(['t us 3 --e 3', 't uk 4 --e 4']);
    expect(commands('stages: {s: {foreach: [[1, 2], [3, 4]], do: {cmd: "${item[1]} ${item.0}"}}}')).toEqual([
      '2 1',
      '4 3',
    ]);
  });

  it('item covers a variable of that name', () => {
    expect(commands('vars: [{item: {x: 1}}]\nstages: {s: {foreach: [a], do: {cmd: "${item}"}}}')).toEqual(['a']);
  });
});

describe('matrix', () => {
  it('gives every combination, the last dimension fastest, with item and key', () => {
    const text = `stages:
  s:
    matrix:
      os: [linux, mac]
      py: "\${versions}"
      cfg: [{a: 1}, {a: 2}]
    cmd: \${key} \${item.os} \${item.py} \${item.cfg.a}
`;
    const pipeline = pipelineOf(text, { 'params.yaml': 'versions: [3.9, "3.10"]' });
    expect(pipeline.stages.map((stage) => stage.name).slice(0, 5)).toEqual([
      's@linux-3.9-cfg0',
      's@linux-3.9-cfg1',
      's@linux-3.10-cfg0',
      's@linux-3.10-cfg1',
      's@mac-3.9-cfg0',
    ]);
    expect(pipeline.stages).toHaveLength(8);
    expect(pipeline.stages[3]!.cmd).toEqual(['linux-3.10-cfg1 linux 3.10 2']);
    expect(pipeline.stages[3]!.at).toEqual([2, 3]);
  });

  it('an empty dimension gives no stages, and others may still name the group', () => {
    expect(names('stages: {s: {matrix: {a: [1], b: []}, cmd: x}, t: {cmd: y, runs: [s]}}')).toEqual(['t']);
  });
});

describe('a real dvc.yaml', () => {
  const text = `vars:
  - config/paths.yaml
  - models.json:models
  - seed: 42

stages:
  download:
    desc: Fetch the raw data
    cmd:
      - mkdir -p \${paths.raw}
      - curl -fsSL \${data.url} -o \${paths.raw}/archive.zip
    outs:
      - \${paths.raw}/archive.zip:
          desc: as published
          push: false
    frozen: true

  split:
    foreach: \${folds}
    do:
      cmd: >-
        python split.py \${paths.raw}/archive.zip --fold \${item} --seed \${seed}
        --out \${paths.processed}/\${item}
      deps:
        - split.py
        - \${paths.raw}/archive.zip
      params:
        - split.ratio
        - config/split.toml:
            - stratify
      outs:
        - \${paths.processed}/\${item}

  train:
    matrix:
      model: \${models}
      fold: \${folds}
    wdir: src
    vars:
      - local: {epochs: 3}
    cmd: python train.py \${train} --arch \${item.model.arch} --epochs \${local.epochs} --fold \${item.fold}
    deps:
      - train.py
      - ../\${paths.processed}/\${item.fold}
    params:
      - ../params.yaml:
          - train
          - models.\${item.model.arch}
    outs:
      - ../models/\${key}.pt
    metrics:
      - ../metrics/\${key}.json:
          cache: false
    plots:
      - ../plots/\${key}.csv:
          cache: false
          x: step
          y: loss

  report:
    cmd: python report.py
    deps: [metrics]
    always_changed: true

metrics:
  - metrics
plots:
  - Loss:
      x: step
      y: {plots/a.csv: loss}
artifacts:
  best: {path: models, type: model, desc: the best one, labels: [cnn], meta: {a: 1}}
`;
  const files = {
    'params.yaml':
      'data: {url: https://example.org/a.zip}\nfolds: [f1, f2]\ntrain: {lr: 0.001, amp: true, debug: false, sizes: [64, 32]}\n',
    'config/paths.yaml': 'paths: {raw: data/raw, processed: data/processed}\n',
    'models.json': '{"models": [{"arch": "resnet"}, {"arch": "vit"}], "unused": 1}',
  };

  it('parses unchanged', () => {
    const pipeline = pipelineOf(text, files, 'dvc.yaml');
    expect(pipeline.stages.map((stage) => stage.name)).toEqual([
      'download',
      'split@f1',
      'split@f2',
      'train@model0-f1',
      'train@model0-f2',
      'train@model1-f1',
      'train@model1-f2',
      'report',
    ]);
    expect(pipeline.sources).toEqual(['dvc.yaml', 'params.yaml', 'config/paths.yaml', 'models.json']);
    expect(pipeline.stages[0]).toMatchObject({
      frozen: true,
      cmd: ['mkdir -p data/raw', 'curl -fsSL https://example.org/a.zip -o data/raw/archive.zip'],
    });
    expect(pipeline.stages[2]!.cmd).toEqual([
      'python split.py data/raw/archive.zip --fold f2 --seed 42 --out data/processed/f2',
    ]);
    expect(pipeline.stages[5]).toMatchObject({
      cmd: ['python train.py --lr 0.001 --amp --sizes 64 32 --arch vit --epochs 3 --fold f1'],
      wdir: 'src',
      deps: [{ path: 'src/train.py' }, { path: 'data/processed/f1', at: [44, 9] }],
      params: [
        { file: 'params.yaml', key: 'train' },
        { file: 'params.yaml', key: 'models.vit', template: 'models.${item.model.arch}' },
      ],
      outs: [
        { path: 'models/model1-f1.pt', label: 'out' },
        { path: 'metrics/model1-f1.json', label: 'metric', cache: false },
        { path: 'plots/model1-f1.csv', label: 'plot', cache: false },
      ],
    });
  });
});

describe('speed', () => {
  it('grows linearly with the number of stages', () => {
    const text = (stages: number): string =>
      `stages:\n${Array.from({ length: stages }, (_, i) => `  s${i}:\n    cmd: run ${i}\n    deps: [in${i}, lib]\n    params: [a.b]\n    outs:\n      - out${i}:\n          cache: false\n`).join('')}`;
    const seconds = (stages: number): number => {
      const source = text(stages);
      const start = performance.now();
      expect(pipelineOf(source).stages).toHaveLength(stages);
      return performance.now() - start;
    };
    seconds(500);
    const small = seconds(500);
    const large = seconds(4000);
    expect(large).toBeLessThan(Math.max(small, 50) * 8 * 4);
  });
});
