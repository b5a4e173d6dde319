// Opens the engine that trains and predicts: the one that is asked for, or the fastest that works here. Knows nothing of data, models or stages.

import * as tf from '@tensorflow/tfjs-core';

import type { EngineChoice } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import type { Driver, Started } from './driver.ts';
import type { Engine } from './engine.ts';
import { nodeDriver, nodeGpuDriver } from './native/native.ts';
import { wasmDriver } from './wasm.ts';
import { webgpuDriver } from './webgpu/webgpu.ts';

/** The order in which `auto` tries them: the fastest first. */
export const drivers: readonly Driver[] = [nodeGpuDriver, webgpuDriver, nodeDriver, wasmDriver];

/** An engine that is in use, how many share it, and what it was started as. */
interface Running {
  readonly started: Started;
  users: number;
}

const running = new Map<Driver, Running>();
/** Starts follow one another: a native library can be loaded once. */
let queue: Promise<unknown> = Promise.resolve();

/**
 * The engine of `train.engine`. 'auto' takes the fastest that works, and says in `info.notes` why the others were not taken; one that is asked for by
 * name and does not work is a StageFailure. May be called more than once: an engine is shared, and its memory is given back when the last user
 * closes it. Tensors and models are to be disposed before that.
 */
export async function openEngine(choice: EngineChoice): Promise<Engine> {
  const opening = queue.then(() => (choice === 'auto' ? takeFastest() : takeNamed(choice)));
  queue = opening.catch(() => undefined);
  return opening;
}

async function takeFastest(): Promise<Engine> {
  const misses: string[] = [];
  for (const driver of drivers) {
    const outcome = running.get(driver)?.started ?? (await driver.start(false));
    if (outcome.kind === 'started')
      return share(driver, outcome, [`auto took ${driver.name}: ${driver.merit}`, ...misses]);
    misses.push(`not ${driver.name}: ${outcome.reason}`);
  }
  throw new StageFailure(`no engine works on this machine:\n  ${misses.join('\n  ')}`);
}

async function takeNamed(choice: Exclude<EngineChoice, 'auto'>): Promise<Engine> {
  const driver = drivers.find(({ name }) => name === choice)!;
  const outcome = running.get(driver)?.started ?? (await driver.start(true));
  if (outcome.kind === 'started') return share(driver, outcome, [`${choice} was asked for`]);
  throw new StageFailure(
    `engine: ${choice} does not work on this machine: ${outcome.reason}. Mend that, or write \`engine: auto\` in params.yaml; ` +
      '`npm run doctor` lists what works here',
  );
}

async function share(driver: Driver, started: Started, notes: readonly string[]): Promise<Engine> {
  const entry = running.get(driver) ?? { started, users: 0 };
  running.set(driver, entry);
  entry.users++;
  // Somebody else, a test for instance, may have made another backend the active one.
  await tf.setBackend(started.backend);
  let open = true;
  const { version, device } = started;
  return {
    info: {
      name: driver.name,
      version,
      notes: [...notes, ...started.notes],
      ...(device === undefined ? {} : { device }),
    },
    threads: driver.threads,
    memory: () => ({ bytes: tf.memory().numBytes, tensors: tf.memory().numTensors }),
    close: () => {
      if (open && --entry.users === 0) {
        running.delete(driver);
        started.stop();
      }
      open = false;
    },
  };
}
