// How commands are started and what is learned of their end: by the helper (spawner.ts), and by Node.js where there is none. Nobody may notice
// which of the two it was.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasProc } from './processes.ts';
import { Spawner } from './spawner.ts';
import { Rig, isGone } from './testing.ts';

const ways = [
  ['the helper', undefined],
  ['Node.js', null],
  ['Node.js, since the program of the helper is missing', 'no-such-program'],
  ['Node.js, since the helper leaves at once', 'false'],
] as const;

describe.each(ways)('started by %s', (_, spawner) => {
  let rig: Rig;
  beforeAll(() => {
    rig = new Rig(spawner === undefined ? {} : { spawner });
  });
  afterAll(() => rig.close());

  describe('the end of a job', () => {
    it.each([0, 1, 7, 255])('is exit code %d', async (code) => {
      const { end, seconds } = await rig.run(`exit ${code}`);
      expect(end).toEqual({ kind: 'exited', code, command: `exit ${code}` });
      expect(seconds).toBeGreaterThan(0);
    });

    it('tells death by a signal from an exit code above 128', async () => {
      expect((await rig.run('kill -9 $$')).end).toEqual({
        kind: 'signalled',
        signal: 'SIGKILL',
        command: 'kill -9 $$',
      });
      const nested = `sh -c 'kill -9 $$'; exit $?`;
      expect((await rig.run(nested)).end).toEqual({ kind: 'exited', code: 137, command: nested });
      expect((await rig.run('nosuchprogram')).end).toMatchObject({ kind: 'exited', code: 127 });
    });

    it('comes at the first command that fails', async () => {
      const { end, lines } = await rig.run(['echo one', 'echo two; exit 3', 'echo three']);
      expect(end).toEqual({ kind: 'exited', code: 3, command: 'echo two; exit 3' });
      expect(lines).toEqual(['one', 'two']);
    });

    it('names the last command where all went well', async () => {
      expect((await rig.run(['true', 'true # last'])).end).toEqual({ kind: 'exited', code: 0, command: 'true # last' });
    });
  });

  describe('the surroundings of a command', () => {
    if (hasProc)
      it('are exactly the given environment and the marker', async () => {
        const env = { PATH: process.env['PATH'] ?? '', A: '1', EMPTY: '', DAGRUN_RUNNER: 'of an outer runner' };
        const { lines } = await rig.run(`tr '\\0' '\\n' < /proc/$$/environ`, { env });
        const marker = lines.filter((line) => line.startsWith('DAGRUN_RUNNER='));
        expect(marker).toEqual([expect.stringMatching(/^DAGRUN_RUNNER=[0-9a-f]{24}:\d+$/)]);
        expect([...lines].sort()).toEqual([`A=1`, marker[0], 'EMPTY=', `PATH=${env.PATH}`].sort());
      });

    it('may be anything that an environment can hold', async () => {
      const env = {
        PATH: process.env['PATH'] ?? '',
        'odd.name-1': ' two\nlines \n',
        QUOTES: `'"$\`\\`,
        LETTERS: 'ü=€',
        '%ENV': '@_',
      };
      expect((await rig.run('printf "%s\\n" "$QUOTES$LETTERS"', { env })).lines).toEqual([env.QUOTES + env.LETTERS]);
      if (hasProc) {
        const { log } = await rig.run('cat /proc/$$/environ', { env });
        for (const [name, value] of Object.entries(env)) expect(log.toString()).toContain(`\0${name}=${value}\0`);
      }
    });

    it('take a command as it is written', async () => {
      const command = `printf '%s\n' "a  b" 'c"d' "$0" \\\\; # $HOME\n printf 'ü\n'`;
      expect((await rig.run(command)).lines).toEqual(['a  b', 'c"d', '/bin/sh', '\\', 'ü']);
    });

    it('have the usual reactions to signals', async () => {
      for (const signal of ['INT', 'TERM', 'HUP', 'QUIT', 'PIPE', 'FPE'])
        expect((await rig.run(`kill -s ${signal} $$`)).end).toMatchObject({ signal: `SIG${signal}` });
      expect((await rig.run('kill -s CHLD $$; exit 6')).end).toMatchObject({ code: 6 });
    });

    it('have the working folder and an empty stdin', async () => {
      const { lines } = await rig.run('pwd; cat; echo end');
      expect(lines).toEqual([expect.stringContaining(rig.folder), 'end']);
    });

    it('let a command be as long as a script file', async () => {
      const text = 'x'.repeat(400_000);
      const { end, lines } = await rig.run(`text=${text}; echo \${#text}; exit 4`);
      expect(lines).toEqual(['400000']);
      expect(end).toMatchObject({ kind: 'exited', code: 4 });
    });
  });

  describe('a job that cannot start', () => {
    it('says that the working folder is missing', async () => {
      const cwd = rig.path('nowhere');
      const { end, peakMemory } = await rig.run(['true', 'false'], { cwd });
      expect(end).toEqual({
        kind: 'not-started',
        message: `the working folder "${cwd}" does not exist`,
        command: 'true',
      });
      expect(peakMemory).toBeNull();
    });

    it('says that the working folder is a file', async () => {
      writeFileSync(rig.path('plain'), '');
      const { end } = await rig.run('true', { cwd: rig.path('plain') });
      expect(end).toMatchObject({ kind: 'not-started', message: expect.stringContaining('is not a folder') });
    });

    it('says that a variable is too large for the kernel', async () => {
      const { end } = await rig.run('true', { env: { BIG: 'x'.repeat(200_000) } });
      expect(end).toMatchObject({ kind: 'not-started', message: expect.stringContaining('environment is too large') });
    });

    it('says that there is a NUL byte in the command', async () => {
      const { end } = await rig.run('echo \0');
      expect(end).toMatchObject({ kind: 'not-started', message: 'the command contains a NUL byte' });
    });

    it('leaves the executor in order', async () => {
      expect((await rig.run('echo fine')).lines).toEqual(['fine']);
    });
  });
});

if (hasProc)
  describe('the helper', () => {
    it('that is killed takes what it had started with it, and is not needed afterwards', async () => {
      const rig = new Rig();
      try {
        // The runner has heard of the start once it has heard a line.
        const command = 'sleep 600 & echo $! > pid; echo; until [ -e heard ]; do sleep 0.01; done; kill -9 $PPID; wait';
        const { end } = await rig.run(command, { onLine: () => writeFileSync(rig.path('heard'), '') });
        expect(end).toMatchObject({ kind: 'signalled', signal: 'SIGKILL' });
        expect(await isGone(rig.pid('pid'))).toBe(true);
        expect(await rig.run('echo fine; exit 5')).toMatchObject({ end: { code: 5 }, lines: ['fine'] });
      } finally {
        await rig.close();
      }
    });

    it('that is killed before it could tell of a start takes along what it may have started', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'spawn-test-'));
      const program = join(folder, 'perl');
      const dies = `1 until -e "${folder}/pid"; kill 9, \\$\\$;`;
      const text = `#!/bin/sh\nexec perl -e "$(printf %s "$2" | sed "s|report('started'.*|${dies.replaceAll('"', '\\"')}|")"\n`;
      writeFileSync(program, text, { mode: 0o755 });
      const rig = new Rig({ spawner: program });
      try {
        const { end } = await rig.run(`sleep 600 & echo $! > new; mv new '${folder}/pid'; wait`);
        expect(end).toMatchObject({ kind: 'signalled', signal: 'SIGKILL' });
        expect(await isGone(Number(readFileSync(join(folder, 'pid'), 'utf8')))).toBe(true);
        expect((await rig.run('exit 3')).end).toMatchObject({ kind: 'exited', code: 3 });
      } finally {
        await rig.close();
        rmSync(folder, { recursive: true });
      }
    });

    it('that does not answer is given up when the command has to stop', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'spawn-test-'));
      const program = join(folder, 'hangs');
      writeFileSync(program, '#!/bin/sh\necho ready; exec sleep 600\n', { mode: 0o755 });
      const rig = new Rig({ spawner: program, grace: 0.2 });
      try {
        expect((await rig.run('true', { timeout: 0.2 })).end).toMatchObject({ kind: 'timed-out' });
        expect((await rig.run('exit 3')).end).toMatchObject({ kind: 'exited', code: 3 });
      } finally {
        await rig.close();
        rmSync(folder, { recursive: true });
      }
    });

    it('that was given up leaves no command to start later', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'spawn-test-'));
      const program = join(folder, 'perl');
      // The working folder takes its time.
      const waits = `do { open(my $f, ">", "${folder}/pid"); print $f $$; close $f; sleep 1 }`;
      writeFileSync(join(folder, 'edit'), `s|&& chdir|\\&\\& ${waits} \\&\\& chdir|\n`);
      const text = `#!/bin/sh\nexec perl -e "$(printf %s "$2" | sed -f '${folder}/edit')"\n`;
      writeFileSync(program, text, { mode: 0o755 });
      const rig = new Rig({ spawner: program, grace: 0.1 });
      try {
        expect((await rig.run(`touch '${folder}/ran'`, { timeout: 0.3 })).end).toMatchObject({ kind: 'timed-out' });
        expect(await isGone(Number(readFileSync(join(folder, 'pid'), 'utf8')))).toBe(true);
        expect(existsSync(join(folder, 'ran'))).toBe(false);
      } finally {
        await rig.close();
        rmSync(folder, { recursive: true });
      }
    });

    it('survives what a terminal sends around', async () => {
      const rig = new Rig();
      try {
        const before = await rig.run('kill -INT $PPID; kill -TERM $PPID; kill -HUP $PPID; echo $PPID');
        expect((await rig.run('echo $PPID')).lines).toEqual(before.lines);
      } finally {
        await rig.close();
      }
    });

    it('goes when it is dismissed, and starts nothing more', async () => {
      const rig = new Rig();
      const { lines } = await rig.run('echo $PPID');
      await rig.close();
      expect(await isGone(Number(lines[0]))).toBe(true);
      const spawner = new Spawner('no-such-program');
      const request = { pipe: rig.path('nothing'), cwd: '/', argv: ['/bin/sh', '-c', 'exit'], env: {} } as const;
      expect(await spawner.start(request)).toEqual({ kind: 'unavailable' });
      expect(await spawner.start(request)).toEqual({ kind: 'unavailable' });
      expect(existsSync(request.pipe)).toBe(false);
    });

    it('says why it could not start a command', async () => {
      const rig = new Rig();
      const spawner = new Spawner();
      const request = { pipe: rig.path('nothing'), cwd: '/', argv: ['/bin/sh', '-c', 'exit'], env: {} } as const;
      expect(await spawner.start(request)).toEqual({ kind: 'failed', code: 'ENOENT' });
      expect(existsSync(request.pipe)).toBe(false);
      spawner.close();
      await rig.close();
    });
  });
