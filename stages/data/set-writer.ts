// Writes one prepared data set while its images pass by: files, digests, and the mean and deviation of the train split.

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { XXHash } from 'xxhash-wasm';
import { hexOf, startDigest } from './digest.ts';
import { splitNames } from './manifest.ts';
import type { DatasetManifest, SplitManifest, SplitName } from './manifest.ts';

type Shape = DatasetManifest['shape'];

/** Bytes of pixels that are gathered before they are written. */
const bufferBytes = 1 << 20;

/** One split of a data set, image after image. */
export class SplitWriter {
  readonly #folder: string;
  readonly #name: SplitName;
  readonly #file: number;
  readonly #digest: XXHash<bigint>;
  readonly #imageBytes: number;
  readonly #buffer: Uint8Array;
  readonly #sums: ChannelSums | undefined;
  readonly #labels: number[] = [];
  #filled = 0;

  constructor(folder: string, name: SplitName, shape: Shape, digest: XXHash<bigint>) {
    this.#folder = folder;
    this.#name = name;
    this.#digest = digest;
    this.#imageBytes = shape[0] * shape[1] * shape[2];
    this.#buffer = new Uint8Array(this.#imageBytes * Math.max(1, Math.floor(bufferBytes / this.#imageBytes)));
    this.#sums = name === 'train' ? new ChannelSums(shape[2]) : undefined;
    this.#file = openSync(join(folder, `${name}.images`), 'w');
  }

  /** @param pixels - of one image, [height, width, channels] */
  add(pixels: Uint8Array, label: number): void {
    this.#buffer.set(pixels, this.#filled);
    this.#filled += this.#imageBytes;
    this.#labels.push(label);
    if (this.#filled === this.#buffer.length) this.#flush();
  }

  /** Writes what is left, and the labels. */
  finish(): { readonly manifest: SplitManifest; readonly sums: ChannelSums | undefined } {
    this.#flush();
    this.close();
    const labels = Buffer.alloc(this.#labels.length * 2);
    for (const [index, label] of this.#labels.entries()) labels.writeUInt16LE(label, index * 2);
    this.#digest.update(labels);
    writeFileSync(join(this.#folder, `${this.#name}.labels`), labels);
    const manifest = {
      count: this.#labels.length,
      images: `${this.#name}.images`,
      labels: `${this.#name}.labels`,
      digest: hexOf(this.#digest),
    };
    return { manifest, sums: this.#sums };
  }

  close(): void {
    closeSync(this.#file);
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#filled);
    for (let written = 0; written < bytes.length;) written += writeSync(this.#file, bytes, written);
    this.#digest.update(bytes);
    this.#sums?.add(bytes);
    this.#filled = 0;
  }
}

/** Sums of values and of their squares, a channel each: integers far below 2^53, and so exact in any order. */
export class ChannelSums {
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  #count = 0;

  constructor(channels: number) {
    this.#sums = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  /** @param pixels - interleaved */
  add(pixels: Uint8Array): void {
    const channels = this.#sums.length;
    this.#count += pixels.length / channels;
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      let squares = 0;
      for (let at = channel; at < pixels.length; at += channels) {
        const value = pixels[at]!;
        sum += value;
        squares += value * value;
      }
      this.#sums[channel]! += sum;
      this.#squares[channel]! += squares;
    }
  }

  /** Of values divided by 255. */
  get mean(): readonly number[] {
    return Array.from(this.#sums, (sum) => sum / this.#count / 255);
  }

  /** Population standard deviation of values divided by 255. */
  get std(): readonly number[] {
    return Array.from(this.#squares, (squares, channel) => {
      const mean = this.#sums[channel]! / this.#count;
      return Math.sqrt(Math.max(0, squares / this.#count - mean * mean)) / 255;
    });
  }
}

/** What a data set is, but for what only shows when its images have passed. */
export type SetDescription = Omit<DatasetManifest, 'version' | 'splits' | 'mean' | 'std' | 'identity' | 'source'>;

/** A data set in the making, in its own folder. */
export class SetWriter {
  readonly #folder: string;
  readonly #description: SetDescription;
  readonly #splits: Readonly<Record<SplitName, SplitWriter>>;

  private constructor(folder: string, description: SetDescription, splits: Readonly<Record<SplitName, SplitWriter>>) {
    this.#folder = folder;
    this.#description = description;
    this.#splits = splits;
  }

  static async open(folder: string, description: SetDescription): Promise<SetWriter> {
    mkdirSync(folder, { recursive: true });
    const writer = async (name: SplitName): Promise<SplitWriter> =>
      new SplitWriter(folder, name, description.shape, await startDigest());
    const splits = { train: await writer('train'), val: await writer('val'), test: await writer('test') };
    return new SetWriter(folder, description, splits);
  }

  add(split: SplitName, pixels: Uint8Array, label: number): void {
    this.#splits[split].add(pixels, label);
  }

  /** Writes manifest.json, last of all. */
  finish(digests: Pick<DatasetManifest, 'identity' | 'source'>): DatasetManifest {
    const train = this.#splits.train.finish();
    const manifest: DatasetManifest = {
      version: 1,
      name: this.#description.name,
      classes: this.#description.classes,
      shape: this.#description.shape,
      splits: {
        train: train.manifest,
        val: this.#splits.val.finish().manifest,
        test: this.#splits.test.finish().manifest,
      },
      mean: train.sums?.mean ?? [],
      std: train.sums?.std ?? [],
      ...digests,
      split: this.#description.split,
    };
    writeFileSync(join(this.#folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  }

  /** Closes the files of a data set that will not be finished. */
  abandon(): void {
    for (const name of splitNames) this.#splits[name].close();
  }
}
