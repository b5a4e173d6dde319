// The one loop where pure code meets effects: take a ready stage, observe it, decide, then skip, restore or execute it, and settle.

import type { RunSummary } from '../core/event.ts';
import { failure } from '../core/failure.ts';
import type { CommandFailure } from '../core/failure.ts';
import type { Present } from '../core/observation.ts';
import { describeReason } from '../core/reason.ts';
import type { Reason } from '../core/reason.ts';
import { err, ok } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import type { Fingerprint } from '../plan/parts.ts';
import { Admission } from '../plan/admission.ts';
import { decide } from '../plan/decide.ts';
import type { Decision, Evidence } from '../plan/decide.ts';
import { Schedule } from '../plan/schedule.ts';
import type { Blocked, FailurePolicy, Outcome } from '../plan/schedule.ts';
import type { Plan } from '../plan/select.ts';
import { gatherEvidence, rememberedOuts } from './evidence.ts';
import { executeStage } from './execute.ts';
import type { KnownInputs } from './execute.ts';
import { settled } from './inputs.ts';
import type { RunIo } from './io.ts';
import { LockSaver } from './lock-saver.ts';
import { findMissingParams } from './preflight.ts';
import type { Project } from './project.ts';
import { restoreStage } from './restore.ts';

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
  await run.loop();
  const saved = run.finish();
  return saved.ok ? ok(run.summary()) : err(saved.error);
}

class Reproduction {
  readonly #project: Project;
  readonly #plan: Plan;
  readonly #options: ReproduceOptions;
  readonly #io: RunIo;
  readonly #schedule: Schedule;
  readonly #admission: Admission;
  readonly #saver: LockSaver;
  readonly #remembered: ReadonlyMap<string, Present> | null;
  readonly #executed = new Set<number>();
  readonly #reasons = new Map<number, readonly Reason[]>();
  readonly #counts = { executed: 0, restored: 0, skipped: 0, failed: 0, blocked: 0, saved: 0 };
  /** The stage that executes a fingerprint now, and those that wait for its result. */
  readonly #twins = new Map<Fingerprint, { readonly first: number; readonly waiting: number[] }>();
  /** What is wrong with the plan, found when the first stage that is not up to date was met. */
  #refusal: CommandFailure | undefined;
  #checked = false;
  readonly #startedAt: number;
  #active = 0;
  #restoring = 0;
  #wake: () => void = () => undefined;
  #crash: { readonly error: unknown } | undefined;

  constructor(project: Project, plan: Plan, options: ReproduceOptions, io: RunIo) {
    this.#project = project;
    this.#plan = plan;
    this.#options = options;
    this.#io = io;
    this.#startedAt = io.now();
    this.#schedule = new Schedule(project.graph, plan, { policy: options.policy, ordered: options.ordered });
    this.#admission = new Admission({ memory: options.memory, ...project.pipeline.pools, cpu: options.jobs });
    this.#saver = new LockSaver(project.lock);
    this.#remembered = options.allowMissing ? rememberedOuts(project) : null;
  }

  async loop(): Promise<void> {
    this.#io.report({ kind: 'run-started', stages: this.#plan.order.length, jobs: this.#options.jobs });
    while (this.#crash === undefined && this.#refusal === undefined) {
      const index = this.#io.signal.aborted || this.#restoring >= restoresAtOnce ? undefined : this.#schedule.take();
      if (index !== undefined) await this.#consider(index);
      else if (this.#active > 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      else break;
    }
    while (this.#active > 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#crash !== undefined) throw this.#crash.error;
  }

  /** Writes what is left to write. */
  finish(): Result<void, CommandFailure> {
    if (this.#refusal !== undefined) return err(this.#refusal);
    if (!this.#io.signal.aborted) this.#reportBlocked(this.#schedule.unsettled());
    this.#project.lock.prune((name) => this.#project.graph.index.has(name));
    this.#project.saveState();
    return this.#saver.finish();
  }

  summary(): RunSummary {
    return { kind: 'summary', ...this.#counts, seconds: (this.#io.now() - this.#startedAt) / 1000, dry: false };
  }

  async #consider(index: number): Promise<void> {
    const { evidence, decision } = await this.#decide(index);
    const { name } = evidence.stage;
    if (decision.kind !== 'skip' && decision.kind !== 'restore' && (await this.#isRefused())) return;
    switch (decision.kind) {
      case 'skip':
        this.#counts.skipped++;
        this.#io.report({ kind: 'stage-skipped', stage: name, reason: decision.why });
        return this.#settle(index, 'done');
      case 'restore':
        this.#restoring++;
        return this.#launch(async () => {
          await this.#restore(index, evidence, decision);
          this.#restoring--;
        });
      case 'execute':
        this.#reasons.set(index, decision.reasons);
        if (this.#awaitsTwin(index, evidence, decision)) return;
        this.#admission.enqueue(index, evidence.stage.resources);
        return this.#admit();
      case 'fail':
      case 'unknown':
        return this.#failEarly(index, decision.reasons);
    }
  }

  async #decide(index: number): Promise<{ evidence: Evidence; decision: Decision }> {
    const evidence = await gatherEvidence(this.#project, index, { outlook: settled, remembered: this.#remembered });
    const { force, forceDownstream, noRunCache, allowMissing } = this.#options;
    const forced =
      force || (forceDownstream && this.#project.graph.up[index]!.some((other) => this.#executed.has(other)));
    return { evidence, decision: decide(evidence, { force: forced, noRunCache, allowMissing }) };
  }

  /**
   * Two relocatable stages may have one fingerprint: the second waits for the first, and then takes its result.
   * True where the stage is considered again later.
   */
  #awaitsTwin(index: number, evidence: Evidence, decision: Extract<Decision, { kind: 'execute' }>): boolean {
    const { inputs } = evidence;
    const meant = decision.reasons.some((reason) => reason.kind === 'forced' || reason.kind === 'always-changed');
    if (inputs.kind !== 'known' || meant || this.#options.noRunCache || this.#options.noCommit) return false;
    const twins = this.#twins.get(inputs.fingerprint);
    if (twins === undefined) this.#twins.set(inputs.fingerprint, { first: index, waiting: [] });
    if (twins === undefined || twins.first === index) return false;
    twins.waiting.push(index);
    return true;
  }

  /** The first of several stages with one fingerprint has ended, well or not: the others are decided again. */
  async #wakeTwins(index: number): Promise<void> {
    const found = [...this.#twins].find(([, twins]) => twins.first === index);
    if (found === undefined) return;
    this.#twins.delete(found[0]);
    for (const waiting of found[1].waiting) if (!this.#io.signal.aborted) await this.#consider(waiting);
  }

  /** Looks at the whole plan, once, before the first command starts. */
  async #isRefused(): Promise<boolean> {
    if (!this.#checked) {
      this.#checked = true;
      const faults = await findMissingParams(this.#project, this.#plan);
      if (faults.length > 0) this.#refusal = failure('configuration', ...faults);
    }
    return this.#refusal !== undefined;
  }

  /** Starts what fits now. */
  #admit(): void {
    if (this.#io.signal.aborted || this.#schedule.stopped) return;
    for (const index of this.#admission.admit()) {
      this.#launch(async () => {
        try {
          await this.#start(index);
        } finally {
          this.#admission.release(index);
        }
        await this.#wakeTwins(index);
      });
    }
  }

  /** An exception in a task is a bug: it ends the run once the other tasks have. */
  #launch(task: () => Promise<void>): void {
    this.#active++;
    task()
      .catch((error: unknown) => (this.#crash ??= { error }))
      .finally(() => {
        this.#active--;
        this.#admit();
        this.#wake();
      });
  }

  /** The stage may have waited for its turn: it is observed once more, so that what is recorded is what its command will read. */
  async #start(index: number): Promise<void> {
    this.#project.forgetAll();
    const { evidence, decision } = await this.#decide(index);
    if (decision.kind === 'execute' && evidence.inputs.kind === 'known')
      return this.#execute(index, evidence.inputs, this.#reasons.get(index)!);
    if (decision.kind === 'restore') return this.#restore(index, evidence, decision);
    if (decision.kind !== 'skip') {
      this.#failEarly(index, decision.kind === 'execute' ? [] : decision.reasons);
      return;
    }
    this.#counts.skipped++;
    this.#io.report({ kind: 'stage-skipped', stage: evidence.stage.name, reason: decision.why });
    this.#settle(index, 'done');
  }

  async #execute(index: number, inputs: KnownInputs, reasons: readonly Reason[]): Promise<void> {
    const stage = this.#project.graph.stages[index]!;
    const end = await executeStage(
      this.#project,
      index,
      inputs,
      { reasons, noCommit: this.#options.noCommit },
      this.#io,
    );
    if (end.kind === 'interrupted') return;
    if (end.kind === 'failed') {
      this.#counts.failed++;
      this.#io.report({ ...end, kind: 'stage-failed', stage: stage.name });
      this.#settle(index, 'failed');
      return;
    }
    this.#saver.set(stage.name, end.lock);
    this.#executed.add(index);
    this.#counts.executed++;
    this.#io.report({
      kind: 'stage-executed',
      stage: stage.name,
      seconds: end.result.seconds,
      peakMemory: end.result.peakMemory,
      runId: end.runId,
    });
    this.#settle(index, 'done');
  }

  /** What turns out not to be restorable is decided again: the damaged object is gone from the cache by then. */
  async #restore(index: number, evidence: Evidence, decision: Extract<Decision, { kind: 'restore' }>): Promise<void> {
    const { stage } = evidence;
    const startedAt = this.#io.now();
    const end = await restoreStage(this.#project, evidence, decision.from, this.#io);
    if (end.kind === 'interrupted') return;
    if (end.kind === 'failed') {
      this.#counts.failed++;
      this.#io.report({
        kind: 'stage-failed',
        stage: stage.name,
        message: end.message,
        seconds: 0,
        tail: [],
        log: null,
      });
      this.#settle(index, 'failed');
      return;
    }
    if (end.kind === 'lost') {
      this.#reasons.set(index, decision.reasons);
      return this.#consider(index);
    }
    if (end.lock !== undefined) this.#saver.set(stage.name, end.lock);
    const saved = decision.from.entry?.seconds ?? 0;
    this.#counts.restored++;
    this.#counts.saved += saved;
    const seconds = (this.#io.now() - startedAt) / 1000;
    this.#io.report({
      kind: 'stage-restored',
      stage: stage.name,
      reasons: decision.reasons,
      saved,
      seconds,
      runId: decision.from.entry?.runId ?? '',
    });
    this.#settle(index, 'done');
  }

  #failEarly(index: number, reasons: readonly Reason[]): void {
    const stage = this.#project.graph.stages[index]!;
    const hint = reasons
      .map((reason) => (reason.kind === 'dep-missing' ? reason.hint : undefined))
      .find((text) => text !== undefined);
    this.#counts.failed++;
    this.#io.report({
      kind: 'stage-failed',
      stage: stage.name,
      message: reasons.map(describeReason).join('; '),
      hint,
      seconds: 0,
      tail: [],
      log: null,
    });
    this.#settle(index, 'failed');
  }

  #settle(index: number, outcome: Outcome): void {
    this.#reportBlocked(this.#schedule.settle(index, outcome));
  }

  #reportBlocked(blocked: readonly Blocked[]): void {
    const { stages } = this.#project.graph;
    for (const { stage, by } of blocked) {
      this.#counts.blocked++;
      this.#io.report({ kind: 'stage-blocked', stage: stages[stage]!.name, by: stages[by]!.name });
    }
  }
}
