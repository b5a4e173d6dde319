import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter, getEventListeners, once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hasProc } from './processes.ts';
import { Rig, isGone, isRunning } from './testing.ts';

const megabyte = 1024 * 1024;

let rig: Rig;
beforeAll(() => {
  rig = new Rig();
});
afterAll(() => rig.close());

describe('output', () => {
  it('comes in the order in which it was written, stdout and stderr alike', async () => {
    const script = Array.from({ length: 20 }, (_, i) => `echo out ${i}; echo err ${i} >&2`).join('; ');
    const { lines, log } = await rig.run(script);
    const expected = Array.from({ length: 20 }, (_, i) => [`out ${i}`, `err ${i}`]).flat();
    expect(lines).toEqual(expected);
    expect(log.toString()).toBe(`$ ${script}\n${expected.join('\n')}\n`);
  });

  it('is logged command by command, each after its own line', async () => {
    const { log, lines } = await rig.run(['printf a', 'echo b >&2', 'true']);
    expect(log.toString()).toBe('$ printf a\na\n$ echo b >&2\nb\n$ true\n');
    expect(lines).toEqual(['a', 'b']);
  });

  it('arrives while the command runs', async () => {
    let sawWaiting = false;
    const outcome = await rig.run('echo waiting; while [ ! -e go ]; do sleep 0.01; done; echo went', {
      onLine: (line) => {
        if (line !== 'waiting') return;
        sawWaiting = true;
        writeFileSync(rig.path('go'), '');
      },
    });
    expect(sawWaiting).toBe(true);
    expect(outcome.lines).toEqual(['waiting', 'went']);
  });

  it('hands progress lines to progress only', async () => {
    const { lines, progress, log } = await rig.run(
      'echo "::progress 0.5 epoch 1/2"; echo "::progress soon"; printf "::progress 2 end"',
    );
    expect(progress).toEqual([
      [0.5, 'epoch 1/2'],
      [1, 'end'],
    ]);
    expect(lines).toEqual(['::progress soon']);
    expect(log.toString()).toContain('\n::progress 0.5 epoch 1/2\n');
  });

  it('delivers each state of a progress bar', async () => {
    const { lines } = await rig.run(String.raw`printf ' 10%%\r 50%%\r100%%\n'`);
    expect(lines).toEqual([' 10%', ' 50%', '100%']);
  });

  it('is logged byte for byte when it is binary', async () => {
    const { log, end } = await rig.run('head -c 300000 /dev/urandom | tee copy');
    expect(end).toMatchObject({ kind: 'exited', code: 0 });
    const logged = log.subarray(log.indexOf('\n') + 1);
    expect(logged.equals(readFileSync(rig.path('copy')))).toBe(true);
  });

  it('can be opened by name', async () => {
    const { log, end } = await rig.run(
      'echo first; echo second > /dev/stderr; echo third | tee /dev/stderr; echo fourth > /dev/stdout',
    );
    expect(end).toMatchObject({ kind: 'exited', code: 0 });
    expect(log.toString().split('\n').slice(1)).toEqual(['first', 'second', 'third', 'third', 'fourth', '']);
  });

  it('still comes where the log cannot be written', async () => {
    writeFileSync(rig.path('a file'), '');
    const { lines, end } = await rig.run('echo hello', { logPath: rig.path('a file/x.log') });
    expect(lines).toEqual([expect.stringContaining('x.log" cannot be written'), 'hello']);
    expect(end).toMatchObject({ kind: 'exited', code: 0 });
  });
});

describe('a time limit', () => {
  it('ends a command with its grandchildren', async () => {
    const command = 'sh -c "sleep 60 & echo \\$! > grandchild; wait" & echo $! > child; wait';
    const { end, seconds } = await rig.run(command, { timeout: 0.5 });
    expect(end).toEqual({ kind: 'timed-out', seconds: 0.5, command });
    expect(seconds).toBeGreaterThanOrEqual(0.5);
    expect(seconds).toBeLessThan(3);
    expect(isRunning(rig.pid('child'))).toBe(false);
    expect(isRunning(rig.pid('grandchild'))).toBe(false);
  });

  it('is for all commands together', async () => {
    const { end } = await rig.run(['sleep 0.3', 'sleep 30'], { timeout: 0.6 });
    expect(end).toEqual({ kind: 'timed-out', seconds: 0.6, command: 'sleep 30' });
  });

  if (hasProc)
    it('reaches what left the process group', async () => {
      const { end } = await rig.run('setsid sh -c "echo \\$\\$ > stray; exec sleep 60 > /dev/null 2>&1" & wait', {
        timeout: 0.5,
      });
      expect(end).toMatchObject({ kind: 'timed-out' });
      expect(isRunning(rig.pid('stray'))).toBe(false);
    });

  it('can be longer than a timer of Node.js', async () => {
    expect((await rig.run('sleep 0.05', { timeout: 90 * 24 * 3600 })).end).toMatchObject({ kind: 'exited', code: 0 });
  });

  it('does not count the time for which the runner itself was busy after the command had ended', async () => {
    const busy = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
    const { end, lines } = await rig.run('echo ready; sleep 0.1; echo done', {
      timeout: 1,
      onLine: (line) => line === 'ready' && busy(1500),
    });
    expect(end).toMatchObject({ kind: 'exited', code: 0 });
    expect(lines).toEqual(['ready', 'done']);
  });

  it('leaves output that came before it', async () => {
    const { lines, log } = await rig.run('echo before; sleep 30', { timeout: 0.3 });
    expect(lines).toEqual(['before']);
    expect(log.toString()).toContain('\nbefore\n');
  });
});

describe('an interrupt', () => {
  it('lets a command clean up', async () => {
    const abort = new AbortController();
    const { end, lines } = await rig.run(`trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.05; done`, {
      signal: abort.signal,
      onLine: (line) => line === 'ready' && abort.abort(),
    });
    expect(end).toEqual({ kind: 'interrupted' });
    // The shell may remark that its `sleep` was terminated.
    expect(lines.at(-1)).toBe('cleaned');
  });

  it('ends a command that ignores SIGTERM, with all that it started', async () => {
    const abort = new AbortController();
    const { end } = await rig.run(
      `trap '' TERM INT HUP; sh -c 'echo $$ > stubborn; echo ready; while :; do sleep 1; done'; true`,
      {
        signal: abort.signal,
        onLine: () => abort.abort(),
      },
    );
    expect(end).toEqual({ kind: 'interrupted' });
    expect(isRunning(rig.pid('stubborn'))).toBe(false);
  });

  it('ends a command that was stopped', async () => {
    const abort = new AbortController();
    const { end, seconds } = await rig.run('echo ready; kill -STOP $$', {
      signal: abort.signal,
      onLine: () => abort.abort(),
    });
    expect(end).toEqual({ kind: 'interrupted' });
    expect(seconds).toBeLessThan(3);
  });

  it('before the start starts nothing', async () => {
    const { end, log } = await rig.run('touch started', { signal: AbortSignal.abort() });
    expect(end).toEqual({ kind: 'interrupted' });
    expect(log.length).toBe(0);
    expect(existsSync(rig.path('started'))).toBe(false);
  });

  it('after the end changes nothing and finds no listener', async () => {
    const abort = new AbortController();
    expect((await rig.run('true', { signal: abort.signal })).end).toMatchObject({ kind: 'exited' });
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });
});

describe('what a command leaves behind', () => {
  it('may finish writing', async () => {
    const { lines, end } = await rig.run('(sleep 0.2; echo late) & echo early');
    expect(lines).toEqual(['early', 'late']);
    expect(end).toMatchObject({ kind: 'exited', code: 0 });
  });

  it('is ended where it holds the output', async () => {
    const { lines, end, seconds } = await rig.run('sleep 60 & echo $! > left; exit 2');
    expect(end).toMatchObject({ kind: 'exited', code: 2 });
    expect(seconds).toBeLessThan(4);
    expect(isRunning(rig.pid('left'))).toBe(false);
    expect(lines).toEqual([expect.stringMatching(/^dagrun: ended .* "sleep 60 & echo .*" left running$/)]);
  });

  it('is ended where it does not', async () => {
    const { end, seconds } = await rig.run('sleep 60 > /dev/null 2>&1 & echo $! > left');
    expect(end).toMatchObject({ kind: 'exited', code: 0 });
    expect(seconds).toBeLessThan(4);
    expect(isRunning(rig.pid('left'))).toBe(false);
  });

  if (hasProc) {
    it('is ended in another session as long as it holds the output', async () => {
      const { end } = await rig.run(
        'setsid sh -c "echo \\$\\$ > session; exec sleep 60" & while [ ! -s session ]; do sleep 0.01; done',
      );
      expect(end).toMatchObject({ kind: 'exited', code: 0 });
      expect(isRunning(rig.pid('session'))).toBe(false);
    });

    it('may be a daemon in a session of its own', async () => {
      const { end, lines } = await rig.run(
        'setsid sh -c "echo \\$\\$ > daemon; exec sleep 60" < /dev/null > /dev/null 2>&1 & while [ ! -s daemon ]; do sleep 0.01; done',
      );
      expect(end).toMatchObject({ kind: 'exited', code: 0 });
      expect(lines).toEqual([]);
      expect(isRunning(rig.pid('daemon'))).toBe(true);
      process.kill(rig.pid('daemon'), 'SIGKILL');
      await isGone(rig.pid('daemon'));
    });

    it('does not hang the runner where nothing can be done about it', async () => {
      const command =
        'env -i setsid sh -c "echo \\$\\$ > unmarked; exec sleep 60" & while [ ! -s unmarked ]; do sleep 0.01; done';
      const { end, lines, seconds } = await rig.run(command, { env: { PATH: '/usr/bin:/bin' } });
      expect(end).toMatchObject({ kind: 'exited', code: 0 });
      expect(seconds).toBeLessThan(5);
      expect(lines.at(-1)).toContain('still holds the output');
      // Its output does not get into that of the commands that follow.
      expect((await rig.run('echo next')).lines).toEqual(['next']);
      process.kill(rig.pid('unmarked'), 'SIGKILL');
      await isGone(rig.pid('unmarked'));
    });
  }
});

if (hasProc)
  describe('peak memory', () => {
    const node = `"${process.execPath}"`;

    it('is about what a single process took', async () => {
      const { peakMemory } = await rig.run(
        `${node} -e 'Buffer.alloc(200 << 20, 1); const t = Date.now(); while (Date.now() - t < 300);'`,
      );
      expect(peakMemory).toBeGreaterThan(200 * megabyte);
      expect(peakMemory).toBeLessThan(330 * megabyte);
    });

    it('counts processes that run at the same time together', async () => {
      // Each fills its memory, says so, and waits until both have.
      const one = (name: string) =>
        `${node} -e 'globalThis.kept = Buffer.alloc(100 << 20, 1); const fs = require("fs"); fs.writeFileSync("${name}", ""); ` +
        `const t = setInterval(() => fs.existsSync("full1") && fs.existsSync("full2") && (clearInterval(t), setTimeout(() => 0, 1200)), 10)'`;
      const { peakMemory, end } = await rig.run(`${one('full1')} & ${one('full2')} & wait`);
      expect(end).toMatchObject({ kind: 'exited', code: 0 });
      expect(peakMemory).toBeGreaterThan(200 * megabyte);
      expect(peakMemory).toBeLessThan(420 * megabyte);
    });

    it('is the highest of all commands', async () => {
      const big = `${node} -e 'Buffer.alloc(100 << 20, 1); const t = Date.now(); while (Date.now() - t < 150);'`;
      const { peakMemory } = await rig.run([big, 'sleep 0.05']);
      expect(peakMemory).toBeGreaterThan(100 * megabyte);
    });
  });

describe('jobs at the same time', () => {
  it('do not mix', async () => {
    const abort = new AbortController();
    const outcomes = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        rig.run(`for n in 1 2 3 4 5; do echo job ${i} line $n; done; exit ${i}`, { signal: abort.signal }),
      ),
    );
    for (const [i, { end, lines }] of outcomes.entries()) {
      expect(end).toMatchObject({ kind: 'exited', code: i });
      expect(lines).toEqual([1, 2, 3, 4, 5].map((n) => `job ${i} line ${n}`));
    }
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
  });

  it('end one by one: a limit or a failure of one does not touch the others', async () => {
    const events = new EventEmitter();
    const timedOut = once(events, 'timed-out');
    const patient = rig.run('while [ ! -e others-ended ]; do sleep 0.02; done; echo survived');
    const limited = rig.run('sleep 60', { timeout: 0.3 }).then((outcome) => {
      events.emit('timed-out');
      return outcome;
    });
    const failing = rig.run('exit 9');
    await Promise.all([timedOut, failing]);
    writeFileSync(rig.path('others-ended'), '');
    expect((await limited).end).toMatchObject({ kind: 'timed-out' });
    expect(await patient).toMatchObject({ end: { kind: 'exited', code: 0 }, lines: ['survived'] });
  });
});

describe('close', () => {
  it('interrupts what runs, and can be followed by another job', async () => {
    const own = new Rig();
    const closed: Promise<void>[] = [];
    const onLine = () => void closed.push(own.executor.close());
    const { end } = await own.run('echo $$ > shell; echo ready; sleep 60', { onLine });
    await Promise.all(closed);
    expect(end).toEqual({ kind: 'interrupted' });
    expect(isRunning(own.pid('shell'))).toBe(false);
    expect((await own.run('echo again')).lines).toEqual(['again']);
    await own.close();
  });

  it('before any job does nothing', async () => {
    const own = new Rig();
    await own.close();
  });
});
