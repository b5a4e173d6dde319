// A pre-trained backbone through the whole pipeline, with the real stages: from a file of weights to the report.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { writeWeightsFile } from './weights-file.ts';
import { PipelineCopy, tiny } from './workspace.ts';
import type { Outcome } from './workspace.ts';

const minutes = 60_000;
let pipeline: PipelineCopy;

/** params.yaml with a small network of our own and a fine-tuned MobileNet. */
function writeParams(name: string, weights: string): void {
  const own = { custom: [{ layer: [{ branch: tiny(4).branch }] }] };
  const backbone = { classes: 100, weights, freeze: true, unfreeze: { after: 2, lr: 0.0005, freeze: 80 } };
  const document = {
    data: { source: 'synthetic', train: 2, test: 1 },
    prepare: { split: 0.5 },
    train: { lr: 0.01, batch: 50, keep: 'last', engine: 'wasm' },
    benchmark: { seconds: 0.1 },
    model: {
      own: { params: { epochs: 1 }, model: own },
      [name]: { params: { epochs: 3 }, model: { MobileNet: backbone } },
    },
  };
  pipeline.write('params.yaml', JSON.stringify(document, null, 2));
}

beforeAll(async () => {
  pipeline = new PipelineCopy();
  await writeWeightsFile(pipeline.path('data/raw/first.h5'), 'MobileNet', 1);
}, minutes);
afterAll(() => pipeline.remove());

const trained = ({ executed }: Outcome): string[] => executed.filter((name) => name.startsWith('train@'));
const raw = (name: string): string => pipeline.path('data/raw', name);

async function sound(): Promise<Outcome> {
  const run = await pipeline.repro();
  expect(run.stdout.split('\n').filter((line) => line.includes('"stage-failed"'))).toEqual([]);
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  return run;
}

interface History {
  readonly epochs: readonly { readonly lr: number }[];
  readonly pretrained: string;
}

describe('a pre-trained backbone', () => {
  it(
    'is trained frozen, then fine-tuned, evaluated, measured, compared and reported',
    async () => {
      writeParams('tuned', 'data/raw/first.h5');
      expect(trained(await sound())).toEqual(['train@own', 'train@tuned']);
      const history = pipeline.readJson('artifacts/tuned/history.json') as History;
      expect(history.epochs.map(({ lr }) => lr)).toEqual([0.01, 0.01, 0.0005]);
      const sha256 = createHash('sha256')
        .update(readFileSync(raw('first.h5')))
        .digest('hex');
      expect(history.pretrained).toBe(sha256);
      const ranking = pipeline.readJson('reports/ranking.json') as {
        readonly candidates: readonly { readonly names: string[]; readonly figures: Record<string, number> }[];
      };
      const { figures } = ranking.candidates.find(({ names }) => names.includes('tuned'))!;
      expect(figures['complexity']).toBe(3_228_864 + (1024 + 1) * 512 + 4 * 512 + (512 + 1) * 100);
      expect(figures['mean_predictions_time']).toBeGreaterThan(0);
      const report = pipeline.read('reports/report.html');
      expect(report).toContain('MobileNet');
      expect(report).toContain('after 2 epochs, learning rate 0.0005, frozen: the first 80 layers of the backbone');
      expect(existsSync(pipeline.path('data/weights/own/backbone.h5'))).toBe(false);
    },
    5 * minutes,
  );

  it(
    'is done once: nothing runs again, whatever it and its file are called',
    async () => {
      const again = await sound();
      expect([again.executed, again.restored]).toEqual([[], []]);
      renameSync(raw('first.h5'), raw('renamed.h5'));
      writeParams('renamed', 'data/raw/renamed.h5');
      expect(trained(await sound())).toEqual([]);
      expect(pipeline.readJson('artifacts/renamed/history.json')).toMatchObject({ keptEpoch: 3 });
    },
    5 * minutes,
  );

  it(
    'is trained again, and nothing else is, where the file has another content',
    async () => {
      await writeWeightsFile(raw('renamed.h5'), 'MobileNet', 2);
      expect(trained(await sound())).toEqual(['train@renamed']);
    },
    5 * minutes,
  );

  it(
    'says which file it needs where that is not there, and stops no other model',
    async () => {
      rmSync(raw('renamed.h5'));
      pipeline.write('params.yaml', pipeline.read('params.yaml').replace('"filters": 4', '"filters": 5'));
      const run = await pipeline.repro('-k');
      expect(run.code).toBe(1);
      expect(trained(run)).toEqual(['train@own']);
      expect(run.stdout + run.stderr).toContain(
        'params.yaml: weights: there is no file data/raw/renamed.h5. Put a Keras HDF5 file (without top) there',
      );
    },
    5 * minutes,
  );
});
