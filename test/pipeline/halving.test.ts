// Successive halving with the real stages: what is stopped, what that saves, and that nothing of it is ever taken for a finished training.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { TrainingHistory } from '../../stages/training/result.ts';
import { PipelineCopy, tiny } from './workspace.ts';
import type { Model, Outcome } from './workspace.ts';

const minutes = 60_000;
const halving = { rounds: [1, 2], factor: 2 };
const field: Record<string, Model> = {
  a: tiny(4),
  b: tiny(4, { lr: 0.02 }),
  c: tiny(4, { lr: 0.04 }),
  d: tiny(4, { lr: 0.00001 }),
};
let pipeline: PipelineCopy;

const repro = (): Promise<Outcome> => pipeline.repro('--file', 'halving.yaml', '-j', '2');
const historyOf = (name: string): TrainingHistory =>
  pipeline.readJson(`artifacts/${name}/history.json`) as TrainingHistory;
const epochsOf = (name: string): number => historyOf(name).epochs.length;
const planOf = (name: string): string => pipeline.read(`artifacts/halving/2/plans/${name}.json`);
const of = (group: string, { executed }: Outcome): string[] =>
  executed.flatMap((stage) => (stage.startsWith(`${group}@`) ? [stage.slice(group.length + 1)] : []));

function write(models: Record<string, Model>, more: Record<string, unknown> = { halving }): void {
  pipeline.models(models, { epochs: 4 }, more);
}

async function sound(): Promise<Outcome> {
  const run = await repro();
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  return run;
}

interface RankingJson {
  readonly winner: string;
  readonly candidates: readonly {
    readonly id: string;
    readonly names: string[];
    readonly rank: number | null;
    readonly halted?: unknown;
    readonly excluded: string[];
  }[];
}
const ranking = (): RankingJson => pipeline.readJson('reports/ranking.json') as RankingJson;

beforeAll(async () => {
  pipeline = new PipelineCopy();
  write(field);
  await sound();
}, 5 * minutes);
afterAll(() => pipeline.remove());

describe('successive halving', () => {
  it('stops two of four models after the first round, one after the second, and trains one to its end', () => {
    const epochs = Object.keys(field).map(epochsOf).sort();
    expect(epochs).toEqual([1, 1, 2, 4]);
    for (const name of Object.keys(field)) {
      const { halted, stoppedEarly } = historyOf(name);
      expect([halted, stoppedEarly]).toEqual([
        epochsOf(name) === 4 ? undefined : { after: epochsOf(name), of: 4 },
        false,
      ]);
    }
  });

  it('shows who was stopped, and never ranks it', () => {
    const { winner, candidates } = ranking();
    expect(candidates).toHaveLength(4);
    for (const { id, names, rank, halted, excluded } of candidates) {
      const [epochs] = names.map(epochsOf);
      const finished = epochs === 4;
      expect([rank, halted]).toEqual(finished ? [1, undefined] : [null, { after: epochs, of: 4 }]);
      expect(excluded).toEqual(finished ? [] : [`stopped after epoch ${epochs} of 4 by successive halving`]);
      expect(winner === id).toBe(finished);
    }
    const page = pipeline.read('reports/report.html');
    expect(page).toContain('<h3 id="stopped">Stopped early</h3>');
    expect(page).toContain('<span class="badge">stopped at epoch 2 of 4</span>');
    expect(pipeline.read('reports/report.md')).toContain(
      '1 model compared: 1 of this run, 0 of the history; 3 stopped early.',
    );
  });

  it(
    'does nothing the second time',
    async () => {
      const again = await sound();
      expect([again.executed, again.restored]).toEqual([[], []]);
    },
    2 * minutes,
  );

  it(
    'trains only what is new, and goes on with whom a further model lets through',
    async () => {
      const names = Object.keys(field);
      const before = new Map(names.map((name) => [name, { plan: planOf(name), epochs: historyOf(name).epochs }]));
      // Of five models three go on after the first round, and two after the second.
      write({ ...field, e: tiny(4, { lr: 0.000001 }) });
      const run = await sound();
      expect(of('round-1', run)).toEqual(['e']);
      const changed = names.filter((name) => planOf(name) !== before.get(name)!.plan);
      expect(changed).toHaveLength(2);
      expect(of('train', run)).toEqual([...changed, 'e'].sort());
      for (const name of changed) {
        const { epochs } = historyOf(name);
        const { length } = before.get(name)!.epochs;
        expect(epochs.length).toBeGreaterThan(length);
        // The seconds too: these epochs were not trained again.
        expect(epochs.slice(0, length)).toEqual(before.get(name)!.epochs);
      }
      const halted = ranking().candidates.filter((one) => one.halted !== undefined);
      expect(halted.flatMap((one) => one.names).sort()).toEqual([...names, 'e'].filter((name) => epochsOf(name) < 4));
      write(field);
      expect((await sound()).executed.filter((stage) => /^(round|train)/.test(stage))).toEqual([]);
    },
    5 * minutes,
  );

  it(
    'gives a model that is trained to its end the bytes that it has without halving, which is a pipeline of its own',
    async () => {
      const finished = Object.keys(field).find((name) => epochsOf(name) === 4)!;
      const weights = (): Buffer => readFileSync(pipeline.path('artifacts', finished, 'model/weights.bin'));
      const before = weights();
      const refused = await pipeline.repro('configure');
      expect(refused.code).toBe(1);
      expect(refused.stdout).toContain('run `dagrun --file halving.yaml repro`, or remove `halving`');
      write(field, {});
      const run = await pipeline.repro(`train@${finished}`);
      expect(of('train', run)).toEqual([finished]);
      expect(weights()).toEqual(before);
      expect(pipeline.read('pipeline.lock')).not.toContain('artifacts/halving');
    },
    3 * minutes,
  );

  it('is the pipeline without it, with rounds in front of train', () => {
    interface File {
      readonly stages: Record<string, { readonly do?: Record<string, unknown>; readonly outs?: unknown[] }>;
    }
    const [plain, halved] = ['pipeline.yaml', 'halving.yaml'].map((name) => parse(pipeline.read(name)) as File);
    const rounds = ['round-1', 'promote-1', 'round-2', 'promote-2'];
    expect(Object.keys(halved!.stages).filter((name) => !rounds.includes(name))).toEqual(Object.keys(plain!.stages));
    for (const [name, stage] of Object.entries(plain!.stages)) {
      const other = halved!.stages[name]!;
      if (name === 'train') expect({ ...other.do, deps: [] }).toEqual({ ...stage.do, deps: [] });
      else if (name === 'configure')
        expect(other).toEqual({ ...stage, outs: [...stage.outs!, 'artifacts/halving/settings'] });
      else expect(other).toEqual(stage);
    }
  });
});
