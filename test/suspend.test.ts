// Ctrl-Z in a terminal: the run stands still as a whole, commands included, and goes on as a whole.

import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { LongRun, cliPath, controlled, useRig } from './rig.ts';

const rig = useRig();

/** `T`: stopped. Undefined where there is no such process. */
function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}

const isStopped = (pid: number): boolean => stateOf(pid) === 'T';
const pidIn = (path: string): number => Number(rig.read(path));
const runnerPid = (): number => (rig.readJson('.dagrun/lock') as { pid: number }).pid;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a test that failed may have left: a shell, and a program that stands still. */
let opened: (() => void)[] = [];
afterEach(() => {
  for (const end of opened) end();
  opened = [];
});

const quoted = `'${process.execPath}' '${cliPath}'`;

/** What is started in a terminal of its own. */
function openTerminal(command: string): { shell: LongRun; type: (keys: string) => void } {
  const env: NodeJS.ProcessEnv = { ...rig.env({ TERM: 'xterm-256color', HISTFILE: '' }), PS1: '' };
  delete env['NO_COLOR'];
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: rig.root, env, stdio: 'pipe' });
  const shell = new LongRun(child, ['(in a terminal)', command]);
  opened.push(() => {
    if (rig.has('.dagrun/lock') && stateOf(runnerPid()) !== undefined) process.kill(runnerPid(), 'SIGKILL');
    child.kill('SIGKILL');
  });
  return { shell, type: (keys) => void child.stdin.write(keys) };
}

/** A shell with job control, which runs the program. */
function startShell(...args: readonly string[]): { shell: LongRun; type: (keys: string) => void } {
  const terminal = openTerminal('bash --norc --noprofile -i');
  terminal.type(`stty cols 80 rows 24; ${quoted} ${args.join(' ')}\n`);
  return terminal;
}

const usable =
  process.platform === 'linux' &&
  spawnSync('script', ['-qec', 'bash -c true', '/dev/null'], { stdio: 'ignore' }).status === 0;

(usable ? describe : describe.skip)('Ctrl-Z', () => {
  it('stops the commands with the runner; fg lets both go on, and the time in between counts for no limit', async () => {
    const limit = 4;
    rig.pipeline({
      stages: {
        one: { cmd: controlled('one'), timeout: limit },
        // A child that has left its group, and a loop that would go on writing.
        two: {
          cmd: 'setsid sleep 1000 & echo $! > stray; echo $$ > shell; while [ ! -e go ]; do echo >> beats; sleep 0.02; done; kill $!',
        },
      },
    });
    const { shell, type } = startShell('repro', '-j', '2');
    const one = await rig.started('one');
    await shell.waitFor(() => rig.has('beats'));
    // What runs is drawn a moment after it began: before that there is no cursor to hide.
    await shell.waitFor(() => shell.stdout.includes('\u001b[?25l'));
    const all = [runnerPid(), one.pid, pidIn('stray'), pidIn('shell')];
    expect(all.filter(isStopped)).toEqual([]);
    type('\u001a');
    await shell.waitFor(() => all.every(isStopped));
    const beats = rig.read('beats');
    // A hidden cursor would stay hidden at the prompt. What was written may still be on its way through the terminal.
    await shell.waitFor(() => shell.stdout.lastIndexOf('\u001b[?25h') > shell.stdout.lastIndexOf('\u001b[?25l'));
    await pause(limit * 1000 + 500);
    expect(rig.read('beats')).toBe(beats);
    expect(all.filter(isStopped)).toEqual(all);
    const before = shell.stdout.length;
    type('fg; echo "code $?" > code\n');
    await shell.waitFor(() => !all.some(isStopped) && rig.read('beats').length > beats.length);
    // What runs is shown anew, below what the shell has written.
    await shell.waitFor(() => {
      const shown = shell.stdout.slice(before);
      return shown.includes('\u001b[?25l') && /fg[\s\S]*one[\s\S]*two/.test(shown);
    });
    rig.write({ go: '' });
    await one.exit(0);
    await shell.waitFor(() => rig.has('code') && rig.read('code') !== '' && /2 executed/.test(shell.stdout));
    expect(rig.read('code')).toBe('code 0\n');
    const records = rig.files('cache/logs').filter((path) => path.endsWith('.json'));
    expect(records).toHaveLength(2);
    for (const path of records) expect((rig.readJson(path) as { seconds: number }).seconds).toBeLessThan(limit);
    type('exit\n');
    await shell.end();
  });

  it('a stopped run that is ended leaves nothing behind', async () => {
    rig.pipeline({ stages: { one: { cmd: controlled('one') } } });
    const { shell, type } = startShell('repro', '--json');
    const one = await rig.started('one');
    const runner = runnerPid();
    type('\u001a');
    await shell.waitFor(() => isStopped(one.pid) && isStopped(runner));
    process.kill(runner, 'SIGKILL');
    await one.ended;
    await shell.waitFor(() => stateOf(one.pid) === undefined || stateOf(one.pid) === 'Z');
    type('exit\nexit\n');
    await shell.end();
  });

  it('does nothing where no shell could continue what it stops', async () => {
    rig.pipeline({ stages: { one: { cmd: controlled('one') } } });
    const { shell, type } = openTerminal(`stty cols 80 rows 24; ${quoted} repro`);
    const one = await rig.started('one');
    const runner = runnerPid();
    type('\u001a');
    await shell.waitFor(() => shell.stdout.includes('^Z'));
    await pause(200);
    expect([one.pid, runner].filter(isStopped)).toEqual([]);
    await one.exit(0);
    expect((await shell.end()).code).toBe(0);
  });
});
