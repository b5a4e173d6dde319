import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { makePipeline } from '../../test/make-pipeline.ts';
import { buildGraph } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { Admission } from './admission.ts';
import { Schedule } from './schedule.ts';
import type { FailurePolicy } from './schedule.ts';
import { selectPlan } from './select.ts';

function build(sketches: Parameters<typeof makePipeline>[0]): Graph {
  const graph = buildGraph(makePipeline(sketches));
  if (!graph.ok) throw new Error(graph.error[0]!.message);
  return graph.value;
}

function scheduleOf(graph: Graph, policy: FailurePolicy = 'stop'): Schedule {
  const plan = selectPlan(graph, { targets: [], reach: 'upstream' });
  if (!plan.ok) throw new Error('no plan');
  return new Schedule(graph, plan.value, { policy, ordered: false });
}

/** top → left, right → bottom; alone. */
const diamond = (): Graph =>
  build({
    top: { outs: ['t'] },
    left: { deps: ['t'], outs: ['l'] },
    right: { deps: ['t'], outs: ['r'] },
    bottom: { deps: ['l', 'r'] },
    alone: {},
  });

describe('Schedule', () => {
  it('gives a join only after both middles', () => {
    const schedule = scheduleOf(diamond());
    expect([schedule.take(), schedule.take(), schedule.take()]).toEqual([0, 4, undefined]);
    schedule.settle(0, 'done');
    expect([schedule.take(), schedule.take(), schedule.take()]).toEqual([1, 2, undefined]);
    schedule.settle(1, 'done');
    expect(schedule.take()).toBeUndefined();
    schedule.settle(2, 'done');
    expect(schedule.take()).toBe(3);
  });

  it('stop: starts nothing after a failure, and names it for the rest', () => {
    const schedule = scheduleOf(diamond());
    schedule.take();
    expect(schedule.settle(0, 'failed').map(({ stage }) => stage)).toEqual([1, 2, 3]);
    expect(schedule.take()).toBeUndefined();
    expect(schedule.unsettled()).toEqual([{ stage: 4, by: 0 }]);
  });

  it('keep-going: blocks descendants only, each once', () => {
    const schedule = scheduleOf(diamond(), 'keep-going');
    schedule.take();
    schedule.settle(0, 'done');
    expect([schedule.take(), schedule.take(), schedule.take()]).toEqual([1, 2, 4]);
    expect(schedule.settle(1, 'failed')).toEqual([{ stage: 3, by: 1 }]);
    expect(schedule.settle(2, 'failed')).toEqual([]);
    expect(schedule.take()).toBeUndefined();
    expect(schedule.unsettled()).toEqual([]);
  });

  it('ignore: blocks nobody', () => {
    const schedule = scheduleOf(diamond(), 'ignore');
    schedule.take();
    expect(schedule.settle(0, 'failed')).toEqual([]);
    expect(schedule.take()).toBe(1);
  });
});

describe('Admission', () => {
  it('never exceeds a capacity, and leaves nobody waiting for ever', () => {
    const wants = fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 6 }), gpu: fc.integer({ min: 0, max: 3 }) }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(wants, fc.infiniteStream(fc.nat()), (stages, picks) => {
        const capacity = { cpu: 4, gpu: 2 };
        const admission = new Admission(capacity);
        stages.forEach((wanted, stage) => admission.enqueue(stage, wanted));
        const running: number[] = [];
        const ended = new Set<number>();
        while (ended.size < stages.length) {
          running.push(...admission.admit());
          for (const name of ['cpu', 'gpu'] as const) {
            const used = running.reduce((sum, stage) => sum + Math.min(stages[stage]![name], capacity[name]), 0);
            expect(used).toBeLessThanOrEqual(capacity[name]);
          }
          expect(running.length).toBeGreaterThan(0);
          const [stage] = running.splice(picks.next().value % running.length, 1);
          admission.release(stage!);
          ended.add(stage!);
        }
        expect(admission.waiting).toBe(0);
      }),
    );
  });

  it('lets small stages overtake a large one only a few times', () => {
    const admission = new Admission({ cpu: 2 });
    admission.enqueue(0, { cpu: 1 });
    expect(admission.admit()).toEqual([0]);
    admission.enqueue(1, { cpu: 2 });
    let overtaken = 0;
    for (let small = 2; small < 100; small++) {
      admission.enqueue(small, { cpu: 1 });
      const admitted = admission.admit();
      if (!admitted.includes(small)) break;
      overtaken++;
      admission.release(small);
    }
    expect(overtaken).toBeGreaterThan(0);
    expect(overtaken).toBeLessThan(20);
    admission.release(0);
    expect(admission.admit()).toEqual([1]);
  });

  it('leaves resources without a capacity alone', () => {
    const admission = new Admission({ cpu: 4 });
    admission.enqueue(0, { cpu: 1, licence: 100 });
    expect(admission.admit()).toEqual([0]);
  });
});
