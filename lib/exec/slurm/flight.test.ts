// A job as its runner sees it: what it holds while it waits.

import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StageName } from '../../pipeline/pipeline.ts';
import { Flight } from './flight.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dagrun-flight-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function waiting(): Flight {
  const job = { stage: 'a' as StageName, cmd: ['true'], cwd: '/', env: {}, resources: {}, timeout: null };
  const output = { line: () => undefined, progress: () => undefined };
  const flight = new Flight({ ...job, logPath: join(folder, 'log') }, output);
  flight.seat('ab.0', join(folder, 'out.0'));
  return flight;
}

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
const end = { end: { kind: 'interrupted' }, seconds: 0, peakMemory: null } as const;

it('a job that waits has no log yet, and one that begins has', async () => {
  const flight = waiting();
  flight.look(performance.now());
  await rest();
  expect(existsSync(join(folder, 'log'))).toBe(false);
  writeFileSync(join(folder, 'out.0.0'), 'text\n');
  flight.begin(performance.now());
  await rest();
  expect(existsSync(join(folder, 'log'))).toBe(true);
  flight.finishOutput();
  await flight.settle(end);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('$ true\ntext\n');
});

it('a job that ends before it begins has a log all the same', async () => {
  const flight = waiting();
  await flight.settle(end);
  expect(await flight.result).toEqual(end);
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('');
});
