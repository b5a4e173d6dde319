// What the tests of this folder share: a temporary folder with an executor in it, jobs described by what matters in a test, and
// runners in processes of their own. Used by tests only.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job, JobResult } from '../plan/ports.ts';
import type { StageName } from '../pipeline/pipeline.ts';
import { comesTrue } from './family.ts';
import { LocalExecutor } from './local.ts';
import type { LocalExecutorOptions } from './local.ts';

export interface Trial {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeout?: number;
  readonly logPath?: string;
  readonly signal?: AbortSignal;
  /** Called for every line. */
  readonly onLine?: (line: string) => void;
}

export interface Outcome extends JobResult {
  readonly lines: readonly string[];
  readonly progress: readonly (readonly [fraction: number, text: string])[];
  readonly log: Buffer;
}

export class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), 'exec-test-'));
  readonly executor: LocalExecutor;
  #jobs = 0;

  constructor(options: LocalExecutorOptions = {}) {
    this.executor = new LocalExecutor(options);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** The process id that a command wrote into a file. */
  pid(name: string): number {
    return Number(this.read(name));
  }

  job(cmd: string | readonly string[], trial: Trial = {}): Job {
    return {
      stage: 'test' as StageName,
      cmd: typeof cmd === 'string' ? [cmd] : cmd,
      cwd: trial.cwd ?? this.folder,
      env: trial.env ?? { PATH: process.env['PATH'] ?? '' },
      logPath: trial.logPath ?? this.path(`logs/${this.#jobs++}.log`),
      resources: { cpu: 1 },
      timeout: trial.timeout ?? null,
    };
  }

  async run(cmd: string | readonly string[], trial: Trial = {}): Promise<Outcome> {
    const lines: string[] = [];
    const progress: [number, string][] = [];
    const output = {
      line: (text: string) => {
        lines.push(text);
        trial.onLine?.(text);
      },
      progress: (fraction: number, text: string) => void progress.push([fraction, text]),
    };
    const job = this.job(cmd, trial);
    const result = await this.executor.run(job, output, trial.signal ?? new AbortController().signal);
    return { ...result, lines, progress, log: readIfExists(job.logPath) };
  }

  async close(): Promise<void> {
    await this.executor.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function readIfExists(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/** True for a process that runs; a zombie does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = readIfExists(`/proc/${pid}/stat`).toString('latin1');
  return !/\) [ZX] /.test(stat);
}

export function isGone(pid: number): Promise<boolean> {
  return comesTrue(() => !isRunning(pid), 10);
}

const here = fileURLToPath(new URL('.', import.meta.url));

/** Makes one file of a script that imports this folder's modules, for a Node.js that knows no TypeScript. */
export async function bundle(script: string, outfile: string): Promise<void> {
  const { build } = await import('esbuild');
  await build({
    stdin: { contents: script, resolveDir: here, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'silent',
  });
}

export interface Program {
  readonly child: ChildProcess;
  /** Resolves when everything that held its output let go of it. */
  readonly closed: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** Starts a bundled script with piped outputs. */
export function start(file: string, rest: readonly string[], env: Readonly<Record<string, string>>): Program {
  const child = spawn(process.execPath, [file, ...rest], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => (text.stdout += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (text.stderr += bytes.toString()));
  const closed = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, closed, stdout: () => text.stdout, stderr: () => text.stderr };
}
