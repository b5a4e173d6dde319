import { describe, expect, it } from '@jest/globals';
import { MemoryProject, Stepper, makeProjects } from '../../test/memory-project.ts';
import type { Command } from '../../test/memory-project.ts';
import { loadDigest } from '../core/digest.ts';

await loadDigest();

const make = makeProjects();

/** Two branches from one stage. */
const fork = {
  top: { deps: ['in'], outs: ['top.out'] },
  left: { deps: ['top.out'], outs: ['left.out'] },
  right: { deps: ['top.out'], outs: ['right.out'] },
  join: { deps: ['left.out', 'right.out'], outs: ['join.out'] },
};
const fails: Command = () => 1;

describe('order and overlap', () => {
  it('writes the objects, then the entry, then the lock', async () => {
    const project = make({ a: { deps: ['in'], outs: ['one', 'two'] } }, { in: '1' });
    await project.repro();
    expect(project.calls).toEqual(['object one', 'object two', 'entry a', 'lock a']);
  });

  it('runs what is independent side by side, and a join after both', async () => {
    const steps = new Stepper();
    const project = make(fork, { in: '1' });
    for (const name of Object.keys(fork)) project.commands.set(name, steps.command());
    const run = project.repro({ jobs: 2 });
    await steps.until('top');
    steps.end('top');
    await steps.until('left', 'right');
    steps.end('right');
    await steps.until('left');
    steps.end('left');
    await steps.until('join');
    steps.end('join');
    expect((await run).executed).toEqual(['top', 'right', 'left', 'join']);
  });

  it('never oversubscribes a pool', async () => {
    const needs = [1, 2, 1, 3, 1, 2, 1];
    const stages = Object.fromEntries(
      needs.map((gpu, index) => [`s${index}`, { outs: [`${index}.out`], resources: { cpu: 1, gpu } }]),
    );
    const project = make(stages);
    project.pools['gpu'] = 3;
    const peaks: number[] = [];
    for (const name of Object.keys(stages)) {
      project.commands.set(name, async (files, job) => {
        const gpus = [...project.running].reduce((sum, each) => sum + needs[Number(each.slice(1))]!, 0);
        peaks.push(gpus);
        expect(project.running.size).toBeLessThanOrEqual(2);
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
        return MemoryProject.concatenate(files, job);
      });
    }
    const run = await project.repro({ jobs: 2 });
    expect(run.executed).toHaveLength(needs.length);
    expect(Math.max(...peaks)).toBe(3);
  });

  it('gives back fractions of a pool exactly', async () => {
    const steps = new Stepper();
    const shares = { a: 0.1, b: 0.1, c: 0.3, whole: 0.6 };
    const stages = Object.fromEntries(
      Object.entries(shares).map(([name, share]) => [name, { outs: [`${name}.out`], resources: { cpu: 1, share } }]),
    );
    const project = make(stages);
    project.pools['share'] = 0.6;
    for (const name of Object.keys(stages)) project.commands.set(name, steps.command());
    const run = project.repro();
    await steps.until('a', 'b', 'c');
    for (const name of ['a', 'b', 'c']) steps.end(name);
    await steps.until('whole');
    steps.end('whole');
    expect((await run).executed).toEqual(['a', 'b', 'c', 'whole']);
  });
});

describe('stages with one fingerprint', () => {
  const twins = {
    one: { cmd: 'same', deps: ['in'], outs: ['one.out'], relocatable: true },
    two: { cmd: 'same', deps: ['in'], outs: ['two.out'], relocatable: true },
    three: { cmd: 'same', deps: ['in'], outs: ['three.out'], relocatable: true },
  };
  const write: Command = (files, job) => {
    const { outs } = JSON.parse(job.env['TEST_STAGE']!) as { outs: string[] };
    files.set(outs[0]!, 'result');
    return undefined;
  };

  it('are executed once; the others take the result', async () => {
    const steps = new Stepper();
    const project = make(twins, { in: '1' });
    for (const name of Object.keys(twins)) project.commands.set(name, steps.command(write));
    const run = project.repro();
    await steps.until('one');
    steps.end('one');
    expect(await run).toMatchObject({ executed: ['one'], restored: ['two', 'three'] });
    expect(project.files.get('three.out')).toBe('result');
  });

  it('are tried one after the other where the first fails', async () => {
    const project = make(twins, { in: '1' });
    for (const name of ['two', 'three']) project.commands.set(name, write);
    project.commands.set('one', fails);
    const run = await project.repro({ policy: 'keep-going' });
    expect(run.failed).toEqual(['one']);
    expect([run.executed.length, run.restored.length]).toEqual([1, 1]);
  });

  it('do not start after a failure that stops the run', async () => {
    const project = make(twins, { in: '1' });
    project.commands.set('one', fails);
    expect(await project.repro()).toMatchObject({ failed: ['one'], executed: [], blocked: ['two', 'three'] });
  });

  it('are each executed where that is asked for', async () => {
    const project = make(twins, { in: '1' });
    for (const name of Object.keys(twins)) project.commands.set(name, write);
    expect((await project.repro({ force: true })).executed).toHaveLength(3);
    expect((await project.repro({ force: true, noCommit: true })).executed).toHaveLength(3);
  });
});

describe('a relocatable stage', () => {
  const before = { a: { cmd: 'same', deps: ['in'], outs: ['x', 'y'], relocatable: true } };

  it('is restored at its new paths', async () => {
    const project = make(before, { in: '1' });
    await project.repro();
    project.set({ renamed: { ...before.a, outs: ['p', 'q'] } });
    expect((await project.repro()).restored).toEqual(['renamed']);
    expect(project.files.get('p')).toBe(project.files.get('x'));
  });

  it('gets each out where it is declared now when the declared order is changed', async () => {
    const project = make(before, { in: '1' });
    await project.repro();
    const [x, y] = [project.files.get('x'), project.files.get('y')];
    project.set({ a: { ...before.a, outs: ['y', 'x'] } });
    expect((await project.repro()).restored).toEqual(['a']);
    expect([project.files.get('y'), project.files.get('x')]).toEqual([x, y]);
    expect((await project.repro()).skipped).toEqual(['a']);
  });
});
