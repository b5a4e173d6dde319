// Loads the bindings to native TensorFlow, @tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu, where they are installed and work; else says why not.
// A process can load one of the two. Knows nothing of devices, kernels or who asked.

import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

import * as tf from '@tensorflow/tfjs-core';

export type NativePackage = '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu';

/** Names a folder with an installed package (in its node_modules) that is looked at before this project's own. */
export const folderVariable = 'DAGRUN_TFJS_NODE';

/** An attribute of a TensorFlow operation. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: number | string | boolean | readonly number[];
}

/** A tensor in the memory of TensorFlow. */
export interface Handle {
  readonly id: number;
}

/** What we use of the backend that both packages register as `tensorflow`. */
export interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  /** Of which numbers name types. */
  readonly binding: Readonly<
    Record<'TF_FLOAT' | `TF_ATTR_${'BOOL' | 'FLOAT' | 'INT' | 'SHAPE' | 'STRING' | 'TYPE'}`, number>
  > & {
    readonly TF_Version: string;
    createTensor(shape: readonly number[], type: number, values: Float32Array): number;
    deleteTensor(id: number): void;
    executeOp(
      name: string,
      attributes: readonly OpAttribute[],
      inputs: readonly number[],
      outputs: number,
    ): readonly Handle[];
  };
  /** Values are given back when as many tensors as have them are disposed. */
  incRef(dataId: tf.DataId): void;
  executeSingleOutput(name: string, attributes: readonly OpAttribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}

export type Loading =
  | { readonly kind: 'loaded'; readonly name: NativePackage; readonly backend: NativeBackend }
  /** `reason`: one line, with what would help. */
  | { readonly kind: 'failed'; readonly reason: string };

let loaded: Extract<Loading, { kind: 'loaded' }> | undefined;

/** The package that this process has loaded, if any. */
export function loadedPackage(): Extract<Loading, { kind: 'loaded' }> | undefined {
  return loaded;
}

export function loadNative(name: NativePackage): Loading {
  if (loaded?.name === name) return loaded;
  if (loaded !== undefined)
    return fail(`this process has loaded ${loaded.name} already, and the two do not go together`);
  const place = locate(name);
  if (place === undefined) return fail(`${name} is not installed (docs/engines.md says how)`);
  prepare();
  const restoreGradients = keepGradients();
  try {
    place.load();
  } catch (error) {
    return fail(explain(name, error));
  } finally {
    restoreGradients();
  }
  const backend = tf.findBackend('tensorflow') as unknown as NativeBackend | null;
  if (backend === null) return fail(`${name} in ${place.folder} is installed, but starts no backend`);
  loaded = { kind: 'loaded', name, backend };
  return loaded;
}

function fail(reason: string): Loading {
  return { kind: 'failed', reason };
}

interface Place {
  readonly folder: string;
  readonly load: () => unknown;
}

/** The folder that the variable names, then this project's own packages. */
function locate(name: NativePackage): Place | undefined {
  const folder = process.env[folderVariable];
  const files = [...(folder ? [join(resolve(folder), 'package.json')] : []), import.meta.url];
  for (const file of files) {
    const require = createRequire(file);
    try {
      return { folder: require.resolve(name), load: () => require(name) as unknown };
    } catch {
      // Not there; the next place may have it.
    }
  }
  return undefined;
}

/** Has to be done before TensorFlow starts; what the user has set stays. */
function prepare(): void {
  // Otherwise a process takes all memory of a GPU at once, and the next one finds none.
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // Errors only: what TensorFlow says about itself at each start is not news to anybody.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  restoreUtilities();
}

/** The package registers all gradients of TensorFlow.js once more, in the place of those that another engine has set. @returns what puts them back */
function keepGradients(): () => void {
  // The names of all kernels are constants of the package.
  const names = Object.values(tf as object).filter((value) => typeof value === 'string');
  const gradients = names.flatMap((name) => (tf.getGradient(name) as tf.GradConfig | undefined) ?? []);
  return () => gradients.forEach((gradient) => tf.registerGradient(gradient));
}

/** Node.js 23 removed functions of `util` that the packages call. Puts them back, only where they are gone. */
function restoreUtilities(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] ??= (value: unknown): boolean => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
}

function explain(name: NativePackage, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.trim().split('\n')[0]!.trim();
  const rebuild = `run \`npm rebuild ${name}\`, which downloads and builds it`;
  if (/native addon module .*can not be found/.test(line.replaceAll(/\s+/g, ' ')) || /can not be found/.test(message))
    return `${name} is installed, but its native part is missing: ${rebuild}`;
  const library = /(lib[\w.+-]+\.(?:so|dylib)[\w.]*): cannot open shared object file/.exec(message)?.[1];
  if (library?.startsWith('libtensorflow') === true)
    return `${name} is installed, but its native library ${library} is missing: ${rebuild}`;
  if (library !== undefined) return `${name} is installed, but does not load: the system has no ${library}`;
  return `${name} is installed, but does not load: ${line}`;
}
