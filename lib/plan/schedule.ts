// Which stage may be considered next, and which may start. Changed only by start() and settle(); knows neither clock nor process.

import type { Graph } from '../graph/graph.ts';
import type { Plan } from './select.ts';

export type Outcome = 'done' | 'failed';

/** What a failure means for the rest: `stop`: nothing new starts; `keep-going`: only descendants are blocked; `ignore`: nobody is. */
export type FailurePolicy = 'stop' | 'keep-going' | 'ignore';

type State = 'waiting' | 'ready' | 'taken' | 'done' | 'failed' | 'blocked';

/** A stage that will not be considered, and the failed stage that keeps it from being so. */
export interface Blocked {
  readonly stage: number;
  readonly by: number;
}

export class Schedule {
  readonly #policy: FailurePolicy;
  readonly #state = new Map<number, State>();
  readonly #waitingFor = new Map<number, number>();
  readonly #rank = new Map<number, number>();
  /** Ready stages, by rank: a binary heap would not pay, as most graphs have few ready stages at once or all from the start. */
  readonly #ready: number[] = [];
  readonly #successors: (stage: number) => readonly number[];
  #next = 0;
  #failedBy: number | undefined;

  /** `ordered`: consider the stages of the plan strictly one after the other, whatever the graph says (single items). */
  constructor(graph: Graph, plan: Plan, options: { readonly policy: FailurePolicy; readonly ordered: boolean }) {
    this.#policy = options.policy;
    const planned = new Set(plan.order);
    plan.order.forEach((stage, rank) => {
      this.#rank.set(stage, rank);
      const previous = plan.order[rank - 1];
      const needs = options.ordered
        ? previous === undefined
          ? 0
          : 1
        : graph.up[stage]!.filter((other) => planned.has(other)).length;
      this.#waitingFor.set(stage, needs);
      this.#state.set(stage, needs === 0 ? 'ready' : 'waiting');
      if (needs === 0) this.#ready.push(stage);
    });
    this.#successors = options.ordered
      ? (stage) => plan.order.slice(this.#rank.get(stage)! + 1, this.#rank.get(stage)! + 2)
      : (stage) => graph.down[stage]!.filter((other) => planned.has(other));
  }

  /** True once a failure keeps anything new from starting. */
  get stopped(): boolean {
    return this.#failedBy !== undefined && this.#policy === 'stop';
  }

  /** Takes the next stage whose producers have all settled, in plan order; undefined where there is none now. */
  take(): number | undefined {
    if (this.stopped) return undefined;
    const stage = this.#ready[this.#next];
    if (stage === undefined) return undefined;
    this.#next++;
    this.#state.set(stage, 'taken');
    return stage;
  }

  /** Records how a taken stage ended; returns the stages that are blocked by it. */
  settle(stage: number, outcome: Outcome): readonly Blocked[] {
    this.#state.set(stage, outcome);
    if (outcome === 'failed') {
      this.#failedBy ??= stage;
      if (this.#policy !== 'ignore') return this.#block(stage);
    }
    const released = this.#successors(stage).filter((other) => this.#release(other));
    this.#insertReady(released);
    return [];
  }

  /** What never started, when nothing more will: with the first failure that stopped the run. */
  unsettled(): readonly Blocked[] {
    const by = this.#failedBy;
    const rest = [...this.#state]
      .filter(([, state]) => state === 'waiting' || state === 'ready' || state === 'taken')
      .map(([stage]) => stage);
    return by === undefined || !this.stopped ? [] : rest.map((stage) => ({ stage, by }));
  }

  #release(stage: number): boolean {
    const left = this.#waitingFor.get(stage)! - 1;
    this.#waitingFor.set(stage, left);
    if (left > 0 || this.#state.get(stage) !== 'waiting') return false;
    this.#state.set(stage, 'ready');
    return true;
  }

  /** Keeps the part of the list that is not taken yet in plan order. */
  #insertReady(released: readonly number[]): void {
    for (const stage of released) {
      const rank = this.#rank.get(stage)!;
      let low = this.#next;
      let high = this.#ready.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.#rank.get(this.#ready[middle]!)! < rank) low = middle + 1;
        else high = middle;
      }
      this.#ready.splice(low, 0, stage);
    }
  }

  #block(failed: number): Blocked[] {
    const blocked: Blocked[] = [];
    const pending = [...this.#successors(failed)];
    for (let stage = pending.pop(); stage !== undefined; stage = pending.pop()) {
      if (this.#state.get(stage) !== 'waiting') continue;
      this.#state.set(stage, 'blocked');
      blocked.push({ stage, by: failed });
      pending.push(...this.#successors(stage));
    }
    return blocked.sort((a, b) => this.#rank.get(a.stage)! - this.#rank.get(b.stage)!);
  }
}
