// Looks at the machine, and at each engine in a process of its own: native libraries exclude each other, and one that crashes takes its process along.

import { spawn } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

import { drivers } from '../engine/open.ts';
import type { EngineInfo, EngineName } from '../engine/engine.ts';

export interface Machine {
  readonly node: string;
  readonly system: string;
  readonly processor: string;
  /** That this process may use. */
  readonly cores: number;
  /** Bytes, of the machine or of the container. */
  readonly memory: number;
}

/** What `probe.ts` prints of one engine. */
export type Probe =
  | {
      readonly works: true;
      readonly info: EngineInfo;
      /** While training; null where it was not measured. */
      readonly imagesPerSecond: number | null;
    }
  /** One line. */
  | { readonly works: false; readonly reason: string };

export interface Examination {
  readonly machine: Machine;
  readonly engines: readonly (Probe & { readonly name: EngineName })[];
  /** What `engine: auto` takes; null where nothing works. */
  readonly auto: EngineName | null;
}

/** @param seconds - to measure each engine for, about; 0: only whether it works */
export async function examine(seconds: number, onEngine: (name: string) => void): Promise<Examination> {
  const engines: Examination['engines'][number][] = [];
  for (const { name } of drivers) {
    onEngine(name);
    engines.push({ name, ...(await probe(name, seconds)) });
  }
  const auto = await probe('auto', 0);
  return { machine: describeMachine(), engines, auto: auto.works ? auto.info.name : null };
}

function describeMachine(): Machine {
  // Without a limit, some versions of Node.js give a number beyond any memory.
  const limit = process.constrainedMemory() || Infinity;
  return {
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model ?? 'unknown processor',
    cores: availableParallelism(),
    memory: Math.min(totalmem(), limit),
  };
}

async function probe(engine: string, seconds: number): Promise<Probe> {
  const program = fileURLToPath(new URL('probe.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, engine, String(seconds)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ending = await new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code ?? '?'}`));
    child.on('error', (error) => resolve(error.message));
  });
  // The libraries may print, too; the answer is the last line.
  const answer = output.trim().split('\n').at(-1) ?? '';
  if (ending === 'exit code 0' && answer.startsWith('{')) return JSON.parse(answer) as Probe;
  const last = errors.trim().split('\n').at(-1) ?? '';
  return { works: false, reason: `its process ended with ${ending}${last === '' ? '' : `: ${last}`}` };
}
