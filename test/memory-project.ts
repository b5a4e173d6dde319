// A project whose files, cache and lock are in memory, and whose commands are functions on those files. Starts and ends of commands
// are in the hands of the test, so that order and overlap are facts and not a matter of time.

import { afterEach } from '@jest/globals';
import { localExecution } from '../lib/plan/placement.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestText } from '../lib/core/digest.ts';
import type { Digest } from '../lib/core/digest.ts';
import type { RunEvent, RunSummary } from '../lib/core/event.ts';
import type { Observation, Present } from '../lib/core/observation.ts';
import { err, ok } from '../lib/core/result.ts';
import { buildGraph } from '../lib/graph/graph.ts';
import type { StageName } from '../lib/pipeline/pipeline.ts';
import type { Executor, Job, JobEnd, JobResult, StoreProblem } from '../lib/plan/ports.ts';
import type { LockEntry, RunEntry } from '../lib/plan/record.ts';
import { selectPlan } from '../lib/plan/select.ts';
import type { Selection } from '../lib/plan/select.ts';
import { assess } from '../lib/run/assess.ts';
import type { Assessment } from '../lib/run/assess.ts';
import type { Project } from '../lib/run/project.ts';
import { reproduce } from '../lib/run/reproduce.ts';
import type { ReproduceOptions } from '../lib/run/reproduce.ts';
import { makePipeline } from './make-pipeline.ts';
import type { StageSketch } from './make-pipeline.ts';

/** What a command does with the files; a number is its exit code, undefined is 0. */
export type Command = (files: Map<string, string>, job: Job) => number | undefined | Promise<number | undefined>;

export interface MemoryRun {
  readonly events: readonly RunEvent[];
  readonly executed: readonly string[];
  readonly restored: readonly string[];
  readonly skipped: readonly string[];
  readonly failed: readonly string[];
  readonly blocked: readonly string[];
  readonly summary: RunSummary | undefined;
}

const usual: ReproduceOptions = {
  jobs: 4,
  policy: 'stop',
  ordered: false,
  force: false,
  forceDownstream: false,
  noRunCache: false,
  noCommit: false,
  allowMissing: false,
  memory: 1 << 30,
};

export function present(text: string): Present {
  return { kind: 'file', digest: digestText(text), size: Buffer.byteLength(text), executable: false };
}

/** The workspace and the cache outlive a change of the pipeline. loadDigest() must have been awaited. */
export class MemoryProject {
  readonly root = mkdtempSync(join(tmpdir(), 'memory-project-'));
  readonly files = new Map<string, string>();
  readonly objects = new Map<Digest, string>();
  readonly runs: RunEntry[] = [];
  readonly lock = new Map<StageName, LockEntry>();
  readonly commands = new Map<string, Command>();
  readonly pools: Record<string, number> = {};
  /** Every change of the cache and of the lock, in order. */
  readonly calls: string[] = [];
  readonly controller = new AbortController();
  /** Contents that are damaged: they seem to be there until they are checked out. */
  readonly damaged = new Set<Digest>();
  /** Called whenever a history is read. */
  onHistory: () => void = () => undefined;
  running = new Set<string>();
  #sketches: Readonly<Record<string, StageSketch>>;
  #now = 1_700_000_000_000;

  constructor(sketches: Readonly<Record<string, StageSketch>>) {
    this.#sketches = sketches;
  }

  set(sketches: Readonly<Record<string, StageSketch>>): void {
    this.#sketches = sketches;
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** A text with the values of all deps in it. */
  static readonly concatenate: Command = (files, job) => {
    const { deps, outs } = JSON.parse(job.env['TEST_STAGE']!) as { deps: string[]; outs: string[] };
    for (const out of outs)
      files.set(out, `${job.cmd.join(';')}(${deps.map((dep) => files.get(dep)).join(',')})->${out}`);
    return undefined;
  };

  async repro(options: Partial<ReproduceOptions> = {}, selection: Partial<Selection> = {}): Promise<MemoryRun> {
    const { project, plan } = this.open(selection);
    const events: RunEvent[] = [];
    const done = await reproduce(
      project,
      plan,
      { ...usual, ...options },
      {
        report: (event) => events.push(event),
        executor: this.#executor(),
        signal: this.controller.signal,
        now: () => (this.#now += 1000),
      },
    );
    if (!done.ok) throw new Error(done.error.faults.map((fault) => fault.message).join('\n'));
    const named = (kind: RunEvent['kind']): string[] =>
      events.flatMap((event) => (event.kind === kind && 'stage' in event ? [event.stage] : []));
    return {
      events,
      executed: named('stage-executed'),
      restored: named('stage-restored'),
      skipped: named('stage-skipped'),
      failed: named('stage-failed'),
      blocked: named('stage-blocked'),
      summary: done.value,
    };
  }

  assess(options: Partial<ReproduceOptions> = {}, selection: Partial<Selection> = {}): Promise<Assessment[]> {
    const { project, plan } = this.open(selection);
    return assess(project, plan, { ...usual, ...options });
  }

  open(selection: Partial<Selection> = {}) {
    const pipeline = { ...makePipeline(this.#sketches), pools: this.pools };
    const graph = buildGraph(pipeline);
    if (!graph.ok) throw new Error(graph.error.map((fault) => fault.message).join('\n'));
    const plan = selectPlan(graph.value, { targets: [], reach: 'upstream', ...selection });
    if (!plan.ok) throw new Error(plan.error.map((fault) => fault.message).join('\n'));
    const project: Project = {
      root: this.root,
      cwd: this.root,
      stateDir: `${this.root}/.dagrun`,
      cacheDir: `${this.root}/cache`,
      lockFile: 'pipeline.lock',
      pipeline,
      sources: {},
      graph: graph.value,
      files: this.#workspace(),
      outs: {
        clear: ({ path, persist }) => {
          if (!persist) this.files.delete(path);
        },
        makeParent: () => undefined,
        behindLink: () => undefined,
      },
      store: this.#store(),
      lock: this.#lockFile(),
      environment: {},
      execution: localExecution,
      tracer: () => Promise.reject(new Error('no stage here traces code')),
      host: () => ({ cpu: 'c', os: 'o', arch: 'a' }),
      position: ([line, column]) => ({ file: 'pipeline.yaml', line, column }),
      hostname: () => 'memory',
      forget: () => undefined,
      forgetAll: () => undefined,
      saveState: () => undefined,
    };
    return { project, plan: plan.value };
  }

  #observe(path: string): Observation {
    const text = this.files.get(path);
    return text === undefined ? { kind: 'missing' } : present(text);
  }

  #workspace(): Project['files'] {
    const observe = (path: string): Observation => this.#observe(path);
    // A pattern here is a prefix before one star.
    const observeGlob = (pattern: string): Observation => {
      const matches = [...this.files].filter(([path]) => path.startsWith(pattern.replace(/\*.*$/, ''))).sort();
      return { kind: 'tree', digest: digestText(JSON.stringify(matches)), size: 0, files: matches.length };
    };
    return {
      filesRead: 0,
      vouch: () => undefined,
      rememberVouched: () => Promise.resolve(),
      textsRead: [],
      rowsOf: () => undefined,
      observe,
      recheck: observe,
      manifest: (path) => Promise.resolve(err(`${path} is no folder`)),
      exists: ({ path, kind }) => {
        const seen = kind === 'glob' ? observeGlob(path) : observe(path);
        return Promise.resolve(seen.kind === 'tree' ? seen.files > 0 : seen.kind !== 'missing');
      },
      observeGlob,
      recheckGlob: observeGlob,
      params: (file) => {
        const text = this.files.get(file);
        if (text === undefined) return err({ kind: 'missing', message: `${file} does not exist` });
        return ok(JSON.parse(text));
      },
      ignores: () => false,
      forget: () => undefined,
      forgetAll: () => undefined,
      save: () => undefined,
    };
  }

  #store(): Project['store'] {
    const missing = (message: string): StoreProblem => ({ kind: 'missing', message });
    const unused = (): never => {
      throw new Error('the run loop has no business here');
    };
    return {
      candidates: (fingerprint) => this.runs.filter((entry) => entry.fingerprint === fingerprint).reverse(),
      history: (group) => {
        this.onHistory();
        return this.runs.filter((entry) => entry.group === group);
      },
      historyDigest: (group) =>
        digestText(
          this.runs.flatMap((entry) => (entry.group === group ? [entry.fingerprint + entry.result] : [])).join(),
        ),
      holds: (contents) => contents.every(({ digest }) => this.objects.has(digest)),
      manifest: (digest) => err(missing(digest)),
      put: ({ path, content }) => {
        const text = this.files.get(path.slice(this.root.length + 1));
        if (text === undefined || digestText(text) !== content.digest)
          return Promise.resolve(err<StoreProblem>({ kind: 'refused', message: 'it changed' }));
        this.objects.set(content.digest, text);
        this.calls.push(`object ${path.slice(this.root.length + 1)}`);
        return Promise.resolve(ok(undefined));
      },
      record: (entry) => {
        const again = this.runs.findIndex(
          (other) => other.fingerprint === entry.fingerprint && other.result === entry.result,
        );
        if (again >= 0) this.runs.splice(again, 1);
        this.runs.push(entry);
        this.calls.push(`entry ${entry.stage}`);
        return Promise.resolve();
      },
      checkout: ({ path, content }) => {
        if (this.damaged.delete(content.digest)) {
          this.objects.delete(content.digest);
          return Promise.resolve(err<StoreProblem>({ kind: 'corrupt', message: 'its bytes are wrong' }));
        }
        const text = this.objects.get(content.digest);
        if (text === undefined) return Promise.resolve(err(missing('no such object')));
        this.files.set(path.slice(this.root.length + 1), text);
        return Promise.resolve(ok(undefined));
      },
      noteHit: () => undefined,
      flushHits: () => undefined,
      logPath: (stage, runId) => `${this.root}/logs/${stage}/${runId}.log`,
      writeExecution: () => undefined,
      executions: () => [],
      unfinished: () => [],
      execution: () => undefined,
      isRunnerActive: () => false,
      lastSeconds: () => null,
      objectPath: (digest) => `objects/${digest}`,
      allRuns: () => this.runs,
      logTail: () => ['last line'],
      beginActivity: unused,
      workspaces: () => [],
      gc: unused,
      verify: unused,
      merge: unused,
      stats: unused,
      sharing: unused,
    };
  }

  #lockFile(): Project['lock'] {
    const { lock, calls } = this;
    return {
      entries: lock,
      text: undefined,
      get: (name) => lock.get(name),
      set: (name, entry) => {
        lock.set(name, entry);
        calls.push(`lock ${name}`);
      },
      prune: (isKnown) => {
        for (const name of lock.keys()) if (!isKnown(name)) lock.delete(name);
      },
      save: () => ok(undefined),
    };
  }

  #executor(): Executor {
    return {
      name: 'memory',
      run: async (job, output, signal): Promise<JobResult> => {
        const sketch = this.#sketches[job.stage]!;
        const described = { deps: sketch.deps ?? [], outs: sketch.outs ?? [] };
        const told: Job = { ...job, env: { ...job.env, TEST_STAGE: JSON.stringify(described) } };
        const command = this.commands.get(job.stage) ?? MemoryProject.concatenate;
        this.running.add(job.stage);
        const stopped = new Promise<'stopped'>((resolve) =>
          signal.addEventListener('abort', () => resolve('stopped'), { once: true }),
        );
        const code = await Promise.race([command(this.files, told), stopped]);
        this.running.delete(job.stage);
        const [first = ''] = job.cmd;
        const end: JobEnd =
          code === 'stopped' ? { kind: 'interrupted' } : { kind: 'exited', code: code ?? 0, command: first };
        return { end, seconds: 1, peakMemory: null };
      },
      close: () => Promise.resolve(),
    };
  }
}

/** Commands that wait for the test: each tells when it has started, and ends when it is told to. */
export class Stepper {
  readonly #started = new Map<string, { release: (code: number) => void }>();
  readonly #watchers = new Set<() => void>();

  /** To be set as the command of a stage. */
  command(then: Command = MemoryProject.concatenate): Command {
    return async (files, job) => {
      const code = await new Promise<number>((release) => {
        this.#started.set(job.stage, { release });
        for (const look of [...this.#watchers]) look();
      });
      return code === 0 ? then(files, job) : code;
    };
  }

  get started(): string[] {
    return [...this.#started.keys()].sort();
  }

  /** Settles once exactly these wait to be ended. */
  async until(...names: string[]): Promise<void> {
    const wanted = names.toSorted().join();
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.started.join() !== wanted) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  end(name: string, code = 0): void {
    const found = this.#started.get(name);
    if (found === undefined) throw new Error(`"${name}" has not started`);
    this.#started.delete(name);
    found.release(code);
  }
}

/** Makes projects with files for the tests of a file, and removes them after each. */
export function makeProjects() {
  const projects: MemoryProject[] = [];
  afterEach(() => projects.splice(0).forEach((project) => project.remove()));
  return (
    sketches: Readonly<Record<string, StageSketch>>,
    files: Readonly<Record<string, string>> = {},
  ): MemoryProject => {
    const project = new MemoryProject(sketches);
    projects.push(project);
    for (const [path, text] of Object.entries(files)) project.files.set(path, text);
    return project;
  };
}
