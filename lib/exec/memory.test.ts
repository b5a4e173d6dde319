import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { comesTrue } from './family.ts';
import { MemoryMeter, askPs, pauseAfter } from './memory.ts';
import { findProcesses, groupMembers, hasProc, processTree, readProc, residentMemory } from './processes.ts';

const megabyte = 1024 * 1024;

/** A process group with a child and a grandchild; resolves once all are there. */
async function startTree(env: Record<string, string> = {}): Promise<ChildProcess> {
  const child = spawn('/bin/sh', ['-c', 'sh -c "sleep 60 & echo ready; wait" ; true'], {
    detached: true,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  process.kill(-child.pid!, 'SIGKILL');
  await exit;
}

describe('pauseAfter', () => {
  it('grows with the running time between its bounds', () => {
    expect(pauseAfter(0, 0)).toBe(5);
    expect(pauseAfter(100, 1)).toBe(25);
    expect(pauseAfter(60_000, 10)).toBe(500);
  });

  it('keeps the cost below half a percent once the allowance is used up', () => {
    let elapsed = 0;
    let spent = 0;
    while (elapsed < 60_000) {
      spent += 2;
      elapsed += 2 + pauseAfter(elapsed + 2, spent);
    }
    expect(spent).toBeLessThan(5 + 2 + 0.005 * elapsed);
  });
});

if (hasProc)
  describe('processes', () => {
    it('finds the members of a group, the tree below its leader, and strays by their marker', async () => {
      const marker = `DAGRUN_TEST_${process.pid}=tree`;
      const [name, value] = marker.split('=') as [string, string];
      const child = await startTree({ [name]: value });
      try {
        const members = groupMembers(child.pid!);
        expect(members).toHaveLength(3);
        expect([...processTree(child.pid!)].sort()).toEqual([...members].sort());
        expect(findProcesses(child.pid, marker)).toEqual({ members, strays: [] });
        expect(findProcesses(0, marker).strays).toEqual(members);
        expect(findProcesses(0, `${marker}x`).strays).toEqual([]);
      } finally {
        await end(child);
      }
      expect(await comesTrue(() => groupMembers(child.pid!).length === 0, 5)).toBe(true);
    });

    it('reads the memory of a process, and nothing of one that is gone', () => {
      const memory = residentMemory(process.pid)!;
      expect(memory.now).toBeGreaterThan(10 * megabyte);
      expect(memory.peak).toBeGreaterThanOrEqual(memory.now);
      expect(residentMemory(2 ** 22 + 1)).toBeUndefined();
      expect(readProc('/proc/no such file')).toBeUndefined();
    });
  });

/** Fails by the time limit of the test where it never comes true. */
async function sampled(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resume) => setTimeout(resume, 2));
}

describe('MemoryMeter', () => {
  it('has measured nothing before it starts', () => {
    expect(new MemoryMeter().peak).toBeNull();
  });

  it('keeps the highest of several commands', async () => {
    const meter = new MemoryMeter();
    const child = await startTree();
    try {
      if (!hasProc) return;
      meter.start(child.pid!);
      await sampled(() => meter.peak !== null);
      const first = meter.peak!;
      expect(first).toBeGreaterThan(0);
      meter.start(process.pid);
      await sampled(() => meter.peak! > first);
      const highest = meter.peak;
      meter.start(child.pid!);
      expect(meter.peak).toBe(highest);
    } finally {
      meter.stop();
      await end(child);
    }
  });

  it('asks ps where there is no /proc', async () => {
    const child = await startTree();
    try {
      const bytes = await new Promise<number | null>((resolve) => askPs(child.pid!, resolve));
      expect(bytes).toBeGreaterThan(megabyte);
      expect(bytes).toBeLessThan(100 * megabyte);
      expect(await new Promise((resolve) => askPs(2 ** 22 + 1, resolve))).toBeNull();
    } finally {
      await end(child);
    }
  });
});
