// The executor in a process of its own: what holds when that process ends by itself, or is killed, and what it costs.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { comesTrue } from './family.ts';
import { hasProc, readProc } from './processes.ts';
import { bundle, isGone, isRunning, start } from './testing.ts';
import type { Program } from './testing.ts';

// Reads what to do as JSON: commands, each a job of its own, all at once; prints what came of them as JSON.
const script = `
import { LocalExecutor } from './local.ts';
const { folder, commands, close, ask } = JSON.parse(process.argv[2]!);
const executor = new LocalExecutor();
const signal = new AbortController().signal;
let lines = 0;
let last = '';
const output = { line: (text: string) => ((lines += 1), (last = text)), progress: () => undefined };
const job = (cmd: string, i: number) => executor.run(
  { stage: 'test' as never, cmd: [cmd], cwd: folder, env: { PATH: process.env['PATH']! }, logPath: folder + '/' + i + '.log', resources: {}, timeout: null },
  output, signal);
async function main() {
  await job('true', 999);
  const before = process.resourceUsage().maxRSS;
  const results = await Promise.all(commands.map(job));
  const grown = (process.resourceUsage().maxRSS - before) * 1024;
  if (close) await executor.close();
  process.stdout.write(JSON.stringify({ ends: results.map((r) => r.end), lines, last: last.slice(0, 100), grown }));
  if (ask) process.exit(7);
}
void main();
`;

interface Report {
  readonly ends: readonly { kind: string; code?: number; message?: string }[];
  readonly lines: number;
  readonly last?: string;
  /** Bytes by which the runner's highest memory use grew over that after a first small job. */
  readonly grown: number;
}

/** Seconds that something may take which should happen at once; only a broken program gets there. */
const patience = 20;

let folder: string;
let runner: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'exec-runner-'));
  runner = join(folder, 'runner.cjs');
  await bundle(script, runner);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Settings {
  readonly close?: boolean;
  readonly ask?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** A runner with a temporary folder of its own. */
function startRunner(commands: readonly string[], { env = {}, ...settings }: Settings = {}): Program {
  return start(runner, [JSON.stringify({ folder, commands, ...settings })], { TMPDIR: scratch(), ...env });
}

function scratch(): string {
  const path = join(folder, 'tmp');
  mkdirSync(path, { recursive: true });
  return path;
}

async function report(program: Program): Promise<Report> {
  expect(await program.closed).toEqual({ code: 0, signal: null });
  expect(program.stderr()).toBe('');
  return JSON.parse(program.stdout()) as Report;
}

const pidIn = (name: string): number => Number(readFileSync(join(folder, name), 'utf8'));

/** The helpers that there are for runners of this test. */
function helpers(): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && readProc(`/proc/${pid}/cmdline`)?.includes(`${scratch()}/`) === true)
    .filter((pid) => readProc(`/proc/${pid}/cmdline`)?.includes('dagrun-watchdog') === true);
}

/** What a process has open, in the order of its descriptors. */
function openFiles(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((descriptor) => readLink(`/proc/${pid}/fd/${descriptor}`) ?? []);
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // The descriptor of the listing itself, or one that was closed meanwhile.
    return undefined;
  }
}

describe('a runner', () => {
  it.each([
    ['that closes its executor', true],
    ['that forgets to close it', false],
  ])('%s ends by itself, and leaves neither helper nor files', async (_, close) => {
    const program = startRunner(['echo a', 'sleep 0.1', 'exit 3'], { close });
    expect((await report(program)).ends.map((end) => end.code)).toEqual([0, 0, 3]);
    expect(await comesTrue(() => readdirSync(scratch()).length === 0, patience)).toBe(true);
    if (hasProc) expect(await comesTrue(() => helpers().length === 0, patience)).toBe(true);
  });

  it('may leave at once with an exit code of its own', async () => {
    const program = startRunner(['true'], { ask: true });
    expect(await program.closed).toEqual({ code: 7, signal: null });
    expect(await comesTrue(() => readdirSync(scratch()).length === 0, patience)).toBe(true);
  });

  it('runs many jobs at a time without a warning', async () => {
    const { ends } = await report(
      startRunner(
        Array.from({ length: 24 }, () => 'sleep 0.2'),
        { close: true },
      ),
    );
    expect(ends.map((end) => end.code)).toEqual(Array.from({ length: 24 }, () => 0));
  });

  it('takes 100 MB of output in many lines with little memory', async () => {
    const program = startRunner(['yes "$(printf %0999d 0)" | head -c 104857600'], { close: true });
    const { ends, lines, grown } = await report(program);
    expect(ends).toEqual([expect.objectContaining({ kind: 'exited', code: 0 })]);
    expect(lines).toBe(Math.ceil(104857600 / 1000));
    expect(statSync(join(folder, '0.log')).size).toBeGreaterThan(104857600);
    expect(grown).toBeLessThan(60 * 1024 * 1024);
  });

  it('takes 100 MB of output without a single line end with little memory', async () => {
    const program = startRunner(['head -c 104857600 /dev/zero'], { close: true });
    const { lines, grown } = await report(program);
    expect(lines).toBe(1);
    expect(statSync(join(folder, '0.log')).size).toBe(104857600 + '$ head -c 104857600 /dev/zero\n'.length);
    expect(grown).toBeLessThan(40 * 1024 * 1024);
  });

  it('does without a temporary folder as far as it can', async () => {
    const commands = ['echo out; echo err >&2', 'echo long enough for a script file'.padEnd(120_001, ' ;:')];
    const settings = { env: { TMPDIR: join(folder, 'nowhere') }, close: true };
    const { ends, lines, last } = await report(startRunner(commands, settings));
    expect(ends).toEqual([
      expect.objectContaining({ kind: 'exited', code: 0 }),
      expect.objectContaining({ kind: 'not-started', message: expect.stringContaining('ENOENT') }),
    ]);
    expect([lines, last]).toEqual([2, 'err']);
  });
});

if (hasProc)
  describe('a runner that is killed', () => {
    // Each writes its process id into the file it is named after.
    const stubborn = (name: string) => `sh -c 'trap "" TERM INT HUP; echo $$ > ${name}; while :; do sleep 1; done'`;
    const sleeper = (name: string) => `sh -c 'echo $$ > ${name}; exec sleep 300'`;
    const names = ['plain', 'piped', 'background', 'session', 'daemon', 'stubborn', 'unmarked'] as const;
    const commands = [
      sleeper('plain'),
      `${sleeper('piped')} | cat`,
      `${sleeper('background')} > /dev/null 2>&1 & ${stubborn('stubborn')}`,
      `setsid ${sleeper('session')} & wait`,
      `setsid sh -c 'echo $$ > daemon; (sleep 300 &) ; exec sleep 300' < /dev/null > /dev/null 2>&1 & wait`,
      `sleep 0.1; exec env -i PATH="$PATH" ${sleeper('unmarked')}`,
    ];

    async function started(): Promise<void> {
      const all = () => names.every((name) => existsSync(join(folder, name)) && statSync(join(folder, name)).size > 0);
      expect(await comesTrue(all, patience)).toBe(true);
    }

    it('takes everything with it that its jobs started, and the helper goes as well', async () => {
      const bystander = spawn('/bin/sh', ['-c', 'exec sleep 300'], {
        env: { DAGRUN_RUNNER: '0123456789abcdef:0' },
        stdio: 'ignore',
      });
      for (const name of names) rmSync(join(folder, name), { force: true });
      const program = startRunner(commands);
      await started();
      expect(helpers()).toHaveLength(1);
      // Its outputs close with it: neither helper nor commands hold them.
      const outputs = openFiles(program.child.pid!).slice(1, 3);
      expect(outputs).toHaveLength(2);
      for (const pid of [...helpers(), ...names.map(pidIn)])
        expect(openFiles(pid).filter((file) => outputs.includes(file))).toEqual([]);
      program.child.kill('SIGKILL');
      expect(await program.closed).toEqual({ code: null, signal: 'SIGKILL' });
      for (const name of names) expect({ name, gone: await isGone(pidIn(name)) }).toEqual({ name, gone: true });
      expect(await comesTrue(() => helpers().length === 0, patience)).toBe(true);
      expect(readdirSync(scratch())).toEqual([]);
      expect(isRunning(bystander.pid!)).toBe(true);
      bystander.kill('SIGKILL');
      await once(bystander, 'exit');
    });

    it('is avenged by a helper that survives the signals of a terminal', async () => {
      for (const name of names) rmSync(join(folder, name), { force: true });
      const program = startRunner(commands);
      await started();
      const [helper] = helpers();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.kill(helper!, signal);
      program.child.kill('SIGKILL');
      await program.closed;
      for (const name of names) expect({ name, gone: await isGone(pidIn(name)) }).toEqual({ name, gone: true });
    });

    it('at any moment leaves no process behind', async () => {
      for (let round = 0; round < 8; round++) {
        const program = startRunner(
          Array.from({ length: 6 }, (_, i) => `sleep 0.0${round}; sh -c 'sleep 300 & exec sleep 30${i}'`),
        );
        expect(await comesTrue(() => helpers().length > 0, patience)).toBe(true);
        if (round >= 4) expect(await comesTrue(() => commandsIn(folder).length > 0, patience)).toBe(true);
        // Not a wait for something: the moment of the kill is what is tried.
        await new Promise((resolve) => setTimeout(resolve, (round % 4) * 20));
        program.child.kill('SIGKILL');
        await program.closed;
        const left = () => commandsIn(folder);
        expect(await comesTrue(() => left().length === 0, patience)).toBe(true);
        expect(await comesTrue(() => helpers().length === 0, patience)).toBe(true);
      }
    });
  });

/** Living commands of any runner that work in the folder. */
function commandsIn(path: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (readProc(`/proc/${pid}/environ`)?.includes('DAGRUN_RUNNER=') !== true) return false;
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === path;
    } catch {
      return false;
    }
  });
}
