import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { joinCrowd } from './crowd.ts';

const cores = availableParallelism();
let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'crowd-')), 'folder');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

describe('a crowd', () => {
  it('leaves all cores to who is alone, and one at least to each of many', () => {
    const crowd = joinCrowd(folder);
    expect(crowd.share()).toBe(cores);
    const others = Array.from({ length: cores }, () => spawn('sleep', ['60']));
    try {
      writeFileSync(join(folder, String(others[0]!.pid)), '');
      expect(crowd.share()).toBe(Math.max(1, Math.floor(cores / 2)));
      for (const { pid } of others) writeFileSync(join(folder, String(pid)), '');
      expect(crowd.share()).toBe(1);
    } finally {
      for (const other of others) other.kill('SIGKILL');
    }
    crowd.leave();
    expect(existsSync(join(folder, String(process.pid)))).toBe(false);
  });

  it('forgets the dead, and what is no process', () => {
    const crowd = joinCrowd(folder);
    const { pid } = spawnSync('true');
    for (const name of [String(pid), 'something', '-1']) writeFileSync(join(folder, name), '');
    expect(crowd.share()).toBe(cores);
    expect(readdirSync(folder)).toEqual([String(process.pid)]);
  });

  it('is of one where there can be no folder', () => {
    writeFileSync(folder, 'a file');
    const crowd = joinCrowd(folder);
    expect(crowd.share()).toBe(cores);
    crowd.leave();
  });
});
