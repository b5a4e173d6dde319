import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JobLog } from './log.ts';

describe('JobLog', () => {
  let folder: string;
  let told: unknown[];
  const output = {
    line: (text: string) => told.push(text),
    progress: (fraction: number, text: string) => told.push([fraction, text]),
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'log-'));
    told = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('writes what comes before the file is open, in order, and makes the folder', async () => {
    const path = join(folder, 'a', 'b', 'x.log');
    const log = new JobLog(path, output);
    log.echo('first');
    log.write(Buffer.from('early\n'));
    await log.ready;
    log.write(Buffer.from('late\n'));
    await log.close();
    expect(readFileSync(path, 'utf8')).toBe('$ first\nearly\nlate\n');
    expect(told).toEqual(['early', 'late']);
  });

  it('empties an old file of that name', async () => {
    const path = join(folder, 'x.log');
    writeFileSync(path, 'old and longer than what follows');
    const log = new JobLog(path, output);
    log.echo('c');
    await log.close();
    expect(readFileSync(path, 'utf8')).toBe('$ c\n');
  });

  it('puts each command on a line of its own and keeps the lines of two commands apart', async () => {
    const path = join(folder, 'x.log');
    const log = new JobLog(path, output);
    log.echo('one');
    log.write(Buffer.from('no newline'));
    log.endCommand();
    log.echo('two\nof two lines');
    log.write(Buffer.from('out'));
    log.note('a remark');
    await log.close();
    expect(readFileSync(path, 'utf8')).toBe('$ one\nno newline\n$ two\nof two lines\nout\ndagrun: a remark\n');
    expect(told).toEqual(['no newline', 'out', 'dagrun: a remark']);
  });

  it('hands progress lines to progress, and logs them', async () => {
    const path = join(folder, 'x.log');
    const log = new JobLog(path, output);
    log.write(Buffer.from('::progress 0.5 half\n::progress half\n'));
    await log.close();
    expect(told).toEqual([[0.5, 'half'], '::progress half']);
    expect(readFileSync(path, 'utf8')).toBe('::progress 0.5 half\n::progress half\n');
  });

  it('says so once where the file cannot be created, and delivers the lines all the same', async () => {
    writeFileSync(join(folder, 'file'), '');
    const log = new JobLog(join(folder, 'file', 'x.log'), output);
    await log.ready;
    log.write(Buffer.from('a\nb\n'));
    await log.close();
    expect(told).toEqual([expect.stringMatching(/^dagrun: the log ".*x\.log" cannot be written: .*ENOTDIR/), 'a', 'b']);
  });

  if (existsSync('/dev/full'))
    it('says so once where the disk is full', async () => {
      const log = new JobLog('/dev/full', output);
      await log.ready;
      log.write(Buffer.from('a\n'));
      log.write(Buffer.from('b\n'));
      await log.close();
      expect(told).toEqual([
        expect.stringMatching(/^dagrun: the log "\/dev\/full" is cut off here: .*ENOSPC/),
        'a',
        'b',
      ]);
    });
});
