// WebGPU for Node.js: the package `webgpu` (Dawn), and whether it finds an adapter. Knows nothing of TensorFlow.js.

import { readFileSync, readdirSync } from 'node:fs';

/** What we use of a GPUAdapter. */
export interface Adapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/** What we use of a GPU, the entry to WebGPU. */
interface Gpu {
  requestAdapter(options?: { powerPreference: 'high-performance' }): Promise<Adapter | null>;
}

interface Dawn {
  create(options: readonly string[]): Gpu;
  readonly globals: object;
}

export type Finding =
  | { readonly kind: 'found'; readonly adapter: Adapter; readonly software: boolean }
  /** `reason`: one line, with what would help. */
  | { readonly kind: 'none'; readonly reason: string };

let gpu: Gpu | undefined;

/** The adapter that WebGPU gives when it is asked for the fastest; makes `navigator.gpu` and the constants of WebGPU global. */
export async function findAdapter(): Promise<Finding> {
  // Dawn would complain to the terminal.
  if (process.platform === 'linux' && !hasVulkan())
    return {
      kind: 'none',
      reason: 'this system has no Vulkan (libvulkan.so.1): install it with the driver of the GPU',
    };
  try {
    gpu ??= await createGpu();
  } catch (error) {
    return { kind: 'none', reason: explain(error) };
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null)
    return {
      kind: 'none',
      reason: 'WebGPU finds no adapter: it needs a GPU with a Vulkan, Metal or Direct3D 12 driver',
    };
  return { kind: 'found', adapter, software: isSoftware(adapter) };
}

/** Whether the processor does a GPU's work: lavapipe, SwiftShader, WARP. */
export function isSoftware({ info }: Adapter): boolean {
  const text = `${info.vendor} ${info.architecture} ${info.description}`;
  return info.isFallbackAdapter === true || /software|llvmpipe|lavapipe|swiftshader|warp|basic render/i.test(text);
}

async function createGpu(): Promise<Gpu> {
  const name = 'webgpu';
  const dawn = (await import(name)) as Dawn;
  Object.assign(globalThis, dawn.globals);
  const created = dawn.create([]);
  // Newer versions of Node.js have a navigator, whose properties are its own.
  const { navigator } = globalThis as { navigator?: object };
  if (navigator === undefined)
    Object.defineProperty(globalThis, 'navigator', { value: { gpu: created }, configurable: true });
  else Object.defineProperty(navigator, 'gpu', { value: created, configurable: true });
  return created;
}

function explain(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND') return 'the package webgpu is not installed: run `npm install webgpu`';
  return `the package webgpu does not load: ${message.split('\n')[0]!}`;
}

/** Whether the loader of the system finds Vulkan's own loader: by its cache, or in LD_LIBRARY_PATH. */
function hasVulkan(): boolean {
  const name = 'libvulkan.so.1';
  const folders = (process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder !== '');
  try {
    if (readFileSync('/etc/ld.so.cache').includes(name)) return true;
  } catch {
    // A system without this cache (musl): the usual folders.
    folders.push('/usr/lib', '/usr/local/lib', '/lib');
  }
  return folders.some((folder) => {
    try {
      return readdirSync(folder).includes(name);
    } catch {
      return false;
    }
  });
}
