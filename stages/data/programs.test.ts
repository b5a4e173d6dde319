// The two stage programs as the runner starts them: paths from the context, results in the outs, one clear message and exit code 1 on a fault.

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from '@jest/globals';
import type { DatasetPlan } from '../config/definition.ts';
import { readDataSource } from '../config/data-source.ts';
import type { DatasetIndex } from './manifest.ts';
import { inTempFolder, packCifar, put, serve, serveBody } from './data-rig.ts';
import { openDataset } from './dataset.ts';
import { checksumFile } from './digest.ts';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `stages/<stage>.ts` in a project at `root`, with the deps and outs of pipeline.yaml. */
function runProgram(root: string, stage: 'download' | 'prepare', data?: unknown): Promise<Ended> {
  if (stage === 'download') put(join(root, 'artifacts/source.json'), JSON.stringify(readDataSource(data)));
  const paths = (...names: readonly string[]): readonly { path: string }[] => names.map((path) => ({ path }));
  const io =
    stage === 'download'
      ? { deps: paths('artifacts/source.json', 'data/raw'), outs: paths('data/source') }
      : { deps: paths('artifacts/datasets.json', 'data/source', 'data/raw'), outs: paths('data/prepared', 'data/prepared.json') };
  const context = { stage, fingerprint: 'f', resume: 'resume', root, params: {}, runs: {}, ...io };
  const file = put(join(root, 'context.json'), JSON.stringify(context));
  const program = new URL(`../${stage}.ts`, import.meta.url).pathname;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--import', 'tsx', program],
      { cwd: new URL('../..', import.meta.url).pathname, env: { ...process.env, NODE_OPTIONS: '', DAGRUN_CONTEXT: file } },
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

const plan: DatasetPlan = {
  version: 1,
  variants: { v: { seed: 1, split: 0.5, imageSize: [16, 16], grayscale: false } },
  models: { one: 'v', two: 'v' },
};

describe('the programs', () => {
  it('bring CIFAR-100 from the network to a prepared data set, and note the data of each model', () =>
    inTempFolder(async (root) => {
      const archive = await packCifar(root, 'cifar-100');
      const server = await serve((attempt) => serveBody(readFileSync(archive), attempt === 0 ? { cutAfter: 200 } : {}));
      const data = { source: 'cifar-100', from: server.url, checksum: await checksumFile(archive, null) };
      const download = await runProgram(root, 'download', data);
      await server.close();
      expect(download.stderr).toBe('');
      expect(download.code).toBe(0);
      expect(download.stdout).toMatch(/the connection was cut; next attempt in 1 s\n/);
      expect(download.stdout).toMatch(/^::progress 1\.0000 unpacking$/m);
      expect(readdirSync(join(root, 'data/.downloads')).length).toBe(1);

      put(join(root, 'artifacts/datasets.json'), JSON.stringify(plan));
      mkdirSync(join(root, 'data/raw'));
      const prepare = await runProgram(root, 'prepare');
      expect(prepare.stderr).toBe('');
      expect(prepare.stdout).toMatch(/CIFAR-100: 6 images to train and validate with, 6 to test, 100 classes; data sets: 1\n$/);
      const index = JSON.parse(readFileSync(join(root, 'data/prepared.json'), 'utf8')) as DatasetIndex;
      const { manifest } = openDataset(join(root, 'data/prepared/two'));
      expect(index.models['one']).toEqual(index.models['two']);
      expect(index.models['two']).toEqual({ name: 'CIFAR-100', identity: manifest.identity, source: manifest.source });
      expect(manifest.splits.train.count).toBe(3);
    }));

  it('prepare pictures in data/raw, and end with one message where one is broken', () =>
    inTempFolder(async (root) => {
      const picture = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#123456' } }).jpeg().toBuffer();
      for (const name of ['cat/1', 'cat/2', 'cat/3', 'dog/1', 'dog/2', 'dog/3']) put(join(root, 'data/raw/pets', `${name}.jpg`), picture);
      put(join(root, 'artifacts/datasets.json'), JSON.stringify(plan));
      expect(await runProgram(root, 'download', 'data/raw/pets')).toMatchObject({ code: 0, stderr: '' });
      expect(await runProgram(root, 'prepare')).toMatchObject({ code: 0, stderr: '' });
      const { manifest } = openDataset(join(root, 'data/prepared/one'));
      expect([manifest.classes, manifest.shape]).toEqual([['cat', 'dog'], [16, 16, 3]]);
      expect(['train', 'val', 'test'].map((split) => manifest.splits[split as 'val'].count)).toEqual([2, 2, 2]);

      put(join(root, 'data/raw/pets/dog/2.jpg'), 'broken');
      const failed = await runProgram(root, 'prepare');
      expect(failed.code).toBe(1);
      expect(failed.stderr).toMatch(/^1 of the images cannot be read; mend or remove:\n {2}- .*dog\/2\.jpg: .*\n$/);
    }));
});

describe('openSource', () => {
  it('refuses images where changes would go unseen', () =>
    inTempFolder(async (root) => {
      const manifest = { version: 1, kind: 'images', name: 'pets', path: 'pets', testSplit: 0.2, seed: 1 };
      const folder = join(root, 'data/source');
      put(join(folder, 'source.json'), JSON.stringify(manifest));
      const { openSource } = await import('./open-source.ts');
      const open = (): unknown => openSource(folder, { root, raw: join(root, 'data/raw') });
      expect(open).toThrow('data.path: "pets" does not lie in data/raw, where changes are noticed');
    }));
});
