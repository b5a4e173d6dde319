// `dagrun completion`: what may stand at the cursor, and that a real shell puts it there so that it means what it says.

import { beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { LongRun, cliPath, useRig } from './rig.ts';

const rig = useRig();

beforeEach(() => {
  rig.pipeline(`stages:
  prepare: {cmd: "true"}
  train: {foreach: {a: 1, 'b c': 2}, do: {cmd: 'echo \${item}'}}
  trial: {cmd: "true"}
`);
  rig.write({
    'bin/dagrun': `#!/bin/sh\nexec '${process.execPath}' '${cliPath}' "$@"\n`,
    'other/pipeline.yaml': 'stages: {far: {cmd: x}}',
  });
  chmodSync(rig.path('bin/dagrun'), 0o755);
});

const env = (): NodeJS.ProcessEnv => ({ ...rig.env(), PATH: `${rig.path('bin')}:${process.env['PATH'] ?? ''}` });

async function candidates(...words: readonly string[]): Promise<string[]> {
  const run = await rig.run(['completion', 'words', '--', ...words]);
  expect([run.code, run.stderr]).toEqual([0, '']);
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0]!);
}

describe('what may stand at the cursor', () => {
  it.each([
    [['lo'], ['logs']],
    [['-C', 'other', 'lo'], ['logs']],
    [['logs', '--fo'], ['--follow']],
    [
      ['repro', '--executor', ''],
      ['local', 'slurm'],
    ],
    [['repro', '--executor=s'], ['--executor=slurm']],
    [['repro', '-j', ''], []],
    [
      ['cache', ''],
      ['verify', 'stats', 'merge'],
    ],
    [['cache', 'merge', ''], []],
    [['completion', 'z'], ['zsh']],
    [['nothing', ''], []],
    // Groups first; those of one where no other can be meant.
    [
      ['logs', ''],
      ['prepare', 'train', 'trial'],
    ],
    [
      ['repro', 'prepare', 'tr'],
      ['train', 'trial'],
    ],
    [
      ['logs', 'tra'],
      ['train', 'train@a', 'train@b%20c'],
    ],
    [['logs', 'train@b'], ['train@b%20c']],
    [['logs', '--', 'pre'], ['prepare']],
    [['logs', '-C', 'other', ''], ['far']],
    [['logs', '--file', 'other/pipeline.yaml', ''], ['far']],
    [['--file=other/pipeline.yaml', 'logs', ''], ['far']],
    [['-Cother', 'logs', '--run', 'x', ''], ['far']],
  ])('%j', async (words, expected) => {
    expect(await candidates(...words)).toEqual(expected);
  });

  it('a folder may begin with that of the user', async () => {
    const run = await rig.run(['completion', 'words', '--', '-C', '~/other', 'logs', ''], { env: { HOME: rig.root } });
    expect(run.stdout).toBe('far\tstage\n');
  });

  it('asking leaves nothing that git would see', async () => {
    await candidates('logs', '');
    expect(rig.read('.dagrun/.gitignore')).toBe('*\n');
  });

  it('every command is among them, and every option of a command', async () => {
    const help = (await rig.run(['--help'])).stdout;
    const names = [...help.matchAll(/^ {2}([a-z-]+) {2}/gm)].map((match) => match[1]);
    expect(names.length).toBeGreaterThan(15);
    expect(await candidates('')).toEqual(names);
    const options = (await rig.run(['repro', '--help'])).stdout.match(/--[a-z][a-z-]*(?=.* {2})/g)!;
    expect(new Set(await candidates('repro', '-'))).toEqual(new Set(options));
  });

  it('no stages where the pipeline has faults or is not there; nothing is said of it', async () => {
    rig.pipeline('stages: 3');
    expect(await candidates('logs', '')).toEqual([]);
    rig.remove('pipeline.yaml');
    expect(await candidates('logs', '')).toEqual([]);
  });
});

it('there are scripts for bash, zsh and fish, and for nothing else', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const run = await rig.run(['completion', shell]);
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('completion words -- ');
    const known = spawnSync(shell, ['-n', '-c', run.stdout], { encoding: 'utf8' });
    // A shell that is not here cannot be asked.
    if (known.error === undefined) expect([known.status, known.stderr]).toEqual([0, '']);
  }
  expect(await rig.run(['completion', 'csh'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('bash, zsh, fish'),
  });
});

describe('in bash', () => {
  /** What the function replies to a line with the cursor at its end, split as bash splits it. */
  function reply(line: string, ...words: readonly string[]): string[] {
    const script = `
      source <(dagrun completion bash)
      COMP_LINE=$1 COMP_POINT=\${#1} word=$2 COMP_WORDS=("\${@:3}") COMP_CWORD=$(($# - 3))
      _dagrun dagrun "$word"
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const run = spawnSync('bash', ['-c', script, 'bash', line, ...words], {
      cwd: rig.root,
      env: env(),
      encoding: 'utf8',
    });
    expect(run.stderr).toBe('');
    return run.stdout.split('\n').filter((found) => found !== '');
  }

  it('words that it splits at @, = and : are one word', () => {
    expect(reply('dagrun logs tr', 'tr', 'dagrun', 'logs', 'tr')).toEqual(['train', 'trial']);
    expect(reply('dagrun logs train@', '@', 'dagrun', 'logs', 'train', '@')).toEqual(['@a', '@b%20c']);
    expect(reply('dagrun logs train@b', '@b', 'dagrun', 'logs', 'train', '@b')).toEqual(['@b%20c']);
    expect(reply('dagrun repro --executor=', '', 'dagrun', 'repro', '--executor', '=')).toEqual(['local', 'slurm']);
    expect(reply("dagrun logs 'train@b", 'train@b', 'dagrun', 'logs', "'train@b")).toEqual(['train@b%20c']);
    expect(reply('dagrun -C "other" logs ', '', 'dagrun', '-C', '"other"', 'logs', '')).toEqual(['far']);
    expect(reply('dagrun logs nowhere', 'nowhere', 'dagrun', 'logs', 'nowhere')).toEqual([]);
  });

  it('needs the words alone', () => {
    const script =
      'source <(dagrun completion bash); COMP_WORDS=(dagrun logs pre); COMP_CWORD=2; _dagrun; echo "${COMPREPLY[@]}"';
    const run = spawnSync('bash', ['-c', script], { cwd: rig.root, env: env(), encoding: 'utf8' });
    expect([run.stdout, run.stderr]).toEqual(['prepare\n', '']);
  });

  const hasTerminal = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;

  (hasTerminal ? it : it.skip)('the key Tab writes a name that reaches the program as it is', async () => {
    const child = spawn('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
      cwd: rig.root,
      env: { ...env(), TERM: 'dumb', PS1: '', HISTFILE: '' },
      stdio: 'pipe',
    });
    const shell = new LongRun(child, ['(bash)']);
    child.stdin.write('source <(dagrun completion bash); echo re""ady\n');
    await shell.waitFor(() => shell.stdout.includes('ready'));
    child.stdin.write('dagrun lo\ttrain@b\t > said 2>&1; touch over\n');
    await shell.waitFor(() => rig.has('over'));
    child.stdin.write('exit\n');
    await shell.end();
    expect(rig.read('said')).toContain('stage "train@b%20c" has not been executed here');
  });
});
