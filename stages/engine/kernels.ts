// Our own kernels (assembly/): finds the compiled module, and binds it to the heap of a TensorFlow.js backend. Knows neither tensors nor ops.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { StageFailure } from '../context/fail.ts';

/** Takes addresses on the shared heap, sizes, and factors, in the order of the function of this name in assembly/. */
type Kernel = (...args: number[]) => void;

const names = [
  'adamStep',
  'addOuterProducts',
  'averagePoolGradient',
  'batchNormBackward',
  'batchNormForward',
  'columnSums',
  'convolve',
  'depthwiseFilterGradient',
  'depthwiseForward',
  'depthwiseInputGradient',
  'intervalGradient',
  'layerNormBackward',
  'layerNormForward',
  'maxPoolGradient',
  'momentumStep',
  'packFilter',
  'packTransposed',
  'padImages',
  'productSums',
  'rectifiedBiasGradient',
  'repeatChannels',
  'repeatRows',
  'scaleRows',
  'sigmoidGradient',
  'sumChannels',
  'swish',
  'swishGradient',
  'unpack',
  'winogradConvolve',
  'winogradFilter',
  'winogradFilterGradient',
] as const;

export type Kernels = Readonly<Record<(typeof names)[number], Kernel>>;

/** The part of the global object WebAssembly that is used here: the type libraries of this project do not know it. */
interface Loader {
  instantiate(
    bytes: Uint8Array,
    imports: object,
  ): Promise<{ readonly instance: { readonly exports: Readonly<Record<string, unknown>> } }>;
}

const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: Loader };

const builtFile = fileURLToPath(new URL('../../dist/kernels.wasm', import.meta.url));

/**
 * Compiles and instantiates the kernels on this memory. Throws a StageFailure where the module is not built, or is that of other sources.
 * @param file - another module than the one that `npm run build` makes
 */
export async function loadKernels(memory: object, file: string = builtFile): Promise<Kernels> {
  if (!existsSync(file)) throw new StageFailure(`${file} is not there: run \`npm run build\``);
  const { instance } = await WebAssembly.instantiate(readFileSync(file), { env: { memory } });
  const missing = names.filter((name) => typeof instance.exports[name] !== 'function');
  if (missing.length > 0)
    throw new StageFailure(`${file} lacks ${missing.join(', ')}: it is older than its sources; run \`npm run build\``);
  return instance.exports as Kernels;
}
