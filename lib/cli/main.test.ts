// What main() makes of a command line. What the commands do is tested with the real program.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadDigest } from '../core/digest.ts';
import { main } from './main.ts';

await loadDigest();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  writeFileSync(join(folder, 'pipeline.yaml'), 'stages:\n  make:\n    cmd: echo hello > out\n    outs: [out]\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function dagrun(...argv: string[]): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr'): NodeJS.WriteStream =>
    ({
      isTTY: false,
      columns: 80,
      write: (text: string) => {
        said[name] += text;
        return true;
      },
    }) as unknown as NodeJS.WriteStream;
  const io = { stdout: stream('stdout'), stderr: stream('stderr'), environment: { PATH: process.env['PATH'] } };
  return { code: await main(['-C', folder, ...argv], io), ...said };
}

const commands = [
  'init',
  'repro',
  'status',
  'explain',
  'dag',
  'logs',
  'checkout',
  'commit',
  'freeze',
  'unfreeze',
  'gc',
  'cache',
];

describe('help', () => {
  it.each(['--help', '-h', 'help'])('%s lists every command', async (arg) => {
    const { code, stdout, stderr } = await dagrun(arg);
    expect([code, stderr]).toEqual([0, '']);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  });

  it.each(commands)('of %s has usage, every option with words, and examples that begin with it', async (command) => {
    const { code, stdout } = await dagrun(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: dagrun ${command}`);
    const options = stdout.split('Options:\n')[1]!.split('\n\n')[0]!.split('\n');
    for (const option of options) expect(option).toMatch(/^ {2}(-\w, )?--[a-z-]+( [A-Z]+)? {2,}\S/);
    for (const example of stdout.split('Examples:\n')[1]!.trim().split('\n'))
      expect(example.trim()).toMatch(new RegExp(`^dagrun (-C \\S+ )?${command}\\b`));
  });

  it('is also there as `help COMMAND`, and wherever the option stands', async () => {
    const { stdout } = await dagrun('repro', '--help');
    expect((await dagrun('help', 'repro')).stdout).toBe(stdout);
    expect((await dagrun('--help', 'repro')).stdout).toBe(stdout);
  });
});

describe('a mistake', () => {
  it.each<[string, string[], RegExp, RegExp | null]>([
    ['a command that is not there', ['repo'], /no command "repo"/, /did you mean `dagrun repro`/],
    ['a command like no other', ['xyzzy'], /no command "xyzzy"/, /--help/],
    ['what others call it', ['run'], /no command "run"/, /did you mean `dagrun repro`/],
    ['an option in more words', ['repro', '--dry-run'], /no option "--dry-run"/, /did you mean "--dry"/],
    ['an option cut short', ['repro', '--verb'], /no option "--verb"/, /did you mean "--verbose"/],
    ['an option that is not there', ['repro', '--forse'], /no option "--forse"/, /did you mean "--force"/],
    ['an option like no other', ['status', '--xyzzy'], /no option "--xyzzy"/, /dagrun status --help/],
    ['a short option that is not there', ['repro', '-z'], /no option "-z"/, /dagrun repro --help/],
    ['an option without a command', ['--forse'], /no option/, /--help/],
    ['an option without its value', ['repro', '--jobs'], /--jobs.*argument missing/, /--help/],
    ['an option for a value', ['repro', '--jobs', '--force'], /--jobs.*ambiguous/, /--help/],
    ['a value for an option that takes none', ['repro', '--force=yes'], /--force.*not take an argument/, /--help/],
    ['no number', ['repro', '-j', 'many'], /--jobs takes a whole number from 1 up, not "many"/, null],
    ['no jobs at all', ['repro', '-j', '0'], /--jobs takes a whole number/, null],
    ['options that contradict each other', ['repro', '-k', '--ignore-errors'], /cannot be used together/, null],
    ['directions that contradict each other', ['repro', '-s', '--downstream', 'make'], /cannot be used together/, null],
    ['quiet and verbose', ['repro', '-qv'], /cannot be used together/, null],
    ['a direction without a target', ['repro', '--downstream'], /--downstream needs a target/, null],
    ['a stage that is not there', ['repro', 'mkae'], /no stage or out "mkae"/, /did you mean "make"/],
    ['an argument too few', ['explain'], /`dagrun explain` needs <stage>/, /--help/],
    ['an argument too many', ['explain', 'make', 'more'], /"more" is one argument too many/, /--help/],
    ['a collection without a scope', ['gc'], /needs a scope/, /--workspace/],
    ['an age that is none', ['gc', '--older-than', 'old'], /not "old"/, null],
    ['an action of the cache that is not there', ['cache', 'verfy'], /no `dagrun cache verfy`/, /cache verify/],
    ['a pipeline file that is not there', ['--file', 'no.yaml', 'status'], /no pipeline file at .*no\.yaml/, /--file/],
    ['a folder that is not there', ['-C', '/no/such/folder', 'status'], /no folder \/no\/such\/folder/, /-C/],
  ])('%s: exit code 2, nothing on stdout, what to do next', async (_, argv, message, hint) => {
    const { code, stdout, stderr } = await dagrun(...argv);
    expect([code, stdout]).toEqual([2, '']);
    const [first = '', ...rest] = stderr.trimEnd().split('\n');
    expect(first).toMatch(message);
    if (hint !== null) expect(rest.join('\n')).toMatch(hint);
  });
});

describe('exit codes', () => {
  it('status: 0, and 1 with --check where anything is stale', async () => {
    expect((await dagrun('status')).code).toBe(0);
    expect(await dagrun('status', '--check', '--quiet')).toEqual({ code: 1, stdout: '', stderr: '' });
  });

  it('repro --dry: 0, one line of JSON an event, and nothing written', async () => {
    const { code, stdout } = await dagrun('repro', '--dry', '--json');
    expect(code).toBe(0);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string });
    expect(events.at(-1)).toMatchObject({ kind: 'summary', executed: 1 });
  });
});
