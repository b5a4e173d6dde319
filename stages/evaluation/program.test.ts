// The stage program itself, with a real model and a context file.

import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { openEngine } from '../engine/open.ts';
import { buildModel } from '../model/build.ts';
import { saveModel } from '../model/files.ts';
import { conv, custom, definitionOf, historyOf, output, runProgram, temporaryFolder, writeDataset } from './fixture.ts';
import type { ClassDetails, Evaluation, Preview } from './result.ts';

const engine = await openEngine('wasm');
afterAll(() => engine.close());

const classes = 7;
const deps = ['definition.json', 'data', 'model', 'history.json'];
const outs = ['evaluation', 'evaluation.json'];

/** A workspace with a model for images of noise. */
async function workspaceWith(channels: 1 | 3, change: (model: tfl.LayersModel) => void = () => {}): Promise<string> {
  const root = temporaryFolder();
  const shape = [8, 8, channels] as const;
  writeDataset(join(root, 'data'), { shape, classes, counts: { train: 3, val: 150, test: 40 } });
  const architecture = custom(conv(4, 'same'), { op: 'flatten' }, output(classes));
  const model = buildModel(architecture, { inputShape: shape, scale: 1 / 75, offset: -1.7, seed: 2 });
  change(model);
  await saveModel(model, join(root, 'model'));
  model.dispose();
  writeFileSync(join(root, 'definition.json'), JSON.stringify(definitionOf(architecture, [8, 8])));
  writeFileSync(join(root, 'history.json'), JSON.stringify(historyOf(3)));
  return root;
}

const evaluate = (root: string): ReturnType<typeof runProgram> => runProgram('evaluate', { root, deps, outs });

const read = (...path: readonly string[]): unknown => JSON.parse(readFileSync(join(...path), 'utf8'));

describe('evaluate', () => {
  it('writes figures, details and a preview that agree with each other', async () => {
    const root = await workspaceWith(3);
    const { status, stdout, stderr } = evaluate(root);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('::progress 1.0000 190/190 images (test)');

    const evaluation = read(root, 'evaluation.json') as Evaluation;
    expect(evaluation).toMatchObject({
      data: { name: 'noise', identity: 'identity', source: 'source', shape: [8, 8, 3], classes },
      val: { images: 150 },
      test: { images: 40 },
      history: historyOf(3),
    });
    expect(evaluation.complexity).toEqual({
      parameters: 28 * 4 + 257 * 7,
      trainable: 28 * 4 + 257 * 7,
      macs: 64 * 27 * 4 + 256 * 7,
      bytes: statSync(join(root, 'model/model.json')).size + statSync(join(root, 'model/weights.bin')).size,
    });
    expect(evaluation.val.loss).toBeGreaterThan(0);

    const { splits } = read(root, 'evaluation/classes.json') as ClassDetails;
    for (const name of ['val', 'test'] as const) {
      const { confusion, support, calibration } = splits[name];
      const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
      expect(confusion.map(sum)).toEqual(support);
      expect(sum(support)).toBe(evaluation[name].images);
      expect(sum(confusion.map((row, index) => row[index]!)) / sum(support)).toBe(evaluation[name].accuracy);
      expect(sum(calibration.map(([images]) => images))).toBe(evaluation[name].images);
    }

    const { images } = read(root, 'evaluation/preview.json') as Preview;
    expect(images).toHaveLength(12);
    expect(new Set(images.map(({ correct }) => correct)).size).toBe(2);
    for (const { file, truth, predicted, correct } of images) {
      expect(statSync(join(root, 'evaluation', file)).size).toBeGreaterThan(100);
      expect(truth === predicted).toBe(correct);
    }
  });

  it('gives the same bytes again, and takes grayscale images', async () => {
    const root = await workspaceWith(1);
    const bytesOf = (): [string, string][] =>
      ['evaluation.json', ...readdirSync(join(root, 'evaluation')).map((name) => join('evaluation', name))].map(
        (name) => [name, readFileSync(join(root, name)).toString('base64')],
      );
    expect(evaluate(root).status).toBe(0);
    const first = bytesOf();
    expect(evaluate(root).status).toBe(0);
    expect(bytesOf()).toEqual(first);
    expect(first).toHaveLength(1 + 2 + 12);
  });

  it('fails with one clear line where the training has diverged', async () => {
    const root = await workspaceWith(3, (model) => {
      model.layers.at(-1)!.setWeights([tf.fill([256, classes], Number.NaN), tf.zeros([classes])]);
    });
    const { status, stderr } = evaluate(root);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^the model gives NaN as the logit of class 0: its training has diverged; .*\n$/);
  });

  it('fails with one clear line where model and data do not go together', async () => {
    const root = await workspaceWith(3);
    writeDataset(join(root, 'data'), { shape: [8, 8, 3], classes: 9, counts: { train: 1, val: 9, test: 9 } });
    const { status, stderr } = evaluate(root);
    expect([status, stderr]).toEqual([
      1,
      'the model gives 7 logits, the data has 9 classes: set output_classes: 9 in params.yaml\n',
    ]);
  });
});
