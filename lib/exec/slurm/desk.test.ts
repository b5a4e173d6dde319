// What a dead runner leaves for the next one, as far as it needs no cluster.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
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
  const open = (): void => desk.open({ batch: 'ab', pipeline: 'p.yaml', members }, [[['task', 'true']], []]);

  it('another runner finds the jobs of a batch that were not closed, and their ids', () => {
    open();
    desk.noteId('ab', '7_');
    desk.close('ab.0');
    const other = new Desk(root);
    expect(other.records()).toEqual([{ token: 'ab.1', pipeline: 'p.yaml', stage: 'b', identity: 'y' }]);
    expect(other.idOf('ab.1')).toBe('7_1');
    other.close('ab.1');
    expect(readdirSync(join(root, 'jobs'))).toEqual([]);
  });

  it('what was never submitted is swept away', () => {
    mkdirSync(join(root, 'jobs/ab/0'), { recursive: true });
    expect(desk.records()).toEqual([]);
    expect(existsSync(join(root, 'jobs/ab'))).toBe(false);
  });

  it('a job begins, or is withdrawn, but not both', () => {
    open();
    expect(desk.withdraw('ab.0')).toBe(true);
    expect(desk.withdraw('ab.0')).toBe(true);
    expect(desk.hasBegun('ab.0')).toBe(false);
    writeFileSync(join(desk.folder('ab.1'), 'claim'), '7_1\n');
    expect(desk.withdraw('ab.1')).toBe(false);
    expect(desk.hasBegun('ab.1')).toBe(true);
    expect(desk.idOf('ab.1')).toBe('7_1');
  });

  it('knows the jobs that an earlier version has submitted', () => {
    mkdirSync(join(root, 'jobs/old/claim'), { recursive: true });
    writeFileSync(join(root, 'jobs/old/record.json'), '{"token":"old","pipeline":"p.yaml","stage":"a","identity":"x"}');
    writeFileSync(join(root, 'jobs/old/id'), '12');
    expect(desk.records()).toEqual([{ token: 'old', pipeline: 'p.yaml', stage: 'a', identity: 'x' }]);
    expect([desk.idOf('old'), desk.hasBegun('old'), desk.withdraw('old')]).toEqual(['12', true, false]);
    desk.close('old');
    expect(readdirSync(join(root, 'jobs'))).toEqual([]);
  });
});
