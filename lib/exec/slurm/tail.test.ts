// The output of a job on the shared file system: delivered as it comes, and not kept twice.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JobLog } from '../log.ts';
import { Tail } from './tail.ts';

describe('the output of a job', () => {
  let folder: string;
  let lines: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dagrun-tail-'));
    lines = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('comes command by command, and what is large of it goes with the job', async () => {
    const output = { line: (line: string) => lines.push(line), progress: () => undefined };
    const log = new JobLog(join(folder, 'log'), output);
    const tail = new Tail(join(folder, 'out.7'), ['first', 'second'], () => log);
    tail.look();
    const large = `${'x'.repeat(999)}\n`.repeat(100);
    writeFileSync(join(folder, 'out.7.0'), large);
    tail.look();
    appendFileSync(join(folder, 'out.7.0'), 'more\n');
    writeFileSync(join(folder, 'out.7.1'), 'small\n');
    tail.finish();
    expect(lines.slice(-2)).toEqual(['more', 'small']);
    // The log is made a moment after its first line.
    expect(
      readdirSync(folder)
        .filter((name) => name !== 'log')
        .sort(),
    ).toEqual(['out.7.0', 'out.7.1']);
    tail.discard();
    await log.close();
    expect(readdirSync(folder).sort()).toEqual(['log', 'out.7.1']);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe(`$ first\n${large}more\n$ second\nsmall\n`);
  });
});
