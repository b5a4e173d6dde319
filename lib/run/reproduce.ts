// The one loop where pure code meets effects: take a ready stage, observe it, decide, then skip, restore or execute it, and settle.

import type { RunSummary } from '../core/event.ts';
import { failure } from '../core/failure.ts';
import type { CommandFailure } from '../core/failure.ts';
import type { Present } from '../core/observation.ts';
import type { Reason } from '../core/reason.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Stage, StageName } from '../pipeline/pipeline.ts';
import { Admission } from '../plan/admission.ts';
import { decide } from '../plan/decide.ts';
import type { Decision, Evidence } from '../plan/decide.ts';
import { executorOf, jobsInFlight, poolsOnCluster } from '../plan/placement.ts';
import { Schedule } from '../plan/schedule.ts';
import type { Blocked, FailurePolicy, Outcome } from '../plan/schedule.ts';
import type { Fingerprint } from '../plan/parts.ts';
import type { LockEntry } from '../plan/record.ts';
import type { Plan } from '../plan/select.ts';
import { gatherEvidence, rememberedOuts } from './evidence.ts';
import { executeStage } from './execute.ts';
import { settled } from './inputs.ts';
import type { RunIo } from './io.ts';
import { Ledger } from './ledger.ts';
import { LockSaver } from './lock-saver.ts';
import { lookAhead } from './look-ahead.ts';
import { needsPreflight } from './preflight.ts';
import type { Project } from './project.ts';
import type { KnownInputs } from './remember.ts';
import { restoreStage } from './restore.ts';
import { dropResume, tidyResumes } from './resume.ts';
import { Twins } from './twins.ts';

export interface ReproduceOptions {
  /** Job slots: the capacity of `cpu`. */
  readonly jobs: number;
  readonly policy: FailurePolicy;
  /** Take the stages strictly in plan order, whatever the graph says. */
  readonly ordered: boolean;
  readonly force: boolean;
  readonly forceDownstream: boolean;
  readonly noRunCache: boolean;
  readonly noCommit: boolean;
  readonly allowMissing: boolean;
  /** Jobs that may be on the cluster at a time, waiting ones included. Default: as many as there are. */
  readonly clusterJobs?: number;
  /** Bytes of memory of this machine: the capacity of `memory` where `pools` does not name it. */
  readonly memory: number;
}

/** Restores that may be under way at once: they wait for the disk, not for a job slot. */
const restoresAtOnce = 8;

/**
 * Brings every stage of the plan up to date. Failing stages are events and counts; a failure is returned only where the
 * run itself cannot go on (the lock cannot be written).
 */
export async function reproduce(
  project: Project,
  plan: Plan,
  options: ReproduceOptions,
  io: RunIo,
): Promise<Result<RunSummary, CommandFailure>> {
  const run = new Reproduction(project, plan, options, io);
  let finished: Result<void, CommandFailure>;
  try {
    await run.loop();
  } finally {
    finished = run.finish();
  }
  return finished.ok ? ok(run.summary()) : finished;
}

type Kind<K extends Decision['kind']> = Extract<Decision, { readonly kind: K }>;

/** Whatever is known of these inputs, the stage is to run. */
function isMeant({ reasons }: Kind<'execute'>): boolean {
  return reasons.some((reason) => reason.kind === 'forced' || reason.kind === 'always-changed');
}

class Reproduction {
  readonly #project: Project;
  readonly #plan: Plan;
  readonly #options: ReproduceOptions;
  readonly #io: RunIo;
  readonly #schedule: Schedule;
  readonly #admission: Admission;
  readonly #saver: LockSaver;
  readonly #ledger: Ledger;
  readonly #twins = new Twins();
  readonly #remembered: ReadonlyMap<string, Present> | null;
  readonly #executed = new Set<number>();
  /** Why a stage is to be executed, from when it was first considered: a twin or a lost object may change what it is by then. */
  readonly #reasons = new Map<number, readonly Reason[]>();
  /** With which inputs a remote was asked for the stage. */
  readonly #asked = new Map<number, Fingerprint>();
  /** Set when the first stage that is not up to date is met; settles when the whole plan has been looked at, which is done once. */
  #lookedAhead: Promise<void> | undefined;
  #refusal: CommandFailure | undefined;
  /** A command has failed or was interrupted, and may have left something to go on from. */
  #unfinished = false;
  #active = 0;
  #restoring = 0;
  #wake: () => void = () => undefined;
  #crash: { readonly error: unknown } | undefined;

  constructor(project: Project, plan: Plan, options: ReproduceOptions, io: RunIo) {
    this.#project = project;
    this.#plan = plan;
    this.#options = options;
    this.#io = io;
    this.#schedule = new Schedule(project.graph, plan, { policy: options.policy, ordered: options.ordered });
    const own = { cpu: options.jobs, [jobsInFlight]: options.clusterJobs ?? Infinity };
    this.#admission = new Admission({ memory: options.memory, ...project.pipeline.pools, ...own });
    this.#saver = new LockSaver(project.lock);
    this.#ledger = new Ledger(io);
    this.#remembered = options.allowMissing ? rememberedOuts(project) : null;
  }

  async loop(): Promise<void> {
    this.#io.report({ kind: 'run-started', stages: this.#plan.order.length, jobs: this.#options.jobs });
    for (;;) {
      const index = this.#ended || this.#restoring >= restoresAtOnce ? undefined : this.#schedule.take();
      if (index !== undefined) await this.#guarded(() => this.#consider(index));
      else if (this.#active > 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      else break;
    }
    if (this.#crash !== undefined) throw this.#crash.error;
    if (this.#io.signal.aborted) return;
    const { files, graph } = this.#project;
    await files.rememberVouched(this.#plan.order.flatMap((index) => graph.stages[index]!.outs.map(({ path }) => path)));
  }

  /** Nothing new starts any more; what runs may end. */
  get #ended(): boolean {
    const { aborted } = this.#io.signal;
    return aborted || this.#schedule.stopped || this.#refusal !== undefined || this.#crash !== undefined;
  }

  /** Writes what is left to write. */
  finish(): Result<void, CommandFailure> {
    if (!this.#io.signal.aborted && this.#refusal === undefined) this.#reportBlocked(this.#schedule.unsettled());
    this.#project.lock.prune((name) => this.#project.graph.index.has(name));
    this.#project.saveState();
    const saved = this.#saver.finish();
    if (this.#unfinished) tidyResumes(this.#project);
    return this.#refusal === undefined ? saved : err(this.#refusal);
  }

  summary(): RunSummary {
    return this.#ledger.summary();
  }

  async #consider(index: number): Promise<void> {
    const { evidence, decision } = await this.#decide(index);
    if (needsPreflight(decision)) {
      await (this.#lookedAhead ??= this.#lookAhead());
      if (this.#ended) return;
    }
    await this.#endLeftovers(index, decision);
    switch (decision.kind) {
      case 'skip':
        this.#skip(index, decision);
        break;
      case 'restore':
        this.#restoring++;
        this.#launch(async () => {
          const end = await this.#restore(index, evidence, decision);
          this.#restoring--;
          if (end === 'lost' && !this.#ended) await this.#consider(index);
        });
        break;
      case 'execute':
        this.#reasons.set(index, decision.reasons);
        if (this.#asksRemote(index, evidence, decision)) return;
        if (this.#awaitsTwin(index, evidence, decision)) return;
        this.#enqueue(index, evidence.stage);
        this.#admit();
        break;
      case 'fail':
      case 'unknown':
        this.#failEarly(index, decision.reasons);
    }
  }

  async #decide(index: number): Promise<{ evidence: Evidence; decision: Decision }> {
    const evidence = await gatherEvidence(this.#project, index, { outlook: settled, remembered: this.#remembered });
    const { force, forceDownstream, noRunCache, allowMissing } = this.#options;
    const forced =
      force || (forceDownstream && this.#project.graph.up[index]!.some((other) => this.#executed.has(other)));
    return { evidence, decision: decide(evidence, { force: forced, noRunCache, allowMissing }) };
  }

  #enqueue(index: number, stage: Stage): void {
    if (executorOf(stage, this.#project.execution) === 'local') this.#admission.enqueue(index, stage.resources);
    else this.#admission.enqueue(index, poolsOnCluster(stage.resources), jobsInFlight);
  }

  /** A job that a dead runner left on the cluster would write to outs that are right without it. */
  async #endLeftovers(index: number, { kind }: Decision): Promise<void> {
    if (kind !== 'execute') await this.#io.executor.recover?.(this.#nameOf(index), null);
  }

  /** True where a remote may know the result: the stage is considered again once it has answered. */
  #asksRemote(index: number, { stage, inputs }: Evidence, decision: Kind<'execute'>): boolean {
    const { sharing } = this.#io;
    if (sharing === undefined || inputs.kind !== 'known' || this.#options.noRunCache) return false;
    if (isMeant(decision) || stage.outs.length === 0 || this.#asked.get(index) === inputs.fingerprint) return false;
    this.#asked.set(index, inputs.fingerprint);
    this.#restoring++;
    this.#launch(async () => {
      await sharing.fetch(inputs.fingerprint);
      this.#restoring--;
      if (!this.#ended) await this.#consider(index);
    });
    return true;
  }

  /** True where the stage is considered again later, when another has made its result. */
  #awaitsTwin(index: number, { inputs }: Evidence, decision: Kind<'execute'>): boolean {
    if (inputs.kind !== 'known' || isMeant(decision) || this.#options.noRunCache || this.#options.noCommit)
      return false;
    return this.#twins.awaits(index, inputs.fingerprint);
  }

  async #lookAhead(): Promise<void> {
    const { faults, shortages } = await lookAhead(this.#project, this.#plan, this.#options);
    if (faults.length > 0) this.#refusal ??= failure('configuration', ...faults);
    for (const [index, reasons] of shortages) this.#failEarly(index, reasons);
  }

  /** Starts what fits now. */
  #admit(): void {
    if (this.#ended) return;
    for (const index of this.#admission.admit()) {
      this.#launch(async () => {
        try {
          await this.#start(index);
        } finally {
          this.#admission.release(index);
        }
        for (const waiting of this.#twins.release(index)) if (!this.#ended) await this.#consider(waiting);
      });
    }
  }

  #launch(task: () => Promise<void>): void {
    this.#active++;
    void this.#guarded(task).then(() => {
      this.#active--;
      this.#admit();
      this.#wake();
    });
  }

  /** An exception is a bug: it ends the run once what is under way has ended. */
  async #guarded(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#crash ??= { error };
    }
  }

  /**
   * The stage may have waited for its turn: it is observed once more, so that what is recorded is what its command will read;
   * and again where that turns out to be outdated.
   */
  async #start(index: number): Promise<void> {
    for (let end: 'again' | 'over' = 'again'; end === 'again' && !this.#io.signal.aborted;) {
      this.#project.forgetAll();
      const { evidence, decision } = await this.#decide(index);
      end = await this.#carryOut(index, evidence, decision);
    }
  }

  async #carryOut(index: number, evidence: Evidence, decision: Decision): Promise<'again' | 'over'> {
    await this.#endLeftovers(index, decision);
    switch (decision.kind) {
      case 'skip':
        this.#skip(index, decision);
        return 'over';
      case 'restore':
        return (await this.#restore(index, evidence, decision)) === 'lost' ? 'again' : 'over';
      case 'execute':
        if (evidence.inputs.kind !== 'known') throw new Error('a stage cannot run before those above it have settled');
        return (await this.#execute(index, evidence.inputs)) === 'outdated' ? 'again' : 'over';
      case 'fail':
      case 'unknown':
        this.#failEarly(index, decision.reasons);
        return 'over';
    }
  }

  #skip(index: number, decision: Kind<'skip'>): void {
    this.#ledger.skipped(this.#nameOf(index), decision);
    this.#settle(index, 'done');
  }

  async #execute(index: number, inputs: KnownInputs): Promise<'outdated' | 'over'> {
    const name = this.#nameOf(index);
    const onRan = (): void => {
      this.#admission.release(index);
      this.#admit();
    };
    const options = { reasons: this.#reasons.get(index)!, noCommit: this.#options.noCommit, onRan };
    const end = await executeStage(this.#project, index, inputs, options, this.#io);
    if (end.kind === 'outdated') return 'outdated';
    this.#unfinished ||= end.kind !== 'executed';
    if (end.kind === 'interrupted') return 'over';
    if (end.kind === 'failed') {
      this.#ledger.failed(name, end.failure);
      this.#settle(index, 'failed');
      return 'over';
    }
    this.#record(name, end.lock, end.result.forget);
    this.#executed.add(index);
    this.#ledger.executed(name, end.result, end.runId);
    this.#io.sharing?.share(this.#project.graph.stages[index]!, inputs.fingerprint);
    this.#settle(index, 'done');
    return 'over';
  }

  /** `lost`: it cannot be restored after all, and has to be decided again; the damaged object is gone from the cache by then. */
  async #restore(index: number, evidence: Evidence, decision: Kind<'restore'>): Promise<'lost' | 'over'> {
    const name = this.#nameOf(index);
    const startedAt = this.#io.now();
    const end = await restoreStage(this.#project, evidence, decision.from, this.#io);
    if (end.kind === 'lost') return 'lost';
    if (end.kind === 'interrupted') return 'over';
    if (end.kind === 'failed') {
      this.#ledger.failed(name, { message: end.message, seconds: 0, tail: [], log: null });
      this.#settle(index, 'failed');
      return 'over';
    }
    if (end.lock !== undefined) this.#record(name, end.lock);
    this.#ledger.restored(name, decision.from, decision.reasons, startedAt);
    if (evidence.inputs.kind === 'known') this.#io.sharing?.share(evidence.stage, evidence.inputs.fingerprint);
    this.#settle(index, 'done');
    return 'over';
  }

  #record(name: StageName, entry: LockEntry, forget?: () => void): void {
    this.#saver.set(name, entry, () => {
      dropResume(this.#project, name, entry.fingerprint);
      forget?.();
    });
  }

  #failEarly(index: number, reasons: readonly Reason[]): void {
    this.#ledger.unstarted(this.#nameOf(index), reasons);
    this.#settle(index, 'failed');
  }

  #settle(index: number, outcome: Outcome): void {
    this.#reportBlocked(this.#schedule.settle(index, outcome));
  }

  #reportBlocked(blocked: readonly Blocked[]): void {
    for (const { stage, by } of blocked) this.#ledger.blocked(this.#nameOf(stage), this.#nameOf(by));
  }

  #nameOf(index: number): StageName {
    return this.#project.graph.stages[index]!.name;
  }
}
