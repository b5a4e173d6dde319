// What a dead runner leaves for the next one, as far as it needs no cluster.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Desk } from './desk.ts';

describe('the folders of jobs', () => {
  let root: string;
  let desk: Desk;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'dagrun-desk-'));
    desk = new Desk(root);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const members = [
    { stage: 'a', identity: 'x' },
    { stage: 'b', identity: 'y' },
  ];
  const open = (): void => desk.open({ batch: 'ab', pipeline: 'p.yaml', members }, [['tasks.0', 'true']]);
  const start = (token: string, id: string): void =>
    writeFileSync(desk.file(token, 'claim'), `${id}\n`, { flag: 'wx' });

  it('another runner finds the jobs of a batch that were not closed, and their ids', () => {
    open();
    desk.noteId('ab', '7_');
    start('ab.0', '7_0');
    desk.close('ab.0');
    const other = new Desk(root);
    expect(other.records()).toEqual([{ token: 'ab.1', pipeline: 'p.yaml', stage: 'b', identity: 'y' }]);
    expect(other.idOf('ab.1')).toBe('7_1');
    other.close('ab.1');
    expect(readdirSync(join(root, 'jobs'))).toEqual([]);
  });

  it('what was never submitted is swept away, and the end of a job that came too late', () => {
    mkdirSync(join(root, 'jobs/ab'), { recursive: true });
    mkdirSync(desk.ends);
    writeFileSync(join(desk.ends, 'cd.0'), 'exit 0 0 0 1 0 n1 7\n');
    expect(desk.records()).toEqual([]);
    expect([existsSync(join(root, 'jobs/ab')), readdirSync(desk.ends)]).toEqual([false, []]);
  });

  it('nothing is left of jobs that could not be opened', () => {
    expect(() => desk.open({ batch: 'ab', pipeline: 'p.yaml', members }, [['no/such/folder', '']])).toThrow('ENOENT');
    expect(readdirSync(join(root, 'jobs'))).toEqual([]);
  });

  it('a job begins, or is withdrawn, but not both', () => {
    open();
    expect(desk.withdraw('ab.0')).toBe(true);
    expect(desk.withdraw('ab.0')).toBe(true);
    expect(desk.hasBegun('ab.0')).toBe(false);
    start('ab.1', '7_1');
    expect(desk.withdraw('ab.1')).toBe(false);
    expect(desk.hasBegun('ab.1')).toBe(true);
    expect(desk.idOf('ab.1')).toBe('7_1');
  });

  it('a closed job never begins, whether or not others of its batch are at work', () => {
    open();
    desk.close('ab.0');
    expect(() => start('ab.0', '7_0')).toThrow('EEXIST');
    start('ab.1', '7_1');
    expect([...desk.claimed('ab')].sort()).toEqual(['ab.0', 'ab.1']);
    writeFileSync(join(desk.ends, 'ab.1'), 'exit 0 0 0 1 0 n1 7\n');
    writeFileSync(join(desk.ends, 'abc.1'), 'exit 0 0 0 1 0 n1 8\n');
    desk.close('ab.1');
    expect(() => start('ab.1', '7_1')).toThrow('ENOENT');
    expect([...desk.ended()]).toEqual(['abc.1']);
  });

  it('a job that starts while the files of its batch are removed has nothing to do, and costs the runner nothing', async () => {
    const many = Array.from({ length: 300 }, (_, position) => ({ stage: `s${position}`, identity: 'x' }));
    const tasks = Array.from({ length: 20 }, (_, n) => [`tasks.${n}`, 'true'] as const);
    desk.open({ batch: 'ab', pipeline: 'p.yaml', members: many }, tasks);
    for (const position of many.keys()) start(`ab.${position}`, '7');
    const folder = desk.batchFolder('ab');
    const claim = `{ echo 8 >claim.7; } 2>/dev/null && { ls tasks.*; echo claimed; exit; }`;
    const late = spawn('sh', ['-c', `set -C; cd ${folder}; echo ready; while [ -e ${folder} ]; do ${claim}; done`]);
    const said: string[] = [];
    late.stdout.setEncoding('utf8').on('data', (text: string) => said.push(text));
    await once(late.stdout, 'data');
    for (const position of many.keys()) desk.close(`ab.${position}`);
    await once(late, 'close');
    expect(said.join('')).not.toContain('tasks.');
    expect(new Desk(root).records()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('closes a job whose folder is gone: its result is taken by nobody else', () => {
    open();
    writeFileSync(join(desk.ends, 'ab.0'), 'exit 0 0 0 1 0 n1 7\n');
    rmSync(desk.batchFolder('ab'), { recursive: true });
    desk.close('ab.0');
    expect([...desk.ended()]).toEqual([]);
    desk.close('ab.1');
  });
});
