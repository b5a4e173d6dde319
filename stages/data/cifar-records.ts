// Reads files of CIFAR records in chunks, so that memory stays the same whatever the size.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { StageFailure } from '../context/fail.ts';
import { imageBytes, planeBytes, recordBytes } from './cifar-format.ts';
import { startDigest, hexOf } from './digest.ts';

/** Records of one file: what is needed to read them. */
export interface RecordFile {
  readonly path: string;
  readonly labelBytes: 1 | 2;
  readonly classes: number;
}

const recordsPerChunk = 512;

/** Records one after the other; `start` is the index of the first. Valid until the next chunk is asked for. */
export interface RecordChunk {
  readonly start: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** @throws StageFailure where the file is not made of whole records */
export function* readChunks({ path, labelBytes }: RecordFile): Generator<RecordChunk> {
  const size = recordBytes(labelBytes);
  const buffer = new Uint8Array(size * recordsPerChunk);
  const file = openSync(path, 'r');
  try {
    const total = fstatSync(file).size;
    if (total === 0 || total % size !== 0)
      throw new StageFailure(`${basename(path)}: its ${total} bytes are no whole number of records of ${size} bytes`);
    for (let start = 0; start < total / size;) {
      const count = Math.min(recordsPerChunk, total / size - start);
      readFully(file, buffer.subarray(0, count * size), start * size);
      yield { start, count, bytes: buffer.subarray(0, count * size) };
      start += count;
    }
  } finally {
    closeSync(file);
  }
}

function readFully(file: number, buffer: Uint8Array, position: number): void {
  for (let done = 0; done < buffer.length;) {
    const read = readSync(file, buffer, done, buffer.length - done, position + done);
    if (read === 0) throw new Error('the file became shorter while it was read');
    done += read;
  }
}

/**
 * The class of each record.
 * @throws StageFailure where one is not below `classes`
 */
export function readLabels(file: RecordFile): Uint16Array {
  const size = recordBytes(file.labelBytes);
  const labels: number[] = [];
  for (const { start, count, bytes } of readChunks(file)) {
    for (let record = 0; record < count; record++) {
      const label = bytes[record * size + file.labelBytes - 1]!;
      if (label >= file.classes)
        throw new StageFailure(
          `${basename(file.path)}: record ${start + record} has the label ${label}, but there are ${file.classes} classes; is it damaged, or another data set?`,
        );
      labels.push(label);
    }
  }
  return Uint16Array.from(labels);
}

/** XXH64 (hex) of the bytes of several files, one after the other. */
export async function digestRecords(files: readonly RecordFile[]): Promise<string> {
  const digest = await startDigest();
  for (const file of files) for (const { bytes } of readChunks(file)) digest.update(bytes);
  return hexOf(digest);
}

/** Turns the planes of a chunk's images into interleaved red, green, blue bytes: [count, 32, 32, 3]. */
export function interleave(chunk: RecordChunk, labelBytes: 1 | 2, target: Uint8Array): void {
  const size = recordBytes(labelBytes);
  for (let record = 0; record < chunk.count; record++) {
    const red = record * size + labelBytes;
    let to = record * imageBytes;
    for (let pixel = red; pixel < red + planeBytes; pixel++) {
      target[to++] = chunk.bytes[pixel]!;
      target[to++] = chunk.bytes[pixel + planeBytes]!;
      target[to++] = chunk.bytes[pixel + 2 * planeBytes]!;
    }
  }
}
