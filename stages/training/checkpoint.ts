// What an interrupted training goes on from: one file in a folder, replaced after each epoch. A file is either whole or not there: it is written
// beside its place, synced and renamed, and carries a digest of its bytes. Knows nothing of models; numbers come and go as arrays.

import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import type { EpochRecord } from './result.ts';

export interface Checkpoint {
  /** All finished epochs. */
  readonly records: readonly EpochRecord[];
  /** Of all finished epochs, with validation. */
  readonly seconds: number;
  readonly optimizerSteps: number;
  readonly weights: readonly Float32Array[];
  readonly slots: readonly Float32Array[];
  /** The weights of the best epoch so far; null where these are `weights`. */
  readonly kept: readonly Float32Array[] | null;
}

/** What a checkpoint must fit to be gone on from. */
export interface CheckpointFit {
  /** Of the stage's inputs. */
  readonly fingerprint: string;
  /** Elements of each array. */
  readonly weights: readonly number[];
  /** After so many epochs: phases of a training have optimisers of different sizes. */
  readonly slots: (epochs: number) => readonly number[];
}

export type CheckpointReading =
  | { readonly kind: 'found'; readonly checkpoint: Checkpoint }
  | { readonly kind: 'none' }
  /** `reason` is a sentence for the log. */
  | { readonly kind: 'ignored'; readonly reason: string };

interface Header extends Pick<Checkpoint, 'records' | 'seconds' | 'optimizerSteps'> {
  readonly version: 1;
  readonly fingerprint: string;
  readonly hasKept: boolean;
}

const fileName = 'training.checkpoint';

/** Replaces the checkpoint of a folder, which is made if need be. */
export function writeCheckpoint(folder: string, fingerprint: string, checkpoint: Checkpoint): void {
  const { records, seconds, optimizerSteps, weights, slots, kept } = checkpoint;
  const header: Header = { version: 1, fingerprint, records, seconds, optimizerSteps, hasKept: kept !== null };
  const parts = [Buffer.from(`${JSON.stringify(header)}\n`), ...[...weights, ...slots, ...(kept ?? [])].map(bytesOf)];
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, `${fileName}.tmp`);
  const handle = openSync(temporary, 'w');
  try {
    for (const part of [Buffer.from(`${digestOf(parts)}\n`), ...parts]) writeWhole(handle, part);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, join(folder, fileName));
  syncFolder(folder);
}

/** The checkpoint of a folder, if there is one and it fits. */
export function readCheckpoint(folder: string, fit: CheckpointFit): CheckpointReading {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(folder, fileName));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' };
    throw error;
  }
  const body = bytes.subarray(bytes.indexOf('\n') + 1);
  const isWhole = bytes.subarray(0, bytes.length - body.length).toString() === `${digestOf([body])}\n`;
  if (!isWhole) return ignored('it is damaged');
  const end = body.indexOf('\n') + 1;
  const header = JSON.parse(body.subarray(0, end).toString()) as Header;
  if (header.fingerprint !== fit.fingerprint) return ignored('it belongs to other inputs');
  const slotSizes = fit.slots(header.records.length);
  const sizes = [...fit.weights, ...slotSizes, ...(header.hasKept ? fit.weights : [])];
  const arrays = splitArrays(body.subarray(end), sizes);
  if (arrays === undefined) return ignored('it belongs to another model');
  const slotsFrom = fit.weights.length;
  const keptFrom = slotsFrom + slotSizes.length;
  const { records, seconds, optimizerSteps, hasKept } = header;
  const weights = arrays.slice(0, slotsFrom);
  const slots = arrays.slice(slotsFrom, keptFrom);
  const kept = hasKept ? arrays.slice(keptFrom) : null;
  return { kind: 'found', checkpoint: { records, seconds, optimizerSteps, weights, slots, kept } };
}

function ignored(why: string): CheckpointReading {
  return { kind: 'ignored', reason: `the checkpoint of an earlier training is not used: ${why}; training starts anew` };
}

function splitArrays(bytes: Buffer, sizes: readonly number[]): readonly Float32Array[] | undefined {
  if (bytes.length !== 4 * sizes.reduce((sum, size) => sum + size, 0)) return undefined;
  let offset = 0;
  return sizes.map((size) => {
    const array = new Float32Array(size);
    bytesOf(array).set(bytes.subarray(offset, offset + 4 * size));
    offset += 4 * size;
    return array;
  });
}

function bytesOf(array: Float32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

function digestOf(parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function writeWhole(handle: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(handle, bytes, written);
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
