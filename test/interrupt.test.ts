// 41. Ctrl-C, SIGTERM and SIGHUP: the program ends with 130, takes everything with it that it started, and leaves a workspace in which the next
// run goes on where it was.

import { describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { LongRun, cliPath, controlled, step, useRig } from './rig.ts';
import { awaitSurvivors, findSurvivors } from './survivors.ts';

const rig = useRig();

/** Seconds that processes may take to disappear once the program has ended; only a broken one needs them. */
const patience = 20;

/** Until `go` is there the stage hangs, with a child, a grandchild in a session of its own, and one that ignores what it can. */
const family = [
  'echo long >> "$RIG_LOG"',
  '[ -e go ] || { echo half > long; trap "" TERM INT HUP; setsid sleep 1000 & (sleep 1000; true) & touch ready; while :; do sleep 1000; done; }',
  'echo whole > long',
].join('; ');

const pipeline = {
  stages: {
    up: { cmd: step('up', 'echo 1 > up'), outs: ['up'] },
    long: { cmd: family, deps: ['up'], outs: ['long'] },
    beside: { cmd: controlled('beside'), deps: ['up'], outs: ['beside'] },
    down: { cmd: step('down', 'cat long beside > down'), deps: ['long', 'beside'], outs: ['down'] },
  },
};

function lockedStages(): string[] {
  const lock = rig.readJson('pipeline.lock') as { stages: Record<string, unknown> };
  return Object.keys(lock.stages).sort();
}

/** Starts the pipeline and waits until both middle stages are at work. */
async function startAll(args: readonly string[] = []): Promise<LongRun> {
  rig.pipeline(pipeline);
  const run = rig.start(['repro', '-j', '3', ...args]);
  await rig.started('beside');
  await run.waitFor(() => rig.has('ready'));
  rig.executed();
  return run;
}

async function completes(): Promise<void> {
  rig.write({ go: '' });
  const next = rig.start(['repro', '-j', '3', '--json']);
  const beside = await rig.started('beside');
  await beside.write(rig.path('beside'), 'beside\n');
  await beside.exit(0);
  expect((await next.end()).code).toBe(0);
  expect(rig.executed().sort()).toEqual(['beside', 'down', 'long']);
  expect(rig.read('down')).toBe('whole\nbeside\n');
  expect(await rig.states()).toEqual({ up: 'fresh', long: 'fresh', beside: 'fresh', down: 'fresh' });
}

describe('41. an interrupted run', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends the whole process tree, keeps what was finished, and the next run completes',
    async (signal) => {
      const run = await startAll();
      run.signal(signal);
      const end = await run.end();
      expect(await awaitSurvivors(rig, patience)).toEqual([]);
      expect([end.code, end.signal]).toEqual([130, null]);
      expect(end.output).toContain(signal);
      expect(lockedStages()).toEqual(['up']);
      expect(rig.has('.dagrun/lock')).toBe(false);
      expect(rig.files('cache/active')).toEqual([]);
      const states = await rig.states();
      expect([states['up'], states['long'] === 'fresh', states['beside'] === 'fresh']).toEqual(['fresh', false, false]);
      await completes();
    },
  );

  it('a second Ctrl-C ends it at once; what it left is ended all the same, and the next run completes', async () => {
    const run = await startAll();
    run.signal('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 100));
    run.signal('SIGINT');
    expect((await run.end()).code).toBe(130);
    expect(await awaitSurvivors(rig, patience)).toEqual([]);
    await completes();
    expect(rig.has('.dagrun/lock')).toBe(false);
  });

  it('is said in the JSON events, whose last line is the summary', async () => {
    const run = await startAll(['--json']);
    run.signal('SIGTERM');
    const end = await run.end();
    const events = end.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; stage?: string });
    expect(events.map((event) => event.kind)).toContain('interrupted');
    expect(events.at(-1)).toMatchObject({ kind: 'summary', executed: 1, failed: 0 });
    expect(events.some((event) => event.kind === 'stage-failed')).toBe(false);
  });

  it('leaves an older lock entry as it was, and its half-written out is not taken for the recorded one', async () => {
    rig.pipeline({
      stages: {
        only: { cmd: 'echo half > o; [ ! -e hang ] || { touch ready; sleep 1000; }; echo whole > o', outs: ['o'] },
      },
    });
    await rig.settle();
    const lock = rig.read('pipeline.lock');
    rig.write({ hang: '' });
    const run = rig.start(['repro', '-f']);
    await run.waitFor(() => rig.has('ready'));
    run.signal('SIGINT');
    expect((await run.end()).code).toBe(130);
    expect(rig.read('pipeline.lock')).toBe(lock);
    expect((await rig.states())['only']).not.toBe('fresh');
    expect((await rig.good()).restored).toEqual(['only']);
    expect(rig.read('o')).toBe('whole\n');
  });

  it('interrupted while it waits for the workspace, it leaves the lock to its owner', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const first = rig.start(['repro']);
    const command = await rig.started('only');
    const second = rig.start(['repro', '--wait']);
    await second.waitFor(() => /waiting/.test(second.stdout + second.stderr));
    second.signal('SIGINT');
    expect((await second.end()).code).toBe(130);
    expect(rig.read('.dagrun/lock')).toContain(`"pid":${first.pid},`);
    await command.exit(0);
    expect((await first.end()).code).toBe(0);
  });

  it('is harmless at any moment, also while results are stored and restored', async () => {
    const stages = ['a', 'b', 'c'].map((name) => [
      name,
      {
        cmd: `yes ${name} | head -c 5000000 > ${name}; mkdir -p ${name}-tree; for i in 1 2 3 4 5 6; do cp ${name} ${name}-tree/$i; done`,
        outs: [name, `${name}-tree`],
      },
    ]);
    rig.pipeline({ stages: Object.fromEntries(stages) as object });
    const whole = performance.now();
    await rig.good(['-j', '2']);
    const length = performance.now() - whole;
    for (let round = 0; round < 8; round++) {
      rig.remove('a', 'a-tree', 'b', 'c-tree', ...(round % 2 === 0 ? ['cache', 'pipeline.lock'] : []));
      const run = rig.start(['repro', '-j', '2']);
      // Before that the program itself is still being loaded, and dies of the signal like any other. On a busy machine it may be done by then.
      await run.waitFor(() => rig.has('.dagrun/lock')).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, (length * round) / 9));
      run.signal(round % 3 === 0 ? 'SIGTERM' : 'SIGINT');
      const end = await run.end();
      // Node.js takes its handlers away as the last thing it does: all has been said by then.
      if (end.signal === null) expect([0, 130]).toContain(end.code);
      else expect(end.output).toMatch(/\bin \d/);
      expect(end.output).not.toMatch(/bug|warning/);
      expect(findSurvivors(rig)).toEqual([]);
      expect(rig.has('.dagrun/lock')).toBe(false);
      expect((await rig.run(['cache', 'verify'])).code).toBe(0);
      await rig.good(['-j', '2']);
      for (const name of ['a', 'b', 'c'])
        expect(rig.read(`${name}-tree/6`) === `${name}\n`.repeat(2_500_000)).toBe(true);
    }
  }, 120_000);
});

const hasTerminal = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;

describe('Ctrl-C in a terminal', () => {
  if (!hasTerminal) {
    it('not run: there is no `script` of util-linux here, which makes a terminal', () => {
      expect(hasTerminal).toBe(false);
    });
    return;
  }

  it('41. reaches the runner only, which ends its commands and gives the terminal back', async () => {
    rig.pipeline(pipeline);
    const command = `'${process.execPath}' '${cliPath}' repro -j 3`;
    const env = rig.env({ TERM: 'xterm-256color' });
    delete env['NO_COLOR'];
    const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: rig.root, env, stdio: 'pipe' });
    const run = new LongRun(child, ['(in a terminal) repro']);
    await rig.started('beside');
    await run.waitFor(() => rig.has('ready'));
    child.stdin.write('\u0003');
    const end = await run.end();
    expect(end.code).toBe(130);
    expect(await awaitSurvivors(rig, patience)).toEqual([]);
    // A hidden cursor is shown again.
    expect(end.stdout.lastIndexOf('\u001b[?25l')).toBeLessThanOrEqual(end.stdout.lastIndexOf('\u001b[?25h'));
    expect(lockedStages()).toEqual(['up']);
    rig.executed();
    await completes();
  });
});
