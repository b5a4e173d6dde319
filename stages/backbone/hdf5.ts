// Keras's weights in HDF5, layer by layer. Three layouts: the one of the official files, with attributes `layer_names` and `weight_names`; the same within
// a whole saved model (`model.h5`); and Keras 3's `*.weights.h5`. Reads one weight at a time. Knows nothing of models.

import { readFileSync } from 'node:fs';

import type { Dataset, Group } from 'h5wasm';

import { StageFailure } from '../context/fail.ts';

export interface StoredWeight {
  /** Such as "conv1/kernel:0"; in Keras 3's layout its number within the layer. */
  readonly name: string;
  readonly shape: readonly number[];
  /** The numbers, in row-major order. Throws a StageFailure for what cannot be read. */
  readonly read: () => Float32Array;
}

export interface StoredLayer {
  readonly name: string;
  readonly weights: readonly StoredWeight[];
}

export interface StoredModel {
  /** All layers, those without weights too. */
  readonly layers: readonly StoredLayer[];
  /** Whether they come in the order of the model that was saved. */
  readonly ordered: boolean;
}

/**
 * Opens a file for as long as `use` runs. Throws a StageFailure for a file that is missing, is not HDF5, is damaged, or has none of the layouts.
 */
export async function withStoredModel<Result>(file: string, use: (model: StoredModel) => Result): Promise<Result> {
  const bytes = readBytes(file);
  const { h5wasm, files } = await (library ??= startLibrary());
  const handingOver = { flags: 'w', canOwn: true };
  files.writeFile(place, bytes, handingOver);
  try {
    const root = new h5wasm.File(place, 'r');
    if (root.file_id < 0n) throw damaged(file, 'HDF5 cannot open it');
    try {
      return use(guard(file, () => readModel(root, file)));
    } finally {
      root.close();
    }
  } finally {
    files.unlink(place);
  }
}

let library: ReturnType<typeof startLibrary> | undefined;

async function startLibrary() {
  // Not h5wasm/node: tsx rewrites that one on import, which takes seconds and half a gigabyte.
  const { default: h5wasm } = await import('h5wasm');
  const { FS: files } = await h5wasm.ready;
  // HDF5 writes a trace for every failure; ours are told in a message. The lowest number that is free becomes the new stderr.
  const { streams } = files as unknown as { streams: Parameters<typeof files.close>[0][] };
  files.close(streams[2]!);
  files.open('/dev/null', 'w');
  return { h5wasm, files };
}

/** Where the file lies in h5wasm's file system, which is memory, until it is read. */
const place = '/weights.h5';

function readBytes(file: string): Uint8Array {
  const bytes = readOrRefuse(file);
  const start = bytes.toString('latin1', 0, 8);
  if (start === '\x89HDF\r\n\x1a\n') return bytes;
  throw new StageFailure(
    start.startsWith('PK')
      ? `${file} is an archive (.keras): unpack model.weights.h5 from it and name that one`
      : `${file} is not an HDF5 file: name a Keras weights file (.h5), or delete it so that it is downloaded again`,
  );
}

function readOrRefuse(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new StageFailure(`there is no weights file ${file}: put it there, or leave weights out`);
    if (code === 'EISDIR') throw new StageFailure(`${file} is a folder, not a weights file`);
    throw error;
  }
}

/** Whatever h5wasm throws says what HDF5 did, never what the matter is. */
function guard<Result>(file: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof StageFailure) throw error;
    throw damaged(file, error instanceof Error ? error.message : String(error));
  }
}

function damaged(file: string, what: string): StageFailure {
  return new StageFailure(`${file} is damaged (${what}): delete it, and get it again`);
}

function readModel(root: Group, file: string): StoredModel {
  const whole = root.get('model_weights') as Group | null;
  const top = whole ?? root;
  const names = namesOf(top, 'layer_names');
  if (names !== undefined)
    return { ordered: true, layers: names.map((name) => readNamedLayer(groupIn(top, name, file), name, file)) };
  const layers = root.get('layers') as Group | null;
  if (layers !== null) {
    const groups = layers.keys().map((key) => groupIn(layers, `${key}/vars`, file));
    if (groups.every((group) => 'name' in group.attrs))
      return { ordered: false, layers: groups.map((group) => readNumberedLayer(group, file)) };
  }
  throw new StageFailure(
    `${file} has neither "layer_names" nor layers with names: save the weights with Keras 3 (save_weights("….weights.h5")), or in Keras's older .h5 format`,
  );
}

/** A list of names, which Keras splits over name0, name1, … where it is long. */
function namesOf(group: Group, attribute: string): readonly string[] | undefined {
  const present = new Set(Object.keys(group.attrs));
  const read = (name: string): string[] => Array.from(group.get_attribute(name, true) as ArrayLike<string>, String);
  if (present.has(attribute)) return read(attribute);
  const names: string[] = [];
  for (let part = 0; present.has(`${attribute}${part}`); part++) names.push(...read(`${attribute}${part}`));
  return present.has(`${attribute}0`) ? names : undefined;
}

function readNamedLayer(group: Group, layer: string, file: string): StoredLayer {
  const names = namesOf(group, 'weight_names');
  if (names === undefined) throw damaged(file, `layer "${layer}" has no weight_names`);
  return { name: layer, weights: names.map((name) => readWeight(group, name, file)) };
}

function readNumberedLayer(group: Group, file: string): StoredLayer {
  const keys = group.keys().sort((a, b) => Number(a) - Number(b));
  return {
    name: group.get_attribute('name', true) as string,
    weights: keys.map((key) => readWeight(group, key, file)),
  };
}

function groupIn(parent: Group, path: string, file: string): Group {
  const group = parent.get(path);
  if (group === null || !('keys' in group)) throw damaged(file, `it has no group "${path}"`);
  return group;
}

function readWeight(group: Group, name: string, file: string): StoredWeight {
  const dataset = group.get(name) as Dataset | null;
  if (dataset === null || !('shape' in dataset)) throw damaged(file, `${group.path} has no weight "${name}"`);
  const shape = dataset.shape ?? [];
  return { name, shape, read: () => guard(file, () => numbersOf(dataset, file)) };
}

function numbersOf(dataset: Dataset, file: string): Float32Array {
  const value = dataset.value;
  const values = typeof value === 'number' || typeof value === 'bigint' ? [Number(value)] : value;
  const numbers = values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>, Number);
  for (const number of numbers) {
    if (!Number.isFinite(number)) throw damaged(file, `"${dataset.path}" holds ${number}`);
  }
  return numbers;
}
