import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
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
async function configure(params: unknown, text = JSON.stringify(params, null, 2)) {
  writeFileSync(join(root, 'params.yaml'), text);
  const outs = ['definitions', 'datasets.json', 'source.json', 'timing.json'].map((name) => ({
    path: `artifacts/${name}`,
  }));
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
  it('writes the definition of each network of the original params.yaml, and one data set', async () => {
    const original = readFixture('params.yaml') as { readonly model: Readonly<Record<string, unknown>> };
    const { model1, model2 } = original.model;
    const { exitCode, stdout } = await configure({ ...original, model: { model1, model2 } });
    expect([exitCode, stdout]).toEqual([0, '2 models, 1 data sets']);
    expect(readdirSync(join(root, 'artifacts/definitions')).toSorted()).toEqual(['model1.json', 'model2.json']);
    const text = read('definitions/model2.json');
    const definition = JSON.parse(text) as ModelDefinition;
    expect(text).toBe(canonicalJson(definition));
    expect(definition.train.epochs).toBe(40);
    const id = await datasetId(definition.prepare);
    expect(JSON.parse(read('datasets.json')) as DatasetPlan).toEqual({
      version: 1,
      variants: { [id]: { seed: 77, split: 0.2, imageSize: [32, 32], grayscale: false } },
      models: { model1: id, model2: id },
    });
    expect(JSON.parse(read('source.json'))).toMatchObject({ kind: 'synthetic' });
    expect(JSON.parse(read('timing.json'))).toEqual({ seconds: 1 });
  });

  it('refuses the backbone of the original params.yaml at once, with its place, and says how to go on', async () => {
    const file = new URL('./config/fixtures/params.yaml', import.meta.url);
    const { exitCode, stderr } = await configure(readFixture('params.yaml'), readFileSync(file, 'utf8'));
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^params\.yaml:52:29: model\.model3\.model\.EfficientNetB0: the backbone .*take "model3" out of the file/,
    );
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
