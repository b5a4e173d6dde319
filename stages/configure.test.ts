import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { canonicalJson, datasetId } from './config/canonical.ts';
import type { DatasetPlan, ModelDefinition } from './config/definition.ts';
import { readFixture } from './config/testing.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'configure-'));
  mkdirSync(join(root, 'artifacts'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Runs the stage as the runner does. `text` is the file that `params` was read from; JSON is YAML. */
async function configure(params: unknown, text = JSON.stringify(params, null, 2), more: readonly string[] = []) {
  writeFileSync(join(root, 'params.yaml'), text);
  const names = ['definitions', 'datasets.json', 'source.json', 'timing.json', 'weights', ...more];
  const outs = names.map((name) => ({ path: `artifacts/${name}` }));
  const context = {
    stage: 'configure',
    fingerprint: 'f',
    resume: 'resume',
    root,
    params: { 'params.yaml': { '': params } },
    deps: [],
    outs,
    runs: {},
  };
  writeFileSync(join(root, 'context.json'), JSON.stringify(context));
  return execa(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('./configure.ts', import.meta.url))], {
    env: { DAGRUN_CONTEXT: join(root, 'context.json') },
    reject: false,
  });
}

const read = (path: string): string => readFileSync(join(root, 'artifacts', path), 'utf8');

describe('the configure stage', () => {
  it('writes the definition of each model of the original params.yaml, and one data set', async () => {
    const file = new URL('./config/fixtures/params.yaml', import.meta.url);
    const { exitCode, stdout } = await configure(readFixture('params.yaml'), readFileSync(file, 'utf8'));
    expect([exitCode, stdout]).toEqual([0, '3 models, 1 data sets']);
    const names = ['model1.json', 'model2.json', 'model3.json'];
    expect(readdirSync(join(root, 'artifacts/definitions')).toSorted()).toEqual(names);
    expect(readdirSync(join(root, 'artifacts/weights')).toSorted()).toEqual(names);
    expect(JSON.parse(read('weights/model1.json'))).toEqual({ version: 1, weights: null });
    expect(JSON.parse(read('weights/model3.json'))).toMatchObject({ weights: { fileName: 'efficientnetb0_notop.h5' } });
    const text = read('definitions/model2.json');
    const definition = JSON.parse(text) as ModelDefinition;
    expect(text).toBe(canonicalJson(definition));
    expect(definition.train.epochs).toBe(40);
    const id = await datasetId(definition.prepare);
    expect(JSON.parse(read('datasets.json')) as DatasetPlan).toEqual({
      version: 1,
      variants: { [id]: { seed: 77, split: 0.2, imageSize: [32, 32], grayscale: false } },
      models: { model1: id, model2: id, model3: id },
    });
    expect(JSON.parse(read('source.json'))).toMatchObject({ kind: 'synthetic' });
    expect(JSON.parse(read('timing.json'))).toEqual({ seconds: 1 });
  });

  it('knows a file of weights by its content, and does without one that is not there', async () => {
    mkdirSync(join(root, 'data/raw'), { recursive: true });
    writeFileSync(join(root, 'data/raw/a.h5'), 'weights');
    writeFileSync(join(root, 'data/raw/same.h5'), 'weights');
    writeFileSync(join(root, 'data/raw/other.h5'), 'other weights');
    const on = (name: string) => ({ model: { MobileNet: { classes: 100, weights: `data/raw/${name}.h5` } } });
    const { exitCode, stdout } = await configure({
      model: { a: on('a'), same: on('same'), other: on('other'), missing: on('missing') },
    });
    expect([exitCode, stdout]).toEqual([0, '3 models, 1 data sets\nthe same model: a, same']);
    const weights = ['a', 'same', 'missing'].map((name) => {
      const { architecture } = JSON.parse(read(`definitions/${name}.json`)) as ModelDefinition;
      return architecture.kind === 'backbone' ? architecture.weights : undefined;
    });
    const sha256 = createHash('sha256').update('weights').digest('hex');
    expect(weights).toEqual([
      { kind: 'file', sha256 },
      { kind: 'file', sha256 },
      { kind: 'file', sha256: null },
    ]);
    expect(JSON.parse(read('weights/same.json'))).toEqual({
      version: 1,
      weights: { kind: 'file', path: 'data/raw/same.h5', checksum: null },
    });
  });

  it('ends before anything trains where a backbone cannot be used', async () => {
    const params = {
      prepare: { image_size: 16 },
      model: { a: { model: { ResNet50: { classes: 100, freeze: 200 } } } },
    };
    const { exitCode, stderr } = await configure(params);
    expect(exitCode).toBe(1);
    expect(stderr.split('\n').map((line) => line.split(' (')[0])).toEqual([
      'params.yaml:8:9: model.a.model.ResNet50: ResNet50 needs at least 32×32 pixels, but gets 16×16×3',
      'params.yaml:10:21: model.a.model.ResNet50.freeze: 200 layers, but ResNet50 has 175',
    ]);
    expect(readdirSync(join(root, 'artifacts'))).toEqual([]);
  });

  it('gives models of one definition equal bytes, and says so', async () => {
    const model = { custom: [{ layer: [{ branch: [{ flatten: 0 }, { output_classes: 100 }] }] }] };
    const params = {
      model: { a: { model }, b: { params: { split: 0.3 }, model }, c: { params: { seed: 77 }, model } },
    };
    const { stdout } = await configure(params);
    expect(stdout).toBe('2 models, 2 data sets\nthe same model: a, c');
    expect(read('definitions/a.json')).toBe(read('definitions/c.json'));
    expect(read('definitions/a.json')).not.toBe(read('definitions/b.json'));
    const { models, variants } = JSON.parse(read('datasets.json')) as DatasetPlan;
    expect(models['a']).toBe(models['c']);
    expect(variants[models['b']!]).toMatchObject({ split: 0.3 });
  });

  it('writes the rounds of successive halving where the pipeline has some, and says which of the two is missing', async () => {
    const branch = [{ flatten: 0 }, { output_classes: 100 }];
    const model = { a: { model: { custom: [{ layer: [{ branch }] }] } } };
    const on = { halving: { rounds: [2, 6] }, model };
    expect(await configure(on, undefined, ['halving'])).toMatchObject({ exitCode: 0 });
    const written = readdirSync(join(root, 'artifacts/halving')).map((name) => [name, read(`halving/${name}`)]);
    expect(written.map(([name, text]) => [name, JSON.parse(text!) as unknown])).toEqual([
      ['1.json', { after: 2 }],
      ['2.json', { after: 6 }],
      ['factor.json', { factor: 3 }],
    ]);
    const without = await configure(on);
    expect([without.exitCode, without.stderr]).toEqual([1, expect.stringContaining('--file halving.yaml repro')]);
    const missing = await configure({ model }, undefined, ['halving']);
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining('write `halving: {')]);
    const backwards = await configure({ halving: { rounds: [6, 2] }, model });
    expect(backwards.stderr).toBe(
      'params.yaml:3:5: halving.rounds: the second comparison, after epoch 2, does not follow the first, after epoch 6 ' +
        '(write the smaller number first, such as [2, 6])',
    );
  });

  it('ends with all faults and writes nothing', async () => {
    const { exitCode, stderr } = await configure({ model: { a: { model: { ResNet: 1 } }, b: {} } });
    expect(exitCode).toBe(1);
    expect(stderr.split('\n')).toEqual([
      'params.yaml:4:7: model.a.model: unknown key "ResNet" (did you mean "ResNet50"?)',
      'params.yaml:8:5: model.b: "model" is missing',
    ]);
    expect(readdirSync(join(root, 'artifacts'))).toEqual([]);
  });
});
