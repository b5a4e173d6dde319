// Who goes on after a round of successive halving (Jamieson and Talwalkar 2016): a pure function of how far and how well the models of params.yaml
// came. Names and their order decide nothing.

import type { TrainingPlan } from '../config/definition.ts';
import type { RoundResult, Trained } from './result.ts';

export interface Contestant {
  readonly name: string;
  readonly plan: TrainingPlan;
  /** Undefined: its round failed, so that it takes no part. */
  readonly result: RoundResult | undefined;
}

export interface Decision {
  /** What is to be trained of each model, by name. */
  readonly plans: ReadonlyMap<string, TrainingPlan>;
  /** What was decided, for the log. */
  readonly lines: readonly string[];
}

/**
 * Of the models that have more to train, the best ⌈n / factor⌉ go on, by validation accuracy, then by loss; the others stop where they are. Who is done
 * takes no place: finishing it costs nothing more. Two names of one model count once.
 */
export function decide(contestants: readonly Contestant[], factor: number): Decision {
  const order = orderOpen(contestants);
  const places = Math.ceil(order.length / factor);
  const plans = new Map<string, TrainingPlan>();
  const lines = [`${places} of ${order.length} models go on`];
  for (const { name, plan, result } of contestants) {
    const place = result === undefined ? 0 : order.indexOf(result.definition) + 1;
    const stops = place > places;
    plans.set(name, stops ? { ...plan, stopAfter: result!.epochs } : plan);
    lines.push(`${name}: ${describe(result, place, stops)}`);
  }
  return { plans, lines };
}

/** The definitions of those that may go on, the best first. */
function orderOpen(contestants: readonly Contestant[]): readonly string[] {
  const open = contestants.flatMap(({ result }) => (result?.state === 'open' ? [result] : []));
  return [...new Set(open.sort(compareResults).map(({ definition }) => definition))];
}

function compareResults(a: Trained, b: Trained): number {
  return b.valAcc - a.valAcc || a.valLoss - b.valLoss || (a.definition < b.definition ? -1 : 1);
}

function describe(result: RoundResult | undefined, place: number, stops: boolean): string {
  if (result === undefined) return 'no result';
  if (result.state === 'stopped') return `stopped after epoch ${result.epochs} by the round before`;
  const figure = `val_acc ${result.valAcc.toFixed(4)} at epoch ${result.epochs}`;
  if (place === 0) return `done, with ${figure}`;
  return `place ${place}, with ${figure}: ${stops ? 'stops' : 'goes on'}`;
}
