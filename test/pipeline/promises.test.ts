// What the pipeline of this repository promises, each with the real stages: nothing that was trained once is ever trained again.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cpSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { PipelineCopy, tiny } from './workspace.ts';
import type { Outcome } from './workspace.ts';

interface RankingJson {
  readonly winner: string;
  readonly candidates: readonly {
    readonly id: string;
    readonly names: string[];
    readonly origin: string;
    readonly rank: number | null;
  }[];
}

const minutes = 60_000;
let pipeline: PipelineCopy;

const a = tiny(4);
const b = tiny(6, { lr: 0.02 });

beforeAll(async () => {
  pipeline = new PipelineCopy();
  pipeline.models({ a, b });
  const first = await pipeline.repro();
  expect(first.stderr).toBe('');
  expect(first.code).toBe(0);
  expect(trained(first)).toEqual(['train@a', 'train@b']);
}, 5 * minutes);

afterAll(() => pipeline.remove());

function trained({ executed }: Outcome): string[] {
  return executed.filter((name) => name.startsWith('train@'));
}

/** Runs, and expects that it went well and trained nothing. */
async function trainsNothing(copy = pipeline): Promise<Outcome> {
  const run = await copy.repro();
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  expect(trained(run)).toEqual([]);
  return run;
}

function ranking(copy = pipeline): RankingJson {
  return copy.readJson('reports/ranking.json') as RankingJson;
}

describe('the pipeline', () => {
  it(
    'ends with a report, a ranking and the best model, and does nothing the second time',
    async () => {
      const names = ranking().candidates.map((candidate) => candidate.names);
      expect(names.flat().sort()).toEqual(['a', 'b']);
      expect(pipeline.read('reports/report.html')).toContain('<html');
      expect(readdirSync(pipeline.path('artifacts/best'))).toContain('model.json');
      const again = await pipeline.repro();
      expect(again.executed).toEqual([]);
      expect(again.restored).toEqual([]);
    },
    2 * minutes,
  );

  it(
    'runs only compare and report when weights or constraints change',
    async () => {
      const before = pipeline.read('evaluation_metrics.yaml');
      pipeline.write('evaluation_metrics.yaml', before.replace('complexity: 1.0', 'complexity: 3.0'));
      expect((await pipeline.repro()).executed).toEqual(['compare', 'report']);
      pipeline.write('evaluation_metrics.yaml', `${before}\nconstraints: { complexity: { max: 1e9 } }\n`);
      expect((await pipeline.repro()).executed).toEqual(['compare', 'report']);
      pipeline.write('evaluation_metrics.yaml', before);
      expect((await pipeline.repro()).executed).toEqual([]);
    },
    2 * minutes,
  );

  it(
    'trains nothing the second time when a hyperparameter goes from A to B and back',
    async () => {
      pipeline.models({ a: tiny(4, { lr: 0.03 }), b });
      const there = await pipeline.repro();
      expect(trained(there)).toEqual(['train@a']);
      pipeline.models({ a, b });
      await trainsNothing();
      pipeline.models({ a: tiny(4, { lr: 0.03 }), b });
      await trainsNothing();
      pipeline.models({ a, b });
      await trainsNothing();
    },
    3 * minutes,
  );

  it(
    'trains nothing when a model is renamed, reordered, or written in another way',
    async () => {
      pipeline.models({ b, renamed: a });
      await trainsNothing();
      pipeline.models({ b: { ...b, params: { lr: 0.02, epochs: 1, batch: 64 } }, renamed: a });
      await trainsNothing();
      // A default that every model overrides, or has with the same value, is no change.
      pipeline.models({ b: { ...b, params: { lr: 0.02 } }, a: { ...a, params: { lr: 0.01 } } }, { lr: 0.5 });
      await trainsNothing();
      pipeline.models({ a, b });
      await trainsNothing();
    },
    3 * minutes,
  );

  it(
    'trains two names with one definition once',
    async () => {
      pipeline.models({ a, b, twin: tiny(5), other: tiny(5) });
      const run = await pipeline.repro();
      expect(run.code).toBe(0);
      expect(trained(run)).toHaveLength(1);
      expect(readFileSync(pipeline.path('artifacts/twin/model/weights.bin'))).toEqual(
        readFileSync(pipeline.path('artifacts/other/model/weights.bin')),
      );
      expect(ranking().candidates.some(({ names }) => names.includes('twin') && names.includes('other'))).toBe(true);
      pipeline.models({ a, b });
      await trainsNothing();
    },
    3 * minutes,
  );

  it(
    'lets a removed model compete through history, and win',
    async () => {
      const { winner, candidates } = ranking();
      const names = candidates.find(({ id }) => id === winner)!.names;
      const weights = readFileSync(pipeline.path('artifacts/best/weights.bin'));
      // Whoever wins is taken out, whatever it is called.
      const rest = Object.fromEntries(Object.entries({ a, b }).filter(([name]) => !names.includes(name)));
      pipeline.models(Object.keys(rest).length === 0 ? { a } : rest);
      await trainsNothing();
      const after = ranking();
      expect(after.winner).toBe(winner);
      expect(after.candidates.find(({ id }) => id === winner)!.origin).toBe('history');
      expect(readFileSync(pipeline.path('artifacts/best/weights.bin'))).toEqual(weights);
      pipeline.models({ a, b });
      await trainsNothing();
    },
    3 * minutes,
  );

  it(
    'trains one model when one is added',
    async () => {
      pipeline.models({ a, b, c: tiny(3) });
      expect(trained(await pipeline.repro())).toEqual(['train@c']);
      pipeline.models({ a, b });
      await trainsNothing();
    },
    2 * minutes,
  );

  it(
    'trains nothing in a fresh clone that has the cache',
    async () => {
      const clone = new PipelineCopy();
      try {
        cpSync(pipeline.path('cache'), clone.path('cache'), { recursive: true, verbatimSymlinks: true });
        clone.models({ a, b });
        const run = await trainsNothing(clone);
        expect(run.executed.filter((name) => name !== 'configure')).toEqual([]);
        expect(existsSync(clone.path('reports/report.html'))).toBe(true);
      } finally {
        clone.remove();
      }
    },
    3 * minutes,
  );

  it(
    'trains nothing when an unrelated source file or package changes',
    async () => {
      pipeline.write('stages/unrelated.ts', 'export const unrelated = 1;\n');
      const manifest = pipeline.readJson('package.json') as object;
      pipeline.write('package.json', JSON.stringify({ ...manifest, dependencies: { unrelated: '1.0.0' } }));
      const reporting = pipeline.read('stages/report.ts');
      pipeline.write('stages/report.ts', `${reporting}\n// changed\n`);
      const run = await trainsNothing();
      expect(run.executed).toEqual(['report']);
      pipeline.write('stages/report.ts', reporting);
    },
    2 * minutes,
  );

  it(
    'says which file it is when the training code changes',
    async () => {
      const source = pipeline.read('stages/train.ts');
      pipeline.write('stages/train.ts', `${source}\n// changed\n`);
      const { stdout } = await pipeline.run('status');
      expect(stdout).toMatch(/train@/);
      expect(stdout).toContain('stages/train.ts');
      pipeline.write('stages/train.ts', source);
      await trainsNothing();
    },
    2 * minutes,
  );

  it(
    'reports every mistake in params.yaml and evaluation_metrics.yaml with its place, and runs nothing',
    async () => {
      const metrics = pipeline.read('evaluation_metrics.yaml');
      pipeline.write(
        'evaluation_metrics.yaml',
        metrics.replace('val_acc: 2.0', 'val_acc: -2.0').replace('f1_score: null', 'f1_scor: null'),
      );
      pipeline.models({
        a: { branch: [{ conv_layer: { filters: 4, kernel_size: [3, 3] } }, { flatten: 0 }, { output_classes: 100 }] },
        b,
      });
      const run = await pipeline.repro();
      expect(run.code).toBe(2);
      expect(run.executed).toEqual([]);
      expect(run.stderr).toMatch(/params\.yaml:\d+:\d+: .*conv_layer/);
      expect(run.stderr).toContain('did you mean "conv_layers"');
      expect(run.stderr).toMatch(/evaluation_metrics\.yaml:\d+:\d+: .*f1_scor/);
      expect(run.stderr).toMatch(/evaluation_metrics\.yaml:\d+:\d+: .*-2/);
      pipeline.write('evaluation_metrics.yaml', metrics);
      pipeline.models({
        a: tiny(4),
        b: { branch: [{ max_pool: { pool_size: [64, 64] } }, { flatten: 0 }, { output_classes: 100 }] },
      });
      const shapes = await pipeline.repro();
      expect(shapes.code).toBe(1);
      expect(shapes.executed).toEqual([]);
      expect(shapes.stdout + shapes.stderr).toMatch(/params\.yaml:\d+:\d+: model\.b\..*max_pool/);
      pipeline.models({ a, b });
      await trainsNothing();
    },
    2 * minutes,
  );
});
