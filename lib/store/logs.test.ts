import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { digestText, loadDigest } from '../core/digest.ts';
import type { ExecutionRecord } from './logs.ts';
import { makeTestbed } from './testbed.ts';
import type { Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(loadDigest);
beforeEach(() => {
  bed = makeTestbed();
});
afterEach(() => bed.dispose());

function execution(fields: Partial<ExecutionRecord> = {}): ExecutionRecord {
  return {
    runId: 'run-1',
    stage: 'train@a/b',
    fingerprint: digestText('x'),
    command: 'python train.py',
    startedAt: '2024-05-01T10:00:00.000Z',
    seconds: 1.5,
    outcome: 'failed',
    exitCode: 1,
    signal: null,
    peakMemory: null,
    host: 'box',
    attempt: 1,
    ...fields,
  };
}

describe('executions', () => {
  it('come back newest first, each beside its log', () => {
    const records = ['2024-05-01T10:00:00Z', '2024-05-01T12:00:00.5Z', '2024-05-01T11:00:00.25Z'].map(
      (startedAt, index) => execution({ startedAt, runId: `run-${index}` }),
    );
    for (const record of records) bed.store.writeExecution(record);
    expect(bed.store.executions('train@a/b')).toEqual([records[1], records[2], records[0]]);
    expect(bed.store.executions('train')).toEqual([]);
    const log = bed.store.logPath('train@a/b', 'run-1');
    expect(JSON.parse(readFileSync(log.replace(/log$/, 'json'), 'utf8'))).toEqual(records[1]);
    expect(dirname(log)).toBe(`${bed.dir}/logs/train@a%2Fb`);
  });

  it('leave out damaged records and those of another name', () => {
    bed.store.writeExecution(execution());
    const folder = dirname(bed.store.logPath('train@a/b', 'x'));
    const texts = [
      '',
      '{',
      'null',
      '[]',
      JSON.stringify(execution()),
      JSON.stringify(execution({ runId: '../x' })),
      JSON.stringify({ ...execution({ runId: 'n6' }), seconds: 'x' }),
    ];
    for (const [index, text] of texts.entries()) writeFileSync(`${folder}/n${index}.json`, text);
    mkdirSync(`${folder}/folder.json`);
    expect(bed.store.executions('train@a/b')).toEqual([execution()]);
  });

  it('a run id never becomes a path', () => {
    for (const id of ['../x', 'a/b', '', '.', '..', 'a\0'])
      expect(() => bed.store.logPath('s', id)).toThrow('cannot be a run id');
  });
});

describe('logTail', () => {
  function tail(text: string, lines: number): readonly string[] {
    return bed.store.logTail(bed.write('log', text), lines);
  }

  it.each([
    ['', 3, []],
    ['one', 3, ['one']],
    ['one\ntwo\nthree\n', 2, ['two', 'three']],
    ['one\ntwo\nthree', 2, ['two', 'three']],
    ['one\n\n', 2, ['one', '']],
    ['a\r\nb\r\n', 2, ['a', 'b']],
    ['10%\r50%\r100%\ndone\n', 2, ['100%', 'done']],
    ['one\n', 0, []],
  ])('of %j, %d lines', (text, lines, expected) => {
    expect(tail(text, lines)).toEqual(expected);
  });

  it('of a missing log is empty', () => {
    expect(bed.store.logTail(`${bed.dir}/logs/none.log`, 5)).toEqual([]);
  });

  it('of a long log is what a whole read would give', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.integer({ min: 0, max: 900 }),
        fc.integer({ min: 1, max: 50 }),
        (count, width, lines) => {
          const all = Array.from({ length: count }, (_, index) => `${index} ${'é'.repeat(width)}`);
          expect(tail(`${all.join('\n')}\n`, lines)).toEqual(all.slice(-lines));
        },
      ),
      { numRuns: 40 },
    );
  });
});
