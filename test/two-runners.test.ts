// Several processes at once: on one workspace, on one cache, and a gc beside a runner.

import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { controlled, step, useRig } from './rig.ts';
import { currentOwner } from '../lib/core/owner.ts';

const rig = useRig();
const five = [1, 2, 3, 4, 5];

/** The lock that a killed runner leaves. */
function leaveDeadLock(): void {
  const owner = { host: hostname(), pid: process.pid, startTime: 'before', command: 'dagrun repro' };
  rig.write({ '.dagrun/lock': JSON.stringify(owner) });
}

/** Fails where a second one runs at the same time. */
const alone = 'mkdir ../busy || echo overlap >> ../overlaps; sleep 0.05; rmdir ../busy';

describe('61. two runners on one workspace', () => {
  it('the lock is held by one process at a time, also when all find the same dead owner', async () => {
    const program = rig.path('hammer.mjs');
    await build({
      entryPoints: [fileURLToPath(new URL('fakes/hammer.ts', import.meta.url))],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    });
    const run = promisify(execFile);
    const ends = await Promise.all(
      five.map((seed) => run(process.execPath, [program, rig.path('guard'), '100', String(seed)])),
    );
    expect(ends.map((end) => JSON.parse(end.stdout) as unknown)).toEqual(
      five.map(() => ({ held: 100, overlaps: 0, failures: 0 })),
    );
    expect(rig.files('.').filter((path) => path.startsWith('guard.'))).toEqual([]);
  }, 120_000);

  it('of five that find a dead lock at once, one works and four are told who', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    for (let round = 0; round < 3; round++) {
      leaveDeadLock();
      const runs = five.map(() => rig.start(['repro', '-f']));
      const command = await rig.started('only');
      const ends = await Promise.all(
        runs.map(async (run) => {
          if (rig.read('.dagrun/lock').includes(`"pid":${run.pid},`)) return undefined;
          return { run, end: await run.end() };
        }),
      );
      const losers = ends.flatMap((end) => end ?? []);
      expect(losers.map(({ end }) => end.code)).toEqual([3, 3, 3, 3]);
      const winner = runs.find((run) => !losers.some((loser) => loser.run === run))!;
      for (const { end } of losers) expect(end.stderr).toMatch(/another dagrun is working here: pid \d+ .*--wait/s);
      expect(rig.live.size).toBe(1);
      await command.exit(0);
      expect((await winner.end()).code).toBe(0);
      expect(rig.files('.dagrun').filter((path) => path.includes('lock'))).toEqual([]);
    }
  });

  it('five that wait work one after the other', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', alone) } } });
    leaveDeadLock();
    const ends = await Promise.all(five.map(() => rig.run(['repro', '-f', '--wait'])));
    expect(ends.map((end) => end.code)).toEqual([0, 0, 0, 0, 0]);
    expect(rig.executed()).toEqual(five.map(() => 'only'));
    expect(rig.has('../overlaps')).toBe(false);
  });

  it('whoever waits takes over from an owner that is killed', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
    const first = rig.start(['repro']);
    const old = await rig.started('only');
    const second = rig.start(['repro', '--wait']);
    await second.waitFor(() => (second.stdout + second.stderr).includes(`waiting for pid ${first.pid}`));
    first.signal('SIGKILL');
    const command = await rig.started('only');
    await old.ended;
    await command.exit(0);
    expect((await second.end()).code).toBe(0);
  });

  it.each([
    ['empty', ''],
    ['cut off', '{"host":"x","pi'],
    ['of another program', '[1]'],
  ])('a lock that is %s holds nobody up', async (_, text) => {
    rig.pipeline({ stages: { only: { cmd: step('only') } } });
    rig.write({ '.dagrun/lock': text });
    expect((await rig.good()).executed).toEqual(['only']);
    expect(rig.has('.dagrun/lock')).toBe(false);
  });

  it.each(['checkout', 'commit', 'freeze only', 'unfreeze only'])(
    '`%s` does not change a workspace in which another runner works',
    async (line) => {
      rig.pipeline({ stages: { only: { cmd: controlled('only') } } });
      const first = rig.start(['repro']);
      const command = await rig.started('only');
      const before = rig.snapshot();
      const run = await rig.run(line.split(' '));
      expect(run.code).toBe(3);
      expect(run.stderr).toContain(String(first.pid));
      expect(rig.snapshot()).toEqual(before);
      await command.exit(0);
      expect((await first.end()).code).toBe(0);
    },
  );
});

describe('62. several workspaces on one cache', () => {
  const env = { DAGRUN_CACHE_DIR: '../shared-cache' };
  const folders = ['../w1', '../w2', '../w3', '../w4'];
  const pipeline = {
    stages: {
      big: { cmd: 'yes "$(cat seed)" | head -c 1200000 > big', deps: ['seed'], outs: ['big'] },
      tree: {
        cmd: 'mkdir -p tree/sub; for i in 1 2 3 4 5 6; do cat seed > tree/$i; echo $i >> tree/$i; done; cp seed tree/sub/s',
        deps: ['seed'],
        outs: ['tree'],
      },
      join: {
        cmd: 'head -c 20 big > joined; cat tree/* >> joined 2> /dev/null || true',
        deps: ['big', 'tree'],
        outs: ['joined'],
      },
    },
  };

  it('four that run the same things over and over get the right bytes and leave a sound cache', async () => {
    for (const folder of folders) {
      mkdirSync(rig.path(folder));
      rig.pipeline(pipeline, `${folder}/pipeline.yaml`);
    }
    for (const round of [1, 2, 1, 3, 2, 1]) {
      for (const [index, folder] of folders.entries()) {
        rig.write({ [`${folder}/seed`]: `round ${round}\n` });
        if (index % 2 === 0) rig.remove(`${folder}/tree`, `${folder}/big`, `${folder}/pipeline.lock`);
      }
      const ends = await Promise.all(folders.map((cwd) => rig.repro(['-j', '2'], { cwd, env })));
      expect(ends.map((end) => [end.code, end.stderr])).toEqual(folders.map(() => [0, '']));
      const big = `round ${round}\n`.repeat(1_200_000 / 8);
      for (const folder of folders) {
        expect(rig.read(`${folder}/big`) === big).toBe(true);
        expect(rig.files(`${folder}/tree`)).toHaveLength(7);
        expect(rig.read(`${folder}/tree/6`)).toBe(`round ${round}\n6\n`);
        expect(rig.read(`${folder}/joined`).startsWith(big.slice(0, 20))).toBe(true);
      }
    }
    const verified = await rig.run(['cache', 'verify', '--json'], { cwd: folders[0]!, env });
    expect(JSON.parse(verified.stdout)).toMatchObject({ problems: [], entries: 9 });
    expect(rig.files('../shared-cache/tmp')).toEqual([]);
    expect(rig.files('../shared-cache/active')).toEqual([]);
  }, 120_000);

  it('a gc is refused while a runner of another workspace works, and changes nothing', async () => {
    rig.pipeline({ stages: { only: { cmd: controlled('only'), outs: ['o'] } } }, '../w1/pipeline.yaml');
    rig.pipeline({ stages: { other: { cmd: 'echo 1 > o', outs: ['o'] } } }, '../w2/pipeline.yaml');
    await rig.good([], { cwd: '../w2', env });
    const runner = rig.start(['repro'], { cwd: '../w1', env });
    const command = await rig.started('only');
    const before = rig.files('../shared-cache');
    rig.remove('../w2/pipeline.lock');
    const gc = await rig.run(['gc', '--workspace'], { cwd: '../w2', env });
    expect(gc.code).toBe(3);
    expect(gc.stderr).toContain(String(runner.pid));
    expect(gc.stderr).toContain('hint:');
    expect(rig.files('../shared-cache')).toEqual(before);
    expect((await rig.run(['gc', '--workspace', '--dry'], { cwd: '../w2', env })).code).toBe(0);
    await command.write(rig.path('../w1/o'), 'made');
    await command.exit(0);
    expect((await runner.end()).code).toBe(0);
    expect((await rig.run(['gc', '--workspace'], { cwd: '../w2', env })).code).toBe(0);
    // What the lock of the other workspace references stays.
    rig.remove('../w1/o');
    expect((await rig.good([], { cwd: '../w1', env })).restored).toEqual(['only']);
  });

  it('a runner does not start while a gc works, and does once that is dead', async () => {
    rig.pipeline({ stages: { only: { cmd: step('only', 'echo 1 > o'), outs: ['o'] } } });
    await rig.settle();
    const file = rig.path('cache/active/gc-here-1.json');
    mkdirSync(rig.path('cache/active'), { recursive: true });
    writeFileSync(file, JSON.stringify(currentOwner('dagrun gc')));
    rig.remove('o');
    for (const name of ['repro', 'checkout', 'commit']) {
      const run = await rig.run([name]);
      expect([name, run.code]).toEqual([name, 3]);
      expect(run.stderr).toContain(`${process.pid}: dagrun gc`);
    }
    expect(rig.has('o')).toBe(false);
    writeFileSync(file, JSON.stringify({ ...currentOwner('dagrun gc'), startTime: 'before' }));
    expect((await rig.good()).restored).toEqual(['only']);
    expect(rig.has('cache/active/gc-here-1.json')).toBe(false);
  });
});
