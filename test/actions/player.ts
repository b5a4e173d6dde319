// Plays a workflow of GitHub Actions on this machine: its own YAML, every `run:` step by bash in a clone of its own for each job, and the few actions
// that it uses on folders that stand for GitHub's storage. What it does not know it refuses. Packages are not installed anew for each job: `npm ci` links
// those that are there.

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { allows, fill, valueOf, type Contexts, type Status } from './expression.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

type Texts = Readonly<Record<string, string>>;

interface WorkflowStep {
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
  readonly run?: string;
  readonly env?: Texts;
  readonly 'working-directory'?: string;
}

interface WorkflowJob {
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly outputs?: Texts;
  readonly strategy?: { readonly matrix: string };
  readonly steps: readonly WorkflowStep[];
}

export interface Workflow {
  readonly env?: Texts;
  readonly jobs: Readonly<Record<string, WorkflowJob>>;
}

/** What a run of a workflow is started by, and where. */
export interface Event {
  /** Repository to clone. */
  readonly repository: string;
  /** Holds artifacts and caches of all runs, and what `gh` was told. */
  readonly storage: string;
  /** Number of the run. */
  readonly run: number;
  readonly github?: Readonly<Record<string, unknown>>;
  /** Variables of the repository. */
  readonly vars?: Texts;
  /** Of a composite action. */
  readonly inputs?: Texts;
  /** Runs before each `run:` step of a job; for faults. */
  readonly sabotage?: (leg: string, workspace: string) => void;
}

export type JobResult = 'success' | 'failure' | 'skipped';

export interface Played {
  /** By job; a job with a matrix has one entry for each leg, `train (a)`, besides its own. */
  readonly results: Readonly<Record<string, JobResult>>;
  /** What the steps printed, by leg. */
  readonly logs: Readonly<Record<string, string>>;
  /** Of all steps of all jobs together. */
  readonly summary: string;
}

/** The steps of a composite action. */
export function readAction(name: string): readonly WorkflowStep[] {
  const file = join(root, '.github/actions', name, 'action.yml');
  return (parse(readFileSync(file, 'utf8')) as { runs: { steps: readonly WorkflowStep[] } }).runs.steps;
}

export function readWorkflow(name: string): Workflow {
  return parse(readFileSync(join(root, '.github/workflows', name), 'utf8')) as Workflow;
}

/** Plays all jobs, in the order in which the file has them: each after those that it needs. */
export function play({ jobs, env = {} }: Workflow, event: Event): Played {
  const results: Record<string, JobResult> = {};
  const outputs: Record<string, Texts> = {};
  const logs: Record<string, string> = {};
  const summaries: string[] = [];
  for (const [name, job] of Object.entries(jobs)) {
    const needed = [job.needs ?? []].flat();
    const needs = Object.fromEntries(
      needed.map((other) => [other, { result: results[other], outputs: outputs[other] }]),
    );
    const success = needed.every((other) => results[other] === 'success');
    const contexts = {
      github: githubContext(event),
      needs,
      runner: { os: 'Linux' },
      inputs: event.inputs ?? {},
      vars: event.vars ?? {},
      secrets: {},
    };
    if (!allows(job.if, contexts, { success, cancelled: false })) {
      results[name] = 'skipped';
      continue;
    }
    const legs = legsOf(job, contexts);
    const ended = legs.map((leg) => {
      const player = new JobPlayer(job, { ...contexts, ...leg.contexts }, { ...event, env }, leg.name ?? name);
      const result = player.play();
      results[leg.name === undefined ? name : `${name} (${leg.name})`] = result.ok ? 'success' : 'failure';
      logs[leg.name ?? name] = result.log;
      summaries.push(result.summary);
      outputs[name] = result.outputs;
      return result.ok;
    });
    results[name] = ended.every(Boolean) ? 'success' : 'failure';
  }
  return { results, logs, summary: summaries.join('') };
}

function githubContext({ run, github }: Event): unknown {
  const plain = {
    event_name: 'push',
    ref: 'refs/heads/main',
    repository: 'owner/name',
    job: 'job',
    token: 'token',
    event: {},
  };
  return { ...plain, run_id: run, run_attempt: 1, ...github };
}

function legsOf({ strategy }: WorkflowJob, contexts: Contexts): { name?: string; contexts: Contexts }[] {
  if (strategy === undefined) return [{ contexts: {} }];
  const { include } = valueOf(strategy.matrix, contexts, { success: true, cancelled: false }) as {
    include: readonly { readonly name: string }[];
  };
  return include.map((matrix, index) => ({
    name: matrix.name,
    contexts: { matrix, strategy: { 'job-index': index } },
  }));
}

/** One job on a machine of its own: a clone, its steps, and what they leave. */
class JobPlayer {
  readonly #workspace: string;
  readonly #steps: Record<string, { outputs: Record<string, string> }> = {};
  #success = true;
  #log = '';
  #summary = '';

  readonly #job: WorkflowJob;
  readonly #contexts: Contexts;
  readonly #event: Event & { readonly env: Texts };
  readonly #leg: string;

  constructor(job: WorkflowJob, contexts: Contexts, event: Event & { readonly env: Texts }, leg: string) {
    this.#job = job;
    this.#contexts = contexts;
    this.#event = event;
    this.#leg = leg;
    this.#workspace = mkdtempSync(join(event.storage, 'job-'));
  }

  play() {
    for (const step of this.#job.steps) this.#playStep(step);
    const outputs = Object.entries(this.#job.outputs ?? {}).map(([name, text]) => [name, this.#fill(text)] as const);
    return { ok: this.#success, log: this.#log, summary: this.#summary, outputs: Object.fromEntries(outputs) };
  }

  get #status(): Status {
    return { success: this.#success, cancelled: false };
  }

  get #all(): Contexts {
    const github = { ...(this.#contexts['github'] as object), workspace: this.#workspace };
    return { ...this.#contexts, github, steps: this.#steps };
  }

  #fill(text: string): string {
    return fill(text, this.#all, this.#status);
  }

  #playStep(step: WorkflowStep): void {
    if (!allows(step.if, this.#all, this.#status)) return;
    const inputs = Object.fromEntries(
      Object.entries(step.with ?? {}).map(([key, value]) => [key, this.#fill(String(value))]),
    );
    if (step.run !== undefined) this.#runScript(step);
    else this.#useAction(step.uses!, inputs);
  }

  #runScript(step: WorkflowStep): void {
    if (step.run === 'npm ci') {
      for (const name of ['node_modules', 'dist']) symlinkSync(join(root, name), join(this.#workspace, name));
      return;
    }
    this.#event.sabotage?.(this.#leg, this.#workspace);
    const files = { GITHUB_OUTPUT: `${this.#workspace}.output`, GITHUB_STEP_SUMMARY: `${this.#workspace}.summary` };
    for (const file of Object.values(files)) writeFileSync(file, '');
    const env = Object.fromEntries(
      Object.entries({ ...this.#event.env, ...step.env }).map(([key, value]) => [key, this.#fill(value)]),
    );
    const { status, stdout, stderr } = spawnSync('bash', ['-e', '-o', 'pipefail', '-c', this.#fill(step.run!)], {
      cwd: join(this.#workspace, this.#fill(step['working-directory'] ?? '.')),
      encoding: 'utf8',
      env: {
        PATH: `${join(this.#event.storage, 'bin')}:${process.env['PATH']!}`,
        HOME: `${this.#workspace}.home`,
        CI: 'true',
        ...files,
        ...env,
      },
    });
    this.#log += stdout + stderr;
    this.#success &&= status === 0;
    this.#summary += readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8');
    if (step.id !== undefined) this.#steps[step.id] = { outputs: readOutputs(files.GITHUB_OUTPUT) };
  }

  #useAction(uses: string, inputs: Texts): void {
    const action = uses.split('@')[0]!;
    const known: Readonly<Record<string, () => void>> = {
      'actions/checkout': () => this.#checkout(),
      'actions/setup-node': () => undefined,
      'actions/cache/restore': () => this.#restoreCache(inputs),
      'actions/cache/save': () => this.#saveCache(inputs),
      'actions/upload-artifact': () => this.#upload(inputs),
      'actions/download-artifact': () => this.#download(inputs),
    };
    if (known[action] === undefined) throw new Error(`the player does not know the action ${action}`);
    known[action]();
  }

  #checkout(): void {
    const { status, stderr } = spawnSync('git', ['clone', '--quiet', this.#event.repository, this.#workspace], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
  }

  #folder(...parts: string[]): string {
    const folder = join(this.#event.storage, ...parts);
    mkdirSync(dirname(folder), { recursive: true });
    return folder;
  }

  /** As GitHub does: the very key, or else the newest one that begins with one of the others. */
  #restoreCache({ path, key, 'restore-keys': prefixes }: Texts): void {
    const folder = this.#folder('caches', 'x');
    const names = existsSync(dirname(folder)) ? readdirSync(dirname(folder)).sort().reverse() : [];
    const starts = [key!, ...(prefixes ?? '').split('\n').filter(Boolean)];
    const found = starts.map((start) => names.find((name) => name.slice(5).startsWith(start))).find(Boolean);
    if (found === undefined) return;
    cpSync(join(dirname(folder), found), join(this.#workspace, path!), { recursive: true, preserveTimestamps: true });
  }

  #saveCache({ path, key }: Texts): void {
    const folder = dirname(this.#folder('caches', 'x'));
    mkdirSync(folder, { recursive: true });
    const order = String(readdirSync(folder).length).padStart(4, '0');
    cpSync(join(this.#workspace, path!), join(folder, `${order}-${key!}`), {
      recursive: true,
      preserveTimestamps: true,
    });
  }

  #upload({ name, path }: Texts): void {
    for (const file of path!.split('\n').filter(Boolean)) {
      const from = join(this.#workspace, file);
      if (!existsSync(from)) throw new Error(`there is no ${file} to upload`);
      const target = this.#folder('artifacts', String(this.#event.run), name!, basename(file));
      cpSync(from, target, { recursive: true });
    }
  }

  #download({ name, pattern, path }: Texts): void {
    const all = join(this.#event.storage, 'artifacts', String(this.#event.run));
    if (name !== undefined) {
      cpSync(join(all, name), join(this.#workspace, path!), { recursive: true });
      return;
    }
    const [start] = pattern!.split('*') as [string];
    for (const found of readdirSync(all).filter((one) => one.startsWith(start)))
      cpSync(join(all, found), join(this.#workspace, path!, found), { recursive: true });
  }
}

function readOutputs(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
