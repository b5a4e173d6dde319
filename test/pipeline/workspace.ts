// This repository's own pipeline in a folder of its own, with small data and small models: the real stages, the real runner.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cliPath } from '../rig.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  /** Stages by what was done to them, sorted. */
  readonly executed: readonly string[];
  readonly restored: readonly string[];
  readonly skipped: readonly string[];
  readonly seconds: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Layers = readonly Readonly<Record<string, unknown>>[];
export interface Model {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly branch: Layers;
}

/** A tiny network that ends in logits of 100 classes. */
export function tiny(filters: number, params: Readonly<Record<string, unknown>> = {}): Model {
  return {
    params,
    branch: [
      { conv_layers: { filters, kernel_size: [3, 3], strides: [2, 2], activation: 'relu', padding: 'same' } },
      { max_pool: { pool_size: [2, 2] } },
      { flatten: 0 },
      { output_classes: 100 },
    ],
  };
}

export class PipelineCopy {
  readonly folder: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'dagrun-pipeline-'));
    this.adopt(root);
  }

  /** Takes what a clone has, and packages and build from where they are. */
  private adopt(from: string): void {
    for (const name of ['pipeline.yaml', 'halving.yaml', 'evaluation_metrics.yaml', 'package.json', 'tsconfig.json'])
      cpSync(join(from, name), join(this.folder, name));
    cpSync(join(from, 'stages'), join(this.folder, 'stages'), { recursive: true });
    mkdirSync(join(this.folder, 'data/raw'), { recursive: true });
    writeFileSync(join(this.folder, 'data/raw/README.md'), 'Images go here.\n');
    for (const name of ['node_modules', 'dist']) symlinkSync(join(root, name), join(this.folder, name), 'junction');
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  readJson(path: string): unknown {
    return JSON.parse(this.read(path));
  }

  write(path: string, text: string): void {
    writeFileSync(this.path(path), text);
  }

  /** Writes params.yaml (JSON is YAML). */
  models(
    models: Readonly<Record<string, Model>>,
    train: Readonly<Record<string, unknown>> = {},
    more: Readonly<Record<string, unknown>> = {},
  ): void {
    const model = Object.entries(models).map(([name, { params, branch }]): [string, object] => [
      name,
      { ...(params === undefined ? {} : { params }), model: { custom: [{ layer: [{ branch }] }] } },
    ]);
    const document = {
      data: { source: 'synthetic', train: 4, test: 2 },
      prepare: { seed: 7, split: 0.25, image_size: [16, 16], grayscale: false },
      train: { seed: 7, lr: 0.01, epochs: 1, batch: 64, engine: 'wasm', ...train },
      benchmark: { seconds: 0.1 },
      ...more,
      model: Object.fromEntries(model) as object,
    };
    this.write('params.yaml', JSON.stringify(document, null, 2));
  }

  async repro(...args: string[]): Promise<Outcome> {
    const startedAt = process.hrtime.bigint();
    const { code, stdout, stderr } = await this.run('repro', '--json', ...args);
    const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
    const events = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { kind: string; stage?: string });
    const of = (kind: string): string[] =>
      events.flatMap((event) => (event.kind === kind ? [event.stage ?? ''] : [])).sort();
    return {
      code,
      executed: of('stage-executed'),
      restored: of('stage-restored'),
      skipped: of('stage-skipped'),
      seconds,
      stdout,
      stderr,
    };
  }

  run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [cliPath, '-C', this.folder, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      texts.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      texts.stderr += text;
    });
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...texts })));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
