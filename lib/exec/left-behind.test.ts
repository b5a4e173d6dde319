import { describe, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { currentOwner } from '../core/owner.ts';
import { endLeftBehind, runnerId } from './left-behind.ts';
import { findMarked } from './processes.ts';
import { markerName } from './watchdog.ts';

const dead = { host: currentOwner().host, pid: 123, startTime: `test-${process.pid}`, command: 'dagrun repro' };

/** A shell that says when it is ready, with the marker of a runner. */
async function startMarked(marker: string, script: string): Promise<ChildProcess> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', [markerName]: marker };
  const child = spawn('/bin/sh', ['-c', `${script}; echo ready; while :; do sleep 1; done`], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  // The shell's own commands may hold it a little longer.
  child.stdout.destroy();
  return child;
}

describe('what a killed runner left running', () => {
  it('is ended, whether it listens to SIGTERM or not; that of another runner is not', async () => {
    const own = [
      await startMarked(`${runnerId(dead)!}:0`, 'true'),
      await startMarked(`${runnerId(dead)!}:12`, "trap '' TERM"),
    ];
    const other = await startMarked(`${runnerId({ ...dead, pid: 1234 })!}:0`, 'true');
    const ends = Promise.all(own.map((child) => once(child, 'exit')));
    await endLeftBehind(dead);
    expect(findMarked(`${markerName}=${runnerId(dead)!}:`)).toEqual([]);
    expect((await ends).map(([, signal]) => signal as string)).toEqual(['SIGTERM', 'SIGKILL']);
    expect(other.exitCode ?? other.signalCode).toBeNull();
    other.kill('SIGKILL');
    await once(other, 'exit');
  });

  it('is not waited for where there is nothing, or where it cannot be told', async () => {
    // No timer fires: whoever waits for one never returns.
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'performance'] });
    try {
      await endLeftBehind(dead);
      await endLeftBehind({ ...dead, startTime: '' });
      expect(runnerId({ ...dead, startTime: '' })).toBeUndefined();
    } finally {
      jest.useRealTimers();
    }
  });
});
