import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { readCheckpoint, writeCheckpoint, type Checkpoint } from './checkpoint.ts';

const checkpoint: Checkpoint = {
  records: [{ epoch: 1, loss: 1.25, acc: 0.1, valLoss: 2, valAcc: 0.3, lr: 0.1, seconds: 3, imagesPerSecond: 4 }],
  seconds: 5,
  optimizerSteps: 7,
  weights: [Float32Array.of(1, -0, Math.fround(0.1)), Float32Array.of(2)],
  slots: [Float32Array.of(5, 6)],
  kept: null,
};
const fit = { fingerprint: 'abc', weights: [3, 1], slots: (epochs: number) => (epochs === 1 ? [2] : []) };

describe('checkpoints', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = (): string => join(folder, readdirSync(folder)[0]!);

  it('come back as they were written, the last one only', () => {
    writeCheckpoint(folder, 'abc', checkpoint);
    expect(readCheckpoint(folder, fit)).toEqual({ kind: 'found', checkpoint });
    const kept = [Float32Array.of(7, 8, 9), Float32Array.of(10)];
    writeCheckpoint(folder, 'abc', { ...checkpoint, kept });
    expect(readCheckpoint(folder, fit)).toEqual({ kind: 'found', checkpoint: { ...checkpoint, kept } });
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('are not there at first', () => {
    expect(readCheckpoint(folder, fit)).toEqual({ kind: 'none' });
    expect(readCheckpoint(join(folder, 'missing'), fit)).toEqual({ kind: 'none' });
  });

  it.each([
    ['other inputs', { ...fit, fingerprint: 'abd' }],
    ['another model', { ...fit, weights: [3, 2] }],
    ['another model', { ...fit, slots: () => [] }],
  ])('of %s are not used', (why, other) => {
    writeCheckpoint(folder, 'abc', checkpoint);
    expect(readCheckpoint(folder, other)).toEqual({
      kind: 'ignored',
      reason: `the checkpoint of an earlier training is not used: it belongs to ${why}; training starts anew`,
    });
  });

  it.each(['cut short', 'changed', 'empty', 'foreign'])('that are damaged (%s) are not used', (how) => {
    writeCheckpoint(folder, 'abc', checkpoint);
    const bytes = readFileSync(file());
    if (how === 'cut short') truncateSync(file(), bytes.length - 1);
    if (how === 'changed')
      writeFileSync(
        file(),
        bytes.map((byte, index) => (index === bytes.length - 5 ? byte ^ 1 : byte)),
      );
    if (how === 'empty') writeFileSync(file(), '');
    if (how === 'foreign') writeFileSync(file(), '{"epoch": 1}\n');
    expect(readCheckpoint(folder, fit)).toMatchObject({
      kind: 'ignored',
      reason: expect.stringContaining('it is damaged'),
    });
  });
});
