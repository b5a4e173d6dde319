// Which NVIDIA GPU this is, and which CUDA this process has loaded: from what the kernel of the system says. Linux; elsewhere nothing is known.

import { readdirSync, readFileSync } from 'node:fs';

/** The first GPU and the CUDA runtime of this process: "NVIDIA H200, CUDA 12.3"; what cannot be found out is left out. */
export function describeGpu(): string {
  const cuda = findCuda(readText('/proc/self/maps'));
  const name = findModel();
  return [name ?? 'a GPU', ...(cuda === undefined ? [] : [`CUDA ${cuda}`])].join(', ');
}

function findModel(): string | undefined {
  const root = '/proc/driver/nvidia/gpus';
  try {
    const [first] = readdirSync(root).sort();
    return first === undefined ? undefined : parseModel(readText(`${root}/${first}/information`));
  } catch {
    return undefined;
  }
}

/** @param information - what the NVIDIA driver says of a GPU, a line a fact: "Model: \t\t NVIDIA H200" */
export function parseModel(information: string): string | undefined {
  return /^Model:\s*(.+?)\s*$/m.exec(information)?.[1];
}

/** @param maps - the mapped files of a process; the CUDA runtime has its version in its name: libcudart.so.11.2.152 */
export function findCuda(maps: string): string | undefined {
  return /libcudart\.so\.(\d+(?:\.\d+)?)/.exec(maps)?.[1];
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
