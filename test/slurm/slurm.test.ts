// Stages on a real Slurm: the program, the controller and two nodes as processes of this machine. Not run, and told so, where Slurm is missing.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rig, controlled, isAlive, readRepro, step } from '../rig.ts';
import type { LongRun, Repro } from '../rig.ts';
import { Cluster, missingProgram, until } from './cluster.ts';
import type { NodeName } from './cluster.ts';

const missing = missingProgram();
if (missing !== undefined)
  console.warn(
    `not run: the tests on Slurm, since ${missing} is missing (Debian: slurmctld slurmd slurm-client munge)`,
  );
const onSlurm = missing === undefined ? describe : describe.skip;

onSlurm('stages on Slurm', () => {
  // Smaller arrays than the default run would make.
  const cluster = new Cluster({ settings: ['MaxArraySize=101'] });
  const limited = new Rig();
  let overTime: LongRun;
  let slowJob: string;
  let rig: Rig;

  beforeAll(async () => {
    await cluster.start();
    // Slurm's own limits count in minutes: the one that is exceeded runs beside all other tests.
    await limited.open();
    limited.pipeline({ stages: { slow: { cmd: 'sleep 300', slurm: { extra: ['--time=1'] } } } });
    overTime = limited.start(['repro', '--json', '--executor', 'slurm'], { env: cluster.env });
    await until('the job that will exceed its limit', () => cluster.live().length === 1);
    [slowJob] = cluster.live()[0]!.split(' ') as [string];
  });
  afterAll(async () => {
    await limited.close();
    await cluster.stop();
  });
  beforeEach(async () => {
    rig = new Rig();
    await rig.open();
    await cluster.ready();
  });
  afterEach(() => rig.close());

  const begin = (...args: string[]): LongRun =>
    rig.start(['repro', '--json', '--verbose', '--executor', 'slurm', ...args], { env: cluster.env });
  const repro = async (...args: string[]): Promise<Repro> => readRepro(await begin(...args).end());
  const failureOf = (run: Repro): string => String(run.events.find(({ kind }) => kind === 'stage-failed')?.['message']);
  const others = (): string[] => cluster.live().filter((job) => !job.startsWith(`${slowJob} `));
  const left = (): string[] => rig.files('.dagrun/slurm');

  it('a stage succeeds: outs, log, node and environment', async () => {
    rig.pipeline({
      stages: {
        make: {
          cmd: ['echo "on $SLURMD_NODENAME" > made; echo first', 'echo second >&2; echo "::progress 0.5 half"'],
          outs: ['made'],
          resources: { cpu: 2, memory: '100M' },
        },
        use: {
          cmd: 'scontrol show job "$SLURM_JOB_ID" -o > seen; echo "$DAGRUN_STAGE" >> seen',
          deps: ['made'],
          outs: ['seen'],
          resources: { cpu: 3, memory: '200M', gpu: 1 },
          timeout: '5m',
          slurm: { partition: 'main', extra: ['--nice=3'] },
        },
      },
    });
    const run = await repro();
    expect(run.output).toContain('"executed":2');
    expect(run.events.filter(({ kind }) => kind === 'stage-output').map(({ line }) => line)).toEqual([
      'first',
      'second',
    ]);
    const progress = run.events.filter(({ kind, stage }) => kind === 'stage-progress' && stage === 'make');
    expect(progress.at(-1)).toMatchObject({
      fraction: 0.5,
      text: 'half',
    });
    expect(rig.read('made')).toMatch(/^on n[12]\n$/);
    expect(rig.read('seen')).toContain('JobName=ws/use');
    expect(rig.read('seen')).toMatch(/NumCPUs=3 .*CPUs\/Task=3 .*MinMemoryNode=200M/);
    expect(rig.read('seen')).toMatch(/TimeLimit=00:07:00/);
    expect(rig.read('seen')).toMatch(/Partition=main .*TresPerNode=gres:gpu:1/);
    expect(rig.read('seen')).toMatch(/\nuse\n$/);
    const record = rig.files('cache/logs/make').find((path) => path.endsWith('.json'))!;
    expect(rig.readJson(record)).toMatchObject({ outcome: 'succeeded', host: rig.read('made').slice(3, 5) });
    expect(rig.read(record.replace('.json', '.log'))).toContain('first\n$ echo second');
    expect(left()).toEqual([]);
    expect((await repro()).skipped).toEqual(['make', 'use']);
  });

  it("what a command has from its user's environment it has on the node, whatever it is called", async () => {
    const own = { dir: 'one', token: 'two', id: 'three', rest: 'four', _mine: 'five' };
    rig.pipeline({ stages: { use: { cmd: 'echo "$dir $token $id $rest $_mine" > seen', outs: ['seen'] } } });
    const run = rig.start(['repro', '--json', '--executor', 'slurm'], { env: { ...cluster.env, ...own } });
    expect(readRepro(await run.end()).code).toBe(0);
    expect(rig.read('seen')).toBe('one two three four five\n');
  });

  it('exit codes, signals, the time limit of a stage, refused requests and too much memory are told apart', async () => {
    rig.pipeline({
      stages: {
        fails: { cmd: 'echo the reason; exit 3' },
        killed: { cmd: 'kill -SEGV $$' },
        late: { cmd: 'sleep 60', timeout: 2 },
        nowhere: { cmd: 'true', slurm: { partition: 'no-such-partition' } },
        greedy: {
          cmd: `"$RIG_NODE" -e 'const kept = []; setInterval(() => kept.push(Buffer.alloc(20e6, 1)), 20)'`,
          resources: { memory: '120M' },
        },
      },
    });
    const run = await repro('--keep-going');
    const failures = new Map(
      run.events.filter(({ kind }) => kind === 'stage-failed').map((event) => [event.stage, event] as const),
    );
    expect(failures.get('fails')!).toMatchObject({
      message: 'exit code 3',
      tail: ['$ echo the reason; exit 3', 'the reason'],
    });
    expect(failures.get('killed')!['message']).toBe('killed by SIGSEGV (segmentation fault)');
    expect(failures.get('late')!['message']).toBe('timed out after 2s');
    expect(failures.get('nowhere')!['message']).toMatch(/could not be started: sbatch: .*partition/i);
    expect(failures.get('greedy')!['message']).toBe('out of memory: its memory on the cluster was 120 MiB');
    const outcome = (stage: string): unknown =>
      (rig.readJson(rig.files(`cache/logs/${stage}`).find((path) => path.endsWith('.json'))!) as { outcome: string })
        .outcome;
    expect(['fails', 'killed', 'late', 'nowhere', 'greedy'].map(outcome)).toEqual([
      'failed',
      'failed',
      'timed-out',
      'not-started',
      'out-of-memory',
    ]);
    expect(left()).toEqual([]);
  });

  it('Ctrl-C cancels the jobs that run and those that wait', async () => {
    rig.pipeline({
      stages: {
        runs: { cmd: controlled('runs'), outs: ['r'] },
        too: { cmd: controlled('too') },
        waits: { cmd: step('waits'), slurm: { extra: ['--hold-until-never'] } },
      },
    });
    // A job that cannot start yet: it begins tomorrow.
    rig.write({ 'pipeline.yaml': rig.read('pipeline.yaml').replace('--hold-until-never', '--begin=now+1day') });
    const run = begin('-k');
    const commands = [await rig.started('runs'), await rig.started('too')];
    await until('all jobs', () => others().length === 3);
    run.signal('SIGINT');
    await Promise.all(commands.map(({ ended }) => ended));
    expect((await run.end()).code).toBe(130);
    await until('no job', () => others().length === 0);
    expect(rig.executed().sort()).toEqual(['runs', 'too']);
    expect(left()).toEqual([]);
  });

  it('stages that ask for the same are one array, and each has its own end and its own environment', async () => {
    const cmd = (name: string): string =>
      `echo "$DAGRUN_STAGE $(printenv SLURM_ARRAY_TASK_ID || echo none)" > ${name}; ${controlled(name)}`;
    rig.pipeline({
      stages: Object.fromEntries(['a', 'b', 'c'].map((name) => [name, { cmd: cmd(name), outs: [name] }])),
    });
    const run = begin('--keep-going');
    const [a, , c] = [await rig.started('a'), await rig.started('b'), await rig.started('c')];
    const rows = cluster.ask('squeue', '-h', '--array', '--states=RUNNING', '-o', '%F %K %j').split('\n');
    const array = rows.filter((row) => row.includes(' ws/a+2')).map((row) => row.split(' '));
    expect(array.map(([, task]) => task).sort()).toEqual(['0', '1', '2']);
    expect(new Set(array.map(([job]) => job)).size).toBe(1);
    cluster.ask('scancel', `${array[0]![0]}_1`);
    await a.exit(3);
    await run.waitFor(() => run.stdout.includes('cancelled from outside'));
    await c.exit();
    const end = readRepro(await run.end());
    const failures = end.events.filter(({ kind }) => kind === 'stage-failed');
    expect(Object.fromEntries(failures.map(({ stage, message }) => [stage, message]))).toEqual({
      a: 'exit code 3',
      b: `cancelled from outside: somebody cancelled Slurm job ${array[0]![0]}_1`,
    });
    expect(end.executed).toEqual(['c']);
    expect(rig.read('c')).toBe('c none\n');
    expect(left()).toEqual([]);
  });

  it('a job that somebody cancels fails, and says so', async () => {
    rig.pipeline({ stages: { one: { cmd: controlled('one') } } });
    const run = begin();
    await rig.started('one');
    await until('the job', () => others().length === 1);
    cluster.ask('scancel', others()[0]!.split(' ')[0]!);
    const end = readRepro(await run.end());
    expect(failureOf(end)).toMatch(/^cancelled from outside: somebody cancelled Slurm job \d+$/);
    expect(end.code).toBe(1);
  });

  it('what a command leaves running is ended', async () => {
    rig.pipeline({ stages: { one: { cmd: '(setsid sleep 300 & echo $! > pid); true', outs: ['pid'] } } });
    const run = await repro();
    expect(run.output).toContain('ended what the command left running');
    expect(isAlive(Number(rig.read('pid')))).toBe(false);
  });

  it('no more jobs are in flight than was said, and pools hold on the cluster too', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `s${i}`);
    const stages = Object.fromEntries(
      names.map((name) => [name, { cmd: controlled(name), resources: { licence: 1 } }]),
    );
    rig.pipeline({ pools: { licence: 2 }, stages });
    let most = 0;
    rig.onStart = () => (most = Math.max(most, rig.live.size));
    const run = begin('--slurm-jobs', '3');
    const ending = names.map(async (name) => (await rig.started(name)).exit());
    await Promise.all(ending);
    expect((await run.end()).code).toBe(0);
    expect(most).toBeLessThanOrEqual(2);
  });

  describe('a runner that was killed', () => {
    it('finds its jobs again: each is executed once, and its output is all there', async () => {
      rig.pipeline({
        stages: { one: { cmd: controlled('one'), outs: ['o'] }, two: { cmd: step('two'), deps: ['o'] } },
      });
      const first = begin();
      const command = await rig.started('one');
      await command.print('before');
      first.signal('SIGKILL');
      await first.end();
      const second = begin();
      await second.waitFor(() => second.stdout.includes('goes on with Slurm job'));
      await command.write('o', 'made');
      await command.print('after');
      await command.exit();
      const end = readRepro(await second.end());
      expect(end.executed).toEqual(['one', 'two']);
      expect(rig.executed()).toEqual(['one', 'two']);
      expect(end.output).toMatch(/before[^]*after/);
      expect(left()).toEqual([]);
    });

    it('takes what was finished meanwhile as it is', async () => {
      rig.pipeline({ stages: { one: { cmd: controlled('one'), outs: ['o'] } } });
      const first = begin();
      const command = await rig.started('one');
      first.signal('SIGKILL');
      await first.end();
      await command.write('o', 'made');
      await command.exit();
      const end = await repro();
      expect(end.executed).toEqual(['one']);
      expect(rig.executed()).toEqual(['one']);
      expect(rig.read('o')).toBe('made');
    });

    it('ends what was started for inputs that have changed since, before it starts anew', async () => {
      rig.pipeline({ stages: { one: { cmd: controlled('one'), deps: ['in'], outs: ['o'] } } });
      rig.write({ in: '1' });
      const first = begin();
      const old = await rig.started('one');
      first.signal('SIGKILL');
      await first.end();
      rig.write({ in: '2' });
      const second = begin();
      await old.ended;
      const command = await rig.started('one');
      expect(rig.live.size).toBe(1);
      await command.write('o', 'new');
      await command.exit();
      expect((await second.end()).code).toBe(0);
      expect(rig.read('o')).toBe('new');
    });

    it.each([0, 1, 2, 3])('at any moment of a submission: nothing is executed twice (%d)', async (moment) => {
      const names = Array.from({ length: 6 }, (_, i) => `s${i}`);
      rig.pipeline({
        stages: Object.fromEntries(
          names.map((name) => [name, { cmd: step(name, `echo ${name} > ${name}`), outs: [name] }]),
        ),
      });
      const first = begin();
      await first.waitFor(() => rig.files('.dagrun/slurm/jobs').length > 0);
      await new Promise((resolve) => setTimeout(resolve, moment * 12));
      first.signal('SIGKILL');
      await first.end();
      const end = await repro();
      expect(end.code).toBe(0);
      expect(rig.executed().sort()).toEqual(names);
      expect(left()).toEqual([]);
    });
  });

  it('a controller that dies and comes back costs nothing', async () => {
    rig.pipeline({
      stages: {
        one: { cmd: controlled('one'), outs: ['o'] },
        two: { cmd: step('two', 'cp o p'), deps: ['o'], outs: ['p'] },
      },
    });
    const run = begin();
    const command = await rig.started('one');
    await until('the running job', () => others().some((job) => job.endsWith('RUNNING')));
    await cluster.saved();
    await cluster.kill('slurmctld');
    await run.waitFor(() => run.stdout.includes('controller cannot be reached'));
    await command.write('o', 'made');
    await command.exit();
    await run.waitFor(() => run.stdout.includes('"stage":"two"'));
    cluster.startController();
    const end = readRepro(await run.end());
    expect(end.executed).toEqual(['one', 'two']);
    expect(rig.executed()).toEqual(['one', 'two']);
    await cluster.ready();
  });

  it('jobs at work are not submitted anew, though the controller has not answered since', async () => {
    rig.pipeline({ stages: { one: { cmd: controlled('one'), outs: ['o'] } } });
    const [calls, bin] = [rig.path('calls'), rig.path('bin')];
    mkdirSync(bin);
    for (const program of ['sbatch', 'squeue']) {
      const real = execFileSync('/bin/sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
      const text = `#!/bin/sh\necho ${program} >>'${calls}'\n'${real}' "$@" >&2\necho 'Unable to contact slurm controller' >&2\nexit 1\n`;
      writeFileSync(join(bin, program), text, { mode: 0o755 });
    }
    const env = { ...cluster.env, PATH: `${bin}:${process.env['PATH']}` };
    const run = rig.start(['repro', '--json', '--executor', 'slurm'], { env });
    const command = await rig.started('one');
    const submissions = (): number => rig.read('calls').split('sbatch').length - 1;
    const before = submissions();
    await new Promise((resolve) => setTimeout(resolve, 6000));
    expect(submissions() - before).toBeLessThanOrEqual(1);
    await command.write('o', 'made');
    await command.exit();
    expect(readRepro(await run.end()).executed).toEqual(['one']);
    expect(left()).toEqual([]);
  });

  it('a node that dies: the stage is executed again on another one, without a retry of its own', async () => {
    rig.pipeline({ stages: { one: { cmd: controlled('one'), outs: ['o', 'node'] } } });
    rig.write({
      'pipeline.yaml': rig.read('pipeline.yaml').replace('echo one', 'echo $SLURMD_NODENAME > node; echo one'),
    });
    const run = begin();
    const first = await rig.started('one');
    const node = rig.read('node').trim() as NodeName;
    await cluster.kill(node);
    await first.ended;
    const second = await rig.started('one');
    expect(rig.read('node').trim()).not.toBe(node);
    await second.write('o', 'made');
    await second.exit();
    const end = readRepro(await run.end());
    cluster.startNode(node);
    expect(end.executed).toEqual(['one']);
    expect(end.output).toMatch(/lost with its node: the node failed \(n[12], NODE_FAIL\)/);
    await cluster.ready();
  });

  it('300 short stages', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `s${String(i).padStart(3, '0')}`);
    rig.pipeline({
      stages: Object.fromEntries(
        names.map((name) => [name, { cmd: step(name, `echo ${name} > ${name}`), outs: [name] }]),
      ),
    });
    // Patient: with so many jobs on two processors a heart may be slow to beat.
    writeFileSync(rig.path('calm.yaml'), 'slurm: {heartbeat: 30}\n');
    const env = { ...cluster.env, DAGRUN_CONFIG: rig.path('calm.yaml') };
    const run = readRepro(await rig.start(['repro', '--json', '--verbose', '--executor', 'slurm'], { env }).end());
    expect(run.events.filter(({ kind }) => kind === 'stage-failed' || kind === 'warning')).toEqual([]);
    expect(run.code).toBe(0);
    expect(rig.executed().sort()).toEqual(names);
    expect(rig.read('s299')).toBe('s299\n');
    expect(cluster.ask('squeue', '-h', '--states=all', '-o', '%j')).toMatch(/^ws\/s\d+\+\d+$/m);
    expect(left()).toEqual([]);
    const scripts = (): string[] =>
      cluster.scripts().filter((path) => !path.includes(`/job${slowJob.padStart(5, '0')}/`));
    await until('no script', () => scripts().length === 0);
  }, 180_000);

  it("Slurm's own time limit", async () => {
    const run = readRepro(await overTime.end());
    expect(failureOf(run)).toBe('timed out after 1m');
  }, 150_000);
});
