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

const hasPerl = spawnSync('perl', ['-e', '1']).status === 0;

/** The first process of a world of its own, which waits for nobody but the step's daemon that it starts. Says who was left to it. */
const firstProcess = `
const { spawn } = require('node:child_process');
const { readFileSync, readdirSync } = require('node:fs');
const [beside, ...script] = process.argv.slice(1);
const start = () => spawn('perl', ['-e', '$0 = shift; open F, ">young"; sleep 60', beside]);
if (beside !== '') setTimeout(start, 300);
spawn('sh', ['-c', 'setsid --wait "$@"; :', 'sh', ...script], { stdio: 'inherit' }).on('exit', () => {
  const numbers = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  const dead = numbers.filter((name) => /[)] Z 1 /.test(readFileSync('/proc/' + name + '/stat', 'utf8')));
  process.stdout.write(String(dead.length), () => process.exit());
});`;

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

  describe('in a world of its own, as the child of a daemon of its step', () => {
    interface World {
      /** How often it has looked into the environments of processes. */
      readonly looks: number;
      /** Processes that have ended and that nobody has waited for. */
      readonly dead: number;
    }

    const runAlone = async (place: number, shell: (typeof shells)[number], beside = ''): Promise<World> => {
      const looks = join(root, `looks.${place}`);
      const bin = join(root, `bin.${place}`);
      mkdirSync(bin);
      writeFileSync(looks, '');
      const grep = spawnSync('sh', ['-c', 'command -v grep'], { encoding: 'utf8' }).stdout.trim();
      writeFileSync(join(bin, 'grep'), `#!/bin/sh\necho >>'${looks}'\nexec ${grep} "$@"\n`, { mode: 0o755 });
      const env = {
        PATH: `${bin}:${process.env['PATH']}`,
        SLURM_JOB_ID: '9',
        SLURM_ARRAY_JOB_ID: '7',
        SLURM_ARRAY_TASK_ID: String(place),
      };
      const script = [shell[0], ...shell[1], join(root, 'script')];
      const args = [...alone.slice(1), process.execPath, '-e', firstProcess, beside, ...script];
      const world = spawn(alone[0], args, { env, cwd: join(root, 'work'), stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      world.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      await once(world, 'close');
      return { looks: readFileSync(looks, 'utf8').length, dead: Number(said) };
    };
    /** busybox has a grep of its own, which sees nothing but the first variable of an environment. */
    const looking = here.filter(([program]) => program !== 'busybox');
    const inWorlds = canCount ? it : it.skip;
    const withPerl = canCount && hasPerl ? it : it.skip;

    inWorlds.each(looking)('%s starts nothing to find that nothing is left', async (...shell) => {
      prepare([{ cmd: ['echo made', '(setsid sleep 77 & kill $!; wait)'] }]);
      expect((await runAlone(0, shell)).looks).toBe(0);
      expect([output(0), output(0, 1), end(0)]).toMatchObject(['made\n', '', { kind: 'exit', code: 0 }]);
    });

    inWorlds.each(here)('%s leaves nobody for the first process to wait for', async (...shell) => {
      prepare([{ cmd: ['sleep 0.4'] }, { cmd: ['sleep 1.6'] }, { cmd: ['true'] }]);
      const worlds = await Promise.all([0, 1, 2].map((place) => runAlone(place, shell)));
      expect(worlds.map(({ dead }) => dead)).toEqual([0, 0, 0]);
    });

    const perl = (text: string): string => `perl -e '${text}'`;
    withPerl.each(looking)(
      '%s finds whatever a command has left running',
      async (...shell) => {
        const commands = [
          'sleep 77 &',
          '(setsid sleep 77 &)',
          '(cd /; exec setsid sh -c "sleep 77 </dev/null >/dev/null 2>&1 & exit") &',
          // Changes its program again and again.
          `again='sleep 0.1; exec sh -c "$1" sh "$1"'; (setsid sh -c "$again" sh "$again" &)`,
          // Adopts the orphans of what it starts, and leaves them in its turn.
          perl('syscall(157, 36, 1, 0, 0, 0); unless (fork) { exec "sleep", "77" unless fork } sleep 1'),
          // A sibling of its parent: a child of the script itself.
          `exec ${perl('exec "sleep", "77" if syscall(56, 0x8000 | 17, 0, 0, 0, 0) == 0')}`,
        ].slice(0, process.arch === 'x64' ? undefined : -2);
        prepare(commands.map((cmd) => ({ cmd: [cmd] })));
        await Promise.all(commands.map((_, place) => runAlone(place, shell)));
        expect(commands.map((_, place) => output(place))).toEqual(
          commands.map(() => 'dagrun: ended what the command left running\n'),
        );
      },
      60_000,
    );

    withPerl('only the steps of other jobs may be young beside it', async () => {
      const besides = ['slurmstepd: [8.batch]', 'slurmstepd: [90.0]', 'slurmstepd: [9.0]', 'anything'];
      prepare(besides.map(() => ({ cmd: ['while [ ! -e young ]; do sleep 0.05; done'] })));
      const looked: boolean[] = [];
      for (const [place, beside] of besides.entries()) {
        rmSync(join(root, 'work/young'), { force: true });
        looked.push((await runAlone(place, here[0]!, beside)).looks > 0);
      }
      expect(looked).toEqual([false, false, true, true]);
    });
  });
});
