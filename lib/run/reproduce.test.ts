import { describe, expect, it } from '@jest/globals';
import { MemoryProject, Stepper, makeProjects, present } from '../../test/memory-project.ts';
import type { Command } from '../../test/memory-project.ts';
import { loadDigest } from '../core/digest.ts';

await loadDigest();

const make = makeProjects();

const chain = {
  a: { deps: ['in'], outs: ['a.out'] },
  b: { deps: ['a.out'], outs: ['b.out'] },
  c: { deps: ['b.out'], outs: ['c.out'] },
};
/** Two branches from one stage. */
const fork = {
  top: { deps: ['in'], outs: ['top.out'] },
  left: { deps: ['top.out'], outs: ['left.out'] },
  right: { deps: ['top.out'], outs: ['right.out'] },
  join: { deps: ['left.out', 'right.out'], outs: ['join.out'] },
};
const fails: Command = () => 1;

describe('what happens to a stage', () => {
  it('executes what never ran, then skips it', async () => {
    const project = make(chain, { in: '1' });
    expect((await project.repro()).executed).toEqual(['a', 'b', 'c']);
    const again = await project.repro();
    expect(again.skipped).toEqual(['a', 'b', 'c']);
    expect(again.summary).toMatchObject({ executed: 0, restored: 0, skipped: 3, failed: 0, blocked: 0 });
  });

  it('restores what ran before (A → B → A)', async () => {
    const project = make(chain, { in: '1' });
    await project.repro();
    const first = project.files.get('c.out');
    project.files.set('in', '2');
    expect((await project.repro()).executed).toEqual(['a', 'b', 'c']);
    project.files.set('in', '1');
    const back = await project.repro();
    expect(back.restored).toEqual(['a', 'b', 'c']);
    expect(back.summary).toMatchObject({ saved: 3 });
    expect(project.files.get('c.out')).toBe(first);
  });

  it('stops early where a stage gives the same bytes again', async () => {
    const project = make(chain, { in: '1' });
    project.commands.set('a', (files) => void files.set('a.out', 'always this'));
    await project.repro();
    project.files.set('in', '2');
    const run = await project.repro();
    expect([run.executed, run.skipped]).toEqual([['a'], ['b', 'c']]);
  });

  it('restores a hand-edited out, and nothing else', async () => {
    const project = make(chain, { in: '1' });
    await project.repro();
    project.files.set('b.out', 'edited');
    const run = await project.repro();
    expect([run.restored, run.skipped]).toEqual([['b'], ['a', 'c']]);
  });

  it('decides again where an object turns out to be damaged: the next older result, then a run', async () => {
    const project = make({ a: { deps: ['in'], outs: ['a.out'] } }, { in: '1' });
    let count = 0;
    project.commands.set('a', (files) => void files.set('a.out', `result ${count++}`));
    await project.repro();
    await project.repro({ force: true });
    project.files.delete('a.out');
    project.damaged.add(present('result 1').digest);
    const older = await project.repro();
    expect([older.restored, project.files.get('a.out')]).toEqual([['a'], 'result 0']);
    expect(older.events.filter((event) => event.kind === 'warning')).toHaveLength(1);

    project.files.delete('a.out');
    project.damaged.add(present('result 0').digest);
    const run = await project.repro();
    expect([run.executed, project.files.get('a.out')]).toEqual([['a'], 'result 2']);
  });

  it('decides again, in its own slot, where a restore is found only when its turn comes and is then lost', async () => {
    const steps = new Stepper();
    const project = make({ x: { outs: ['x.out'] }, a: { deps: ['in'], outs: ['a.out'] } }, { in: '1' });
    await project.repro();
    const [entry] = project.runs.filter((run) => run.stage === 'a');
    project.runs.length = 0;
    project.lock.clear();
    project.files.delete('a.out');
    project.commands.set('x', steps.command());
    const run = project.repro({ jobs: 1 });
    await steps.until('x');
    // Another runner on the same cache makes the result while this one waits for its slot; it is damaged.
    project.runs.push(entry!);
    project.damaged.add(entry!.outs[0]!.content.digest);
    steps.end('x');
    expect((await run).executed).toEqual(['x', 'a']);
  });

  it('skips what has become fresh while it waited for its slot', async () => {
    const steps = new Stepper();
    const project = make({ x: { outs: ['x.out'] }, a: { deps: ['in'], outs: ['a.out'] } }, { in: '1' });
    await project.repro();
    project.runs.length = 0;
    project.objects.clear();
    const result = project.files.get('a.out')!;
    project.files.set('a.out', 'edited');
    project.commands.set('x', steps.command());
    const run = project.repro({ jobs: 1 }, { targets: ['x', 'a'] });
    project.files.delete('x.out');
    await steps.until('x');
    project.files.set('a.out', result);
    steps.end('x');
    expect(await run).toMatchObject({ executed: ['x'], skipped: ['a'] });
  });

  it('fails before the outs are cleared where a dep is missing', async () => {
    const project = make({ a: { deps: ['in'], outs: ['a.out'] } }, { 'a.out': 'old' });
    const run = await project.repro();
    expect(run.failed).toEqual(['a']);
    expect(project.files.get('a.out')).toBe('old');
    expect(run.events.find((event) => event.kind === 'stage-failed')).toMatchObject({
      message: 'dep missing: in',
      hint: 'no stage makes it: create it, correct the path, or add it to the outs of the stage that writes it',
    });
  });

  it('fails, and keeps the old record, where the command fails, or leaves an out unwritten', async () => {
    for (const command of [fails, (() => undefined) as Command]) {
      const project = make(chain, { in: '1' });
      await project.repro();
      const before = new Map(project.lock);
      project.files.set('in', '2');
      project.commands.set('a', command);
      const run = await project.repro();
      expect([run.failed, run.blocked]).toEqual([['a'], ['b', 'c']]);
      expect(new Map(project.lock)).toEqual(before);
      project.commands.delete('a');
      expect((await project.repro()).executed).toEqual(['a', 'b', 'c']);
    }
  });

  it('names every out that the command left unwritten', async () => {
    const project = make({ a: { outs: ['a.out', 'b.out', 'c.out'] } }, {});
    project.commands.set('a', (files) => void files.set('b.out', 'there'));
    const { events } = await project.repro();
    expect(events.find((event) => event.kind === 'stage-failed')).toMatchObject({
      message: 'the command ended well but did not write its outs "a.out", "c.out"',
    });
  });

  it('does not record a run whose input was edited meanwhile, and does not retry it', async () => {
    const project = make({ a: { deps: ['in'], outs: ['a.out'], retries: 3 } }, { in: '1' });
    let attempts = 0;
    project.commands.set('a', (files, job) => {
      attempts++;
      files.set('in', '2');
      return MemoryProject.concatenate(files, job);
    });
    const run = await project.repro();
    expect([run.failed, project.runs, project.lock.size, attempts]).toEqual([['a'], [], 0, 1]);
  });

  it('retries a failing command as often as it says', async () => {
    const project = make({ a: { outs: ['a.out'], retries: 2 } });
    let attempts = 0;
    project.commands.set('a', (files, job) => (++attempts < 3 ? 1 : MemoryProject.concatenate(files, job)));
    const run = await project.repro();
    expect([run.executed, attempts]).toEqual([['a'], 3]);
    const starts = run.events.flatMap((event) => (event.kind === 'stage-started' ? [event.attempt] : []));
    expect(starts).toEqual([1, 2, 3]);

    project.commands.set('a', fails);
    expect((await project.repro({ force: true })).failed).toEqual(['a']);
  });

  it('never runs a frozen stage, and restores its deleted outs', async () => {
    const project = make(chain, { in: '1' });
    await project.repro();
    project.set({ ...chain, b: { ...chain.b, frozen: true } });
    project.files.set('in', '2');
    project.files.delete('b.out');
    const run = await project.repro({ force: true });
    expect([run.executed, run.restored]).toEqual([['a', 'c'], ['b']]);
  });

  it('always executes what always changes', async () => {
    const project = make({ a: { outs: ['a.out'], alwaysChanged: true } });
    await project.repro();
    project.files.delete('a.out');
    expect((await project.repro()).executed).toEqual(['a']);
  });

  it('takes a history that grew between the decision and the start into account', async () => {
    const project = make(
      {
        a: { deps: ['in'], outs: ['a.out'] },
        b: { runs: ['a'], outs: ['b.out'] },
      },
      { in: '1' },
    );
    await project.repro();
    const foreign = { ...project.runs[0]!, result: project.runs[1]!.result, fingerprint: project.runs[1]!.fingerprint };
    project.files.set('in', '2');
    let reads = 0;
    project.onHistory = () => {
      if (reads++ === 0) project.runs.push(foreign);
    };
    await project.repro();
    expect(reads).toBe(2);
    expect((await project.repro()).skipped).toEqual(['a', 'b']);
  });
});

describe('options', () => {
  it('--force executes everything; --force-downstream only what is below what ran', async () => {
    const project = make({ ...fork, alone: { outs: ['alone.out'] } }, { in: '1' });
    await project.repro();
    expect((await project.repro({ force: true })).executed).toHaveLength(5);
    project.commands.set('left', (files) => void files.set('left.out', 'same'));
    await project.repro({ force: true }, { targets: ['left'], reach: 'single' });
    await project.repro();
    project.set({ ...fork, alone: { outs: ['alone.out'] }, left: { ...fork.left, cmd: 'changed' } });
    const run = await project.repro({ forceDownstream: true });
    expect([run.executed, run.skipped.toSorted()]).toEqual([
      ['left', 'join'],
      ['alone', 'right', 'top'],
    ]);
  });

  it('--no-run-cache executes what could be restored', async () => {
    const project = make(chain, { in: '1' });
    await project.repro();
    project.files.delete('c.out');
    expect((await project.repro({ noRunCache: true })).executed).toEqual(['c']);
  });

  it('--no-commit stores nothing, and the stage is fresh all the same', async () => {
    const project = make(chain, { in: '1' });
    await project.repro({ noCommit: true });
    expect([project.objects.size, project.runs]).toEqual([0, []]);
    expect((await project.repro()).skipped).toHaveLength(3);
    project.files.delete('c.out');
    expect((await project.repro()).executed).toEqual(['c']);
  });

  it('--allow-missing skips where only data is missing, and restores what it can', async () => {
    const project = make(chain, { in: '1' });
    await project.repro();
    project.files.clear();
    expect((await project.repro({ allowMissing: true })).skipped).toEqual(['a', 'b', 'c']);
    expect(project.files.size).toBe(0);
  });

  it('--allow-missing does not run a changed stage without its dep, nor clear its outs', async () => {
    const project = make(chain, { in: '1' });
    await project.repro();
    project.files.delete('b.out');
    project.set({ ...chain, c: { ...chain.c, cmd: 'changed' } });
    const [, , predicted] = await project.assess({ allowMissing: true });
    expect(predicted?.decision.kind).toBe('fail');
    const run = await project.repro({ allowMissing: true });
    expect(run.failed).toEqual(['c']);
    expect(project.files.has('c.out')).toBe(true);
  });

  it('--single-item takes the targets in the order given', async () => {
    const project = make(chain, { in: '1', 'a.out': 'x' });
    const run = await project.repro({ ordered: true }, { targets: ['b', 'a'], reach: 'single' });
    expect(run.executed).toEqual(['b', 'a']);
  });

  it('a run of some targets keeps the entries of the others, and drops those of stages that are gone', async () => {
    const project = make(chain, { in: '1' });
    await project.repro();
    project.set({ a: chain.a, b: chain.b });
    await project.repro({}, { targets: ['a'] });
    expect([...project.lock.keys()]).toEqual(['a', 'b']);
  });
});

describe('failures', () => {
  const wide = { a: { outs: ['a.out'] }, b: { outs: ['b.out'] }, c: { outs: ['c.out'] } };

  it('stop: what waits for a slot does not start after a failure, and is reported', async () => {
    const project = make(wide);
    project.commands.set('a', fails);
    const run = await project.repro({ jobs: 1 });
    expect([run.failed, run.executed, run.blocked]).toEqual([['a'], [], ['b', 'c']]);
    expect(run.summary).toMatchObject({ failed: 1, blocked: 2 });
  });

  it('stop: what runs already may end', async () => {
    const steps = new Stepper();
    const project = make(wide);
    for (const name of ['a', 'b']) project.commands.set(name, steps.command());
    const run = project.repro({ jobs: 2 });
    await steps.until('a', 'b');
    steps.end('a', 1);
    await steps.until('b');
    steps.end('b');
    expect(await run).toMatchObject({ failed: ['a'], executed: ['b'], blocked: ['c'] });
    expect([...project.lock.keys()]).toEqual(['b']);
  });

  it('keep-going: only descendants are blocked', async () => {
    const project = make({ ...fork, alone: { outs: ['alone.out'] } }, { in: '1' });
    project.commands.set('left', fails);
    const run = await project.repro({ policy: 'keep-going', jobs: 1 });
    expect([run.executed.toSorted(), run.blocked]).toEqual([['alone', 'right', 'top'], ['join']]);
  });

  it('ignore: descendants are tried', async () => {
    const project = make(fork, { in: '1' });
    project.commands.set('left', (files) => {
      files.set('left.out', 'half');
      return 1;
    });
    const run = await project.repro({ policy: 'ignore' });
    expect([run.failed, run.executed]).toEqual([['left'], ['top', 'right', 'join']]);
  });

  it('a bug in an adapter ends the run when the other stages have ended, and what ended is recorded', async () => {
    const steps = new Stepper();
    const project = make(wide);
    project.commands.set('a', steps.command());
    const crashed = new Promise<void>((resolve) => {
      project.commands.set('b', () => {
        setImmediate(resolve);
        return Promise.reject(new Error('a bug'));
      });
    });
    const run = project.repro({ jobs: 2 });
    await Promise.all([steps.until('a'), crashed]);
    steps.end('a');
    await expect(run).rejects.toThrow('a bug');
    expect([...project.lock.keys()]).toEqual(['a']);
  });
});

describe('an interrupt', () => {
  it('records nothing of what it ended, starts nothing, and the next run goes on', async () => {
    const steps = new Stepper();
    const project = make(chain, { in: '1' });
    project.commands.set('b', steps.command());
    const run = project.repro();
    await steps.until('b');
    project.controller.abort('SIGINT');
    expect(await run).toMatchObject({ executed: ['a'], failed: [], blocked: [] });
    expect([...project.lock.keys()]).toEqual(['a']);
  });

  it('before the start changes nothing', async () => {
    const project = make(chain, { in: '1' });
    project.controller.abort('SIGINT');
    expect(await project.repro()).toMatchObject({ executed: [], skipped: [], failed: [], blocked: [] });
    expect(project.calls).toEqual([]);
  });
});
