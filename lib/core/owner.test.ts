import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { currentOwner, isAlive, isLocal, parseOwner } from './owner.ts';

const onLinux = existsSync('/proc/self/stat');

describe('owner', () => {
  it('this process is alive, and comes back from JSON', () => {
    const owner = currentOwner('dagrun repro');
    expect(owner).toMatchObject({ pid: process.pid, command: 'dagrun repro' });
    expect(isAlive(owner)).toBe(true);
    expect(isLocal(owner)).toBe(true);
    expect(parseOwner(JSON.parse(JSON.stringify(owner)))).toEqual(owner);
  });

  it('a process that has ended is not alive', async () => {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    const owner = { ...currentOwner(), pid: child.pid!, startTime: '' };
    expect(isAlive(owner)).toBe(true);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(isAlive(owner)).toBe(false);
  });

  it('another process under the same pid is not taken for the owner', () => {
    // Elsewhere nothing says when a process began: the safe answer is that it is the owner.
    expect(isAlive({ ...currentOwner(), startTime: '00000000-1' })).toBe(!onLinux);
  });

  it('a zombie is not alive', async () => {
    // It ends after the shell has become a program that waits for nobody: the shell itself might bury it.
    const child = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60']);
    const pid = await new Promise<number>((resolve) =>
      child.stdout.once('data', (text: Buffer) => resolve(Number(text))),
    );
    const deadline = Date.now() + 5000;
    while (isAlive({ ...currentOwner(), pid, startTime: '' }) && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isAlive({ ...currentOwner(), pid, startTime: '' })).toBe(!onLinux);
    expect(existsSync(`/proc/${pid}`)).toBe(onLinux);
    child.kill('SIGKILL');
  });

  it('an owner on another host cannot be asked and counts as alive', () => {
    const owner = { ...currentOwner(), host: 'somewhere-else', pid: 1 };
    expect(isAlive(owner)).toBe(true);
    expect(isLocal(owner)).toBe(false);
  });

  it.each([
    null,
    1,
    'x',
    [],
    {},
    { host: 'h', pid: -1, startTime: '', command: '' },
    { host: 'h', pid: '1', startTime: '', command: '' },
  ])('refuses %j', (value) => {
    expect(parseOwner(value)).toBeUndefined();
  });
});
