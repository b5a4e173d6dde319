// What sbatch is asked for, and how its colleagues' answers are read. The real ones are in test/slurm.

import { describe, expect, it } from '@jest/globals';
import type { StageName } from '../../pipeline/pipeline.ts';
import type { Job } from '../../plan/ports.ts';
import { commentOf, namesOf, parseLimit, parseQueue, submit } from './client.ts';
import { parseEnd } from './desk.ts';
import { judgeEnd } from './judge.ts';
import type { Evidence } from './judge.ts';
import { changesFrom, jobEnvironment, oddVariables, sbatchOptions } from './request.ts';
import { quote, taskFiles } from './script.ts';

const job: Job = {
  stage: 'train@a b' as StageName,
  cmd: ['first', 'second'],
  cwd: '/ws',
  env: {},
  logPath: '/log',
  resources: { cpu: 1 },
  timeout: null,
  batch: { identity: 'i', settings: { extra: [] } },
};
const place = { folder: '/ws/50% off', project: 'ws', comment: 'c', jobs: 1 };

describe('options of sbatch', () => {
  it('has nothing that was not asked for', () => {
    expect(
      sbatchOptions(job, place).filter((option) => /--(mem|gres|time|partition|account|qos)\b/.test(option)),
    ).toEqual([]);
  });

  it('names the job after project and stage, and takes % in a path as it is', () => {
    const options = sbatchOptions(job, place);
    expect(options).toContain('--job-name=ws/train@a_b');
    expect(options).toContain('--output=/ws/50%% off/slurm.0');
    expect(options.filter((option) => option.startsWith('--array'))).toEqual([]);
  });

  it('an array is named after its first stage, and each task writes a file of its own', () => {
    const options = sbatchOptions(job, { ...place, jobs: 12 });
    expect(options).toContain('--job-name=ws/train@a_b+11');
    expect(options).toContain('--output=/ws/50%% off/slurm.%a');
    expect(options).toContain('--array=0-11');
  });

  it('what carries a job has memory of its own, on top of what the stage asks for', () => {
    const besides = 256 * 2 ** 20;
    const mem = (resources: Job['resources']): string | undefined =>
      sbatchOptions({ ...job, resources }, { ...place, unseen: true, besides }).find((one) => one.startsWith('--mem='));
    expect(mem({ memory: 64 * 2 ** 20 })).toBe(`--mem=${320 * 1024}K`);
    expect(mem({ cpu: 1 })).toBeUndefined();
  });

  it('resources become options; what the user gives comes last', () => {
    const resources = { cpu: 4, memory: 1_500_000_001, gpu: 2, 'gpu:a100': 1, licence: 3 };
    const settings = { partition: 'p', account: 'a', qos: 'q', extra: ['--mem=1G', '--nice'] };
    const options = sbatchOptions({ ...job, resources, timeout: 61, batch: { identity: 'i', settings } }, place);
    expect(options.slice(-9)).toEqual([
      '--cpus-per-task=4',
      '--mem=1464844K',
      '--gres=gpu:2,gpu:a100:1',
      '--time=4',
      '--partition=p',
      '--account=a',
      '--qos=q',
      '--mem=1G',
      '--nice',
    ]);
  });

  it('passes the environment without that of the job that the runner is in', () => {
    const env = {
      HOME: '/h',
      SLURM_CONF: '/c',
      SLURM_JOB_ID: '1',
      SLURM_MEM_PER_CPU: '1',
      DAGRUN_RUNNER: 'r',
      DAGRUN_STAGE: 's',
    };
    expect(jobEnvironment(env)).toEqual({ HOME: '/h', SLURM_CONF: '/c', DAGRUN_STAGE: 's' });
  });

  it('tells in what environments differ, and what no shell could set', () => {
    const changes = changesFrom({ A: '1', B: '2', C: '3' }, { A: '1', B: 'two', D: '4' });
    expect(changes).toEqual([
      ['B', 'two'],
      ['D', '4'],
      ['C', undefined],
    ]);
    expect(oddVariables({ A: '1', 'BASH_FUNC_f%%': '() { :; }', _x1: '' })).toEqual([['BASH_FUNC_f%%', '() { :; }']]);
  });
});

describe('the batch script', () => {
  it('quotes what sh would read otherwise', () => {
    expect(quote(`it's $HOME`)).toBe(`'it'\\''s $HOME'`);
  });

  it('reads a command that is too long for the kernel from a file', () => {
    const cmd = ['true', `echo ${'x'.repeat(200_000)}`];
    const [[name, text], ...long] = taskFiles([{ cwd: '/', cmd, timeout: null, env: [] }]) as [[string, string]];
    expect(name).toBe('tasks.0');
    expect(text).toContain('step 1 /bin/sh "$_dir/cmd.0.1"\n');
    expect(long).toEqual([['cmd.0.1', cmd[1]]]);
  });

  it('sets what the environment of a task has of its own before its first command', () => {
    const env = [['A', "it's"] as const, ['B', undefined] as const];
    const files = taskFiles([{ cwd: '/w', cmd: ['true'], timeout: 1.5, env }]);
    const steps = `begin '2'\nexport A='it'\\''s'\nunset B\ncd '/w' || finish nowhere 1\nstep 0 /bin/sh -c 'true'\nfinish exit 0\n`;
    expect(files).toEqual([['tasks.0', `case $_place in\n0)\n${steps};;\nesac\n`]]);
  });

  it('several tasks share a file', () => {
    const tasks = Array.from({ length: 33 }, (_, i) => ({ cwd: '/', cmd: [`echo ${i}`], timeout: null, env: [] }));
    const files = taskFiles(tasks);
    expect(files.map(([name]) => name)).toEqual(['tasks.0', 'tasks.1', 'tasks.2']);
    for (const place of [0, 15, 16, 31, 32])
      expect(files[Math.floor(place / 16)]![1]).toContain(`\n${place})\nbegin ''\ncd '/'`);
  });
});

describe('answers', () => {
  it('says where Slurm is not installed', async () => {
    expect(await submit([], '', { PATH: '/nowhere' })).toEqual({
      kind: 'refused',
      message: 'there is no such program on the PATH: dagrun has to run where sbatch does, or with --executor local',
    });
  });

  it('reads the queue, whatever stands in a comment', () => {
    expect(parseQueue('12|PENDING|Priority|1-02:03:04||a|b\nnonsense\n')).toEqual([
      { id: '12', state: 'PENDING', reason: 'Priority', limit: 93_784, node: '', token: undefined, remark: '' },
    ]);
  });

  it('knows its jobs by their comments, and tasks of an array by their position', () => {
    const rows = parseQueue(
      [
        `12_3|RUNNING|None|UNLIMITED|n1|${commentOf('ab')}`,
        `13|FAILED|None|UNLIMITED|n1|${commentOf('cd.0')} no such | place`,
        '14_[1-2]|PENDING|None|UNLIMITED||',
      ].join('\n'),
    );
    expect(rows.map(({ id, token, remark }) => [id, token, remark])).toEqual([
      ['12_3', 'ab.3', ''],
      ['13', 'cd.0', 'no such | place'],
    ]);
  });

  it('names the tasks of an array in one word', () => {
    expect(namesOf(['7', '12_0', '9', '12_3'])).toEqual(['7', '12_[0,3]', '9']);
  });

  it.each([
    ['5:00', 300],
    ['1:00:00', 3600],
    ['UNLIMITED', null],
    ['INVALID', null],
  ])('time limit %s', (text, seconds) => expect(parseLimit(text)).toBe(seconds));

  it('takes nothing but a whole end', () => {
    expect(parseEnd('exit 3 1 10.5 12.75 2048 n1 77\n')).toEqual({
      kind: 'exit',
      code: 3,
      command: 1,
      seconds: 2.25,
      peakMemory: 2_097_152,
      node: 'n1',
      job: '77',
    });
    for (const text of [undefined, '', 'exit 3 1', 'other 0 0 1 1 0 n 1', 'exit x 0 1 1 0 n 1'])
      expect(parseEnd(text)).toBeUndefined();
  });
});

describe('how a job ended', () => {
  const row = (state: string, reason = 'None') => ({
    id: '7',
    state,
    reason,
    limit: 60,
    node: 'n1',
    token: undefined,
    remark: '',
  });
  const end = (kind: string, code: number) => parseEnd(`${kind} ${code} 1 1 2 0 n1 7`);
  const judge = (evidence: Partial<Evidence>) =>
    judgeEnd(
      { ...job, resources: { memory: 2 ** 30 } },
      {
        end: undefined,
        row: undefined,
        remarks: '',
        stopping: false,
        lost: undefined,
        patient: false,
        ...evidence,
      },
    );

  it.each<[string, Partial<Evidence>, object | undefined]>([
    ['well', { end: end('exit', 0) }, { kind: 'exited', code: 0, command: 'second' }],
    ['well, though it was to be stopped', { end: end('exit', 0), stopping: true }, { kind: 'exited', code: 0 }],
    ['badly', { end: end('exit', 3) }, { kind: 'exited', code: 3 }],
    ['by a signal', { end: end('exit', 139) }, { kind: 'signalled', signal: 'SIGSEGV' }],
    ['killed: why is told later', { end: end('exit', 137), row: row('RUNNING'), patient: true }, undefined],
    ['killed for its memory', { end: end('exit', 137), row: row('OUT_OF_MEMORY') }, { kind: 'out-of-memory' }],
    [
      'killed for its memory, of which some was not for the stage',
      { row: row('OUT_OF_MEMORY'), besides: 256 * 2 ** 20 },
      { message: 'its memory on the cluster was 1024 MiB, and 256 MiB for dagrun itself' },
    ],
    ['killed by whomever', { end: end('exit', 137), row: row('FAILED') }, { kind: 'signalled', signal: 'SIGKILL' }],
    [
      'asked to end: by whom is told later',
      { end: end('terminated', 143), row: row('COMPLETING'), patient: true },
      undefined,
    ],
    ['cancelled', { end: end('terminated', 143), row: row('CANCELLED') }, { kind: 'cancelled' }],
    ['cancelled by this runner', { row: row('CANCELLED'), stopping: true }, { kind: 'interrupted' }],
    ['at the time limit of Slurm', { row: row('TIMEOUT') }, { kind: 'timed-out', seconds: 60 }],
    ['preempted', { row: row('PREEMPTED') }, { kind: 'node-failed' }],
    ['with its node', { lost: 'gone' }, { kind: 'node-failed', message: 'gone' }],
    ['without a word yet', { row: row('COMPLETED'), patient: true }, undefined],
    ['without a word', { row: row('FAILED', 'NonZeroExitCode') }, { kind: 'not-started' }],
    ['not at all', { row: row('RUNNING') }, undefined],
    [
      'with a result that is refused',
      { row: row('COMPLETED'), refused: 'it is forged' },
      {
        kind: 'not-started',
        message: 'Slurm job 7 ended (COMPLETED, None), and its result cannot be used: it is forged',
      },
    ],
    [
      'with a result that is refused, and forgotten by the controller',
      { row: row('RUNNING'), refused: 'it is forged' },
      {
        kind: 'not-started',
        message: 'the controller no longer knows Slurm job 7, and its result cannot be used: it is forged',
      },
    ],
  ])('%s', (_, evidence, expected) => {
    const verdict = judge(evidence);
    if (expected === undefined) expect(verdict).toBeUndefined();
    else expect(verdict).toMatchObject(expected);
  });
});
