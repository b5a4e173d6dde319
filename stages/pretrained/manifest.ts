// What lies in `data/weights/<model>/`: the weights that the backbone of a model starts from, or the note that it needs none. Says what the file is,
// not where it came from: the same weights from another place, or under another name, are the same.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Content of `weights.json`. */
export interface WeightsManifest {
  readonly version: 1;
  /** null: the model needs none. */
  readonly file: { readonly name: string; /** Hexadecimal digits. */ readonly sha256: string } | null;
}

export const manifestFile = 'weights.json';
/** A Keras HDF5 file. */
export const weightsFile = 'backbone.h5';

/** A file of weights as a stage finds it. */
export interface PlacedWeights {
  readonly path: string;
  readonly sha256: string;
}

/** @param folder - `data/weights/<model>`; @returns null where the model needs none */
export function openWeights(folder: string): PlacedWeights | null {
  const { file } = JSON.parse(readFileSync(join(folder, manifestFile), 'utf8')) as WeightsManifest;
  return file === null ? null : { path: join(folder, file.name), sha256: file.sha256 };
}
