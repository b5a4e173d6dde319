// The stage itself, as the runner starts it: a process that is killed, and its successors.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { ModelDefinition } from '../config/definition.ts';
import { customArchitecture, toyDefinition, writeToyDataset } from './fixtures/toy.ts';
import type { TrainingHistory } from './result.ts';

const program = fileURLToPath(new URL('../train.ts', import.meta.url));

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

describe('the train stage', () => {
  let data: string;
  const folders: string[] = [];
  const newFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'stage-'));
    folders.push(folder);
    return folder;
  };
  beforeAll(() => {
    data = join(newFolder(), 'data');
    writeToyDataset(data, { train: 1500, val: 50 });
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  /** A workspace with a context file, as the runner makes it. */
  function prepare(definition: ModelDefinition): string {
    const root = newFolder();
    writeFileSync(join(root, 'definition.json'), JSON.stringify(definition));
    mkdirSync(join(root, 'data'));
    for (const name of readdirSync(data)) writeFileSync(join(root, 'data', name), readFileSync(join(data, name)));
    mkdirSync(join(root, 'weights'));
    writeFileSync(join(root, 'weights', 'weights.json'), JSON.stringify({ version: 1, file: null }));
    const paths = (...names: string[]): object[] => names.map((path) => ({ path }));
    const context = {
      stage: 'train@toy',
      fingerprint: 'abc',
      resume: 'resume/abc',
      root,
      params: {},
      deps: paths('definition.json', 'data', 'weights'),
      outs: paths('out/model', 'out/history.json'),
      runs: {},
    };
    writeFileSync(join(root, 'context.json'), JSON.stringify(context));
    return root;
  }

  /** Runs the stage, and kills it once its output matches. */
  async function start(root: string, killAt?: RegExp): Promise<Ending> {
    const environment = { ...process.env, DAGRUN_CONTEXT: join(root, 'context.json') };
    const child = spawn(process.execPath, ['--import', 'tsx', program], { env: environment });
    let output = '';
    const collect = (text: Buffer): void => {
      output += text.toString();
      if (killAt?.test(output) === true) child.kill('SIGKILL');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal, output }));
    });
  }
  const bytesOf = (root: string): string[] =>
    ['model.json', 'weights.bin'].map((name) => readFileSync(join(root, 'out', 'model', name), 'base64'));
  const historyOf = (root: string): TrainingHistory =>
    JSON.parse(readFileSync(join(root, 'out', 'history.json'), 'utf8')) as TrainingHistory;

  it('killed twice and started again, ends with the bytes of one that was left alone', async () => {
    const definition = toyDefinition({ epochs: 6, lr: 0.05, schedule: { kind: 'cosine', warmup: 1, final: 0 } });
    const undisturbed = prepare(definition);
    const killed = prepare(definition);
    const [alone, first] = await Promise.all([start(undisturbed), start(killed, /^epoch 2\/6/m)]);
    expect(alone).toMatchObject({ code: 0 });
    expect(alone.output).toMatch(/^epoch 6\/6: loss [\d.]+, acc [\d.]+; val_loss .* images\/s$/m);
    expect(alone.output).toMatch(/^::progress 0\.\d{4} epoch \d\/6 step \d+\/75 loss=[\d.]+ .*images\/s ETA \S+$/m);
    expect(first.signal).toBe('SIGKILL');
    expect(existsSync(join(killed, 'out', 'model'))).toBe(false);
    expect(existsSync(join(killed, 'out', 'history.json'))).toBe(false);

    const second = await start(killed, /^epoch 4\/6/m);
    expect(second.signal).toBe('SIGKILL');
    expect(second.output).toMatch(/^going on after epoch [12]\/6 of an interrupted training$/m);
    const third = await start(killed);
    expect(third.code).toBe(0);
    expect(third.output).toMatch(/^going on after epoch [34]\/6 of an interrupted training$/m);

    expect(bytesOf(killed)).toEqual(bytesOf(undisturbed));
    const figures = (root: string): unknown =>
      historyOf(root).epochs.map(({ epoch, loss, acc, valLoss, valAcc, lr }) => [
        epoch,
        loss,
        acc,
        valLoss,
        valAcc,
        lr,
      ]);
    expect(figures(killed)).toEqual(figures(undisturbed));
    expect(historyOf(killed).keptEpoch).toBe(historyOf(undisturbed).keptEpoch);
    expect(readdirSync(join(killed, 'out')).sort()).toEqual(['history.json', 'model']);
  });

  it('says what to mend where the data has other classes than the model', async () => {
    const architecture = customArchitecture([{ op: 'flatten' }, { op: 'output', classes: 10 }]);
    const root = prepare({ ...toyDefinition(), architecture });
    const { code, output } = await start(root);
    expect(code).toBe(1);
    expect(output).toBe('the model tells 10 classes apart, but toy has 4: set output_classes: 4 in params.yaml\n');
    expect(existsSync(join(root, 'out', 'model'))).toBe(false);
  });
});
