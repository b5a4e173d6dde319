// The script of a job, by each shell that is /bin/sh somewhere and is here. What Slurm adds is in test/slurm.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnd } from './desk.ts';
import type { ScriptEnd } from './desk.ts';
import { batchScript, taskFiles } from './script.ts';
import type { TaskRequest } from './script.ts';

const shells = [
  ['dash', []],
  ['bash', ['--posix']],
  ['busybox', ['sh']],
] as const;
const here = shells.filter(([program, args]) => spawnSync(program, [...args, '-c', 'true']).status === 0);
const alone = ['unshare', '-rpf', '--mount-proc'] as const;
/** Where the kernel can be told what number the next process gets, in a world of its own. */
const canCount =
  spawnSync(alone[0], [...alone.slice(1), 'sh', '-c', 'echo 400 >/proc/sys/kernel/ns_last_pid']).status === 0;

describe('the script of a job', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'dagrun-script-'));
    for (const folder of ["it's a batch", 'ends', 'work']) mkdirSync(join(root, folder));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const file = (name: string): string => join(root, "it's a batch", name);
  const prepare = (tasks: readonly Partial<TaskRequest>[]): void => {
    const whole = tasks.map((task) => ({ cwd: join(root, 'work'), cmd: ['true'], timeout: null, env: [], ...task }));
    for (const [name, text] of taskFiles(whole)) writeFileSync(file(name), text);
    const place = { folder: join(root, "it's a batch"), ends: join(root, 'ends'), batch: 'ab' };
    writeFileSync(join(root, 'script'), batchScript({ ...place, beat: 1, grace: 1 }));
  };
  const run = async (place: number, program: string, ...args: readonly string[]): Promise<void> => {
    const own = { SLURM_JOB_ID: '9', SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: String(place) };
    const env = { PATH: process.env['PATH'], INHERITED: 'yes', ...own };
    await once(spawn(program, [...args, join(root, 'script')], { env, detached: true, stdio: 'inherit' }), 'exit');
  };
  const end = (place: number): ScriptEnd | undefined =>
    parseEnd(readFileSync(join(root, 'ends', `ab.${place}`), 'utf8'));
  const output = (place: number, n = 0): string => readFileSync(file(`out.${place}.${n}`), 'utf8');

  it.each(here)('%s takes commands and variables as they are', async (program, args) => {
    const commands: readonly (readonly [cmd: string, output: string])[] = [
      [`printf 'a\nb;;\nesac\n'`, 'a\nb;;\nesac\n'],
      [`echo ";; esac" "it's" '$HOME'`, ";; esac it's $HOME\n"],
      ['cat <<EOF\n3)\n;;\nesac\nEOF', '3)\n;;\nesac\n'],
      ['', ''],
      ['# nothing', ''],
      ["echo 'ü 日本 \u0081\u0088 😀'", 'ü 日本 \u0081\u0088 😀\n'],
      ['case x in x) echo in;; esac', 'in\n'],
      ['\n\necho late\n', 'late\n'],
      ['cat; echo "$#"', '0\n'],
      ['printf "%s|%s" "$ODD" "${INHERITED-unset}"', "\n';;\\ $(echo no) *|unset"],
    ];
    const env = [['ODD', "\n';;\\ $(echo no) *"] as const, ['INHERITED', undefined] as const];
    prepare([
      ...commands.map(([cmd]) => ({ cmd: [cmd], env })),
      ...Array.from({ length: 7 }, () => ({ cmd: ['exit 3'] })),
    ]);
    for (const [place, [, text]] of commands.entries()) {
      await run(place, program, ...args);
      expect([output(place), end(place)]).toMatchObject([text, { kind: 'exit', code: 0, job: `7_${place}` }]);
    }
    await run(16, program, ...args);
    expect(end(16)).toMatchObject({ kind: 'exit', code: 3 });
  });

  it('ends its commands once nobody waits for it any more and its folder is gone', async () => {
    prepare([{ cmd: ['echo begun >here; sleep 20; echo lives >here'] }]);
    const ended = run(0, 'sh');
    while (!existsSync(join(root, 'work/here'))) await new Promise((resolve) => setTimeout(resolve, 20));
    rmSync(file(''), { recursive: true });
    await ended;
    expect(readFileSync(join(root, 'work/here'), 'utf8')).toBe('begun\n');
  }, 40_000);

  (canCount ? it : it.skip)(
    'finds what a command left running though numbers of processes have begun anew since',
    async () => {
      const next = (number: number): string => `echo ${number} >/proc/sys/kernel/ns_last_pid`;
      prepare([{ cmd: [`${next(310)}; (setsid sleep 77 &); ${next(550)}; sleep 3`] }]);
      await run(0, ...alone, 'sh', '-c', `${next(500)}; setsid --wait "$@"; true`, 'sh', 'sh');
      expect(output(0)).toBe('dagrun: ended what the command left running\n');
    },
  );
});
