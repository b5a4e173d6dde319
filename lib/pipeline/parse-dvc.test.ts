import { describe, expect, it } from '@jest/globals';
import { pipelineOf } from './parse-rig.ts';

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
