// Where a training step's time goes: `node --import tsx bench/training/profile.ts [--network bn] [--batch 64] [--steps 6] [--top 25]` trains on one
// thread and prints the processor time of each kernel, forward, back and in the optimiser, with the rate of those whose operations can be counted.

import { memoryUsage } from 'node:process';
import { parseArgs } from 'node:util';

import * as tf from '@tensorflow/tfjs-core';

import { openEngine } from '../../stages/engine/open.ts';
import { randomOf } from '../../stages/random/random.ts';
import { createOptimizer } from '../../stages/training/optimizer.ts';
import { computeStep, parametersOf } from '../../stages/training/step.ts';
import { buildNetwork, networkNames, type NetworkName } from './networks.ts';

const { values: options } = parseArgs({
  options: {
    network: { type: 'string', default: 'bn' },
    batch: { type: 'string', default: '64' },
    steps: { type: 'string', default: '6' },
    top: { type: 'string', default: '25' },
  },
});

type Phase = 'forward' | 'back' | 'other';

interface Row {
  calls: number;
  /** Milliseconds of processor time. */
  time: number;
  /** Additions and multiplications; 0: not counted. */
  operations: number;
}

const rows = new Map<string, Row>();
let phase: Phase = 'other';
let watching = false;
/** Of kernels that the present one has called. */
let nested = 0;

/** Milliseconds of the processor that this process has used. */
function busy(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function watch(): void {
  for (const kernel of tf.getKernelsForBackend('wasm')) {
    tf.unregisterKernel(kernel.kernelName, 'wasm');
    tf.registerKernel({
      ...kernel,
      kernelFunc: (call) => {
        if (!watching) return kernel.kernelFunc(call);
        const before = busy();
        const outer = nested;
        nested = 0;
        const result = kernel.kernelFunc(call);
        const time = busy() - before;
        const own = time - nested;
        nested = outer + time;
        // The engine raises the depth while it records the forward pass.
        const forward = tf.engine().state.gradientDepth > 0;
        count(`${forward ? 'forward' : phase} ${kernel.kernelName}`, own, operationsOf(call.inputs, result));
        return result;
      },
    });
  }
}

function count(name: string, time: number, operations: number): void {
  const row = rows.get(name) ?? { calls: 0, time: 0, operations: 0 };
  rows.set(name, { calls: row.calls + 1, time: row.time + time, operations: row.operations + operations });
}

/** Of convolutions and matrix products: each output pixel (or row) is multiplied with the whole filter. */
function operationsOf(inputs: tf.NamedTensorInfoMap | undefined, result: tf.TensorInfo | tf.TensorInfo[]): number {
  const all = Object.entries(inputs ?? {});
  const outs = [result].flat();
  const sizeOf = (tensor: tf.TensorInfo | undefined): number => tf.util.sizeFromShape(tensor?.shape ?? [0]);
  const { a, b, dy, filter, y } = Object.fromEntries(all) as Record<string, tf.TensorInfo | undefined>;
  if (a !== undefined && b !== undefined && 'preluActivationWeights' in (inputs ?? {})) return 0;
  if (filter !== undefined) {
    const image = dy ?? y ?? outs[0]!;
    const taps = image.shape.at(-1) === filter.shape.at(-1) ? filter.shape.slice(0, -1) : filter.shape.slice(0, 2);
    return 2 * sizeOf(image) * tf.util.sizeFromShape(taps);
  }
  const made = outs[0]!;
  if (dy !== undefined && made.shape.length === 4 && made.shape[0] !== dy.shape[0] && dy.shape.length === 4)
    return 2 * sizeOf(dy) * tf.util.sizeFromShape(made.shape.slice(0, -1));
  return 0;
}

const size = Number(options.batch);
await openEngine('wasm');
watch();
const model = buildNetwork(options.network as NetworkName);
if (!networkNames.includes(options.network as NetworkName)) throw new Error(`networks: ${networkNames.join(', ')}`);
const parameters = parametersOf(model);
const optimizer = createOptimizer({ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }, parameters, 0);
const random = randomOf(1, 'images');
const images = Float32Array.from({ length: size * 32 * 32 * 3 }, () => random.integer(256));
const labels = Uint16Array.from({ length: size }, () => random.integer(100));

let [whole, inner, loss, best] = [0, 0, 0, Infinity];
const steps = Number(options.steps);
// The first steps compile and warm up.
for (let step = -3; step < steps; step++) {
  watching = step >= 0;
  const start = busy();
  phase = 'back';
  const result = computeStep(model, parameters, { images, labels }, { labelSmoothing: 0 });
  phase = 'other';
  optimizer.apply(result.gradients, 1e-3);
  loss = result.loss.dataSync()[0]!;
  tf.dispose([result.loss, result.logits, ...result.gradients]);
  if (step < 0) continue;
  whole += busy() - start;
  best = Math.min(best, busy() - start);
}
const table = [...rows].toSorted((a, b) => b[1].time - a[1].time);
for (const [, { time }] of table) inner += time;
console.log(
  `${options.network}, batch ${size}: ${((size * 1000 * steps) / whole).toFixed(0)} images/s by processor time (best step: ${((size * 1000) / best).toFixed(0)}), loss ${loss.toFixed(6)}`,
);
console.log(
  `${(whole / steps).toFixed(1)} ms a step, ${((whole - inner) / steps).toFixed(1)} ms of it outside of kernels`,
);
console.log(`${(memoryUsage().rss / 2 ** 20).toFixed(0)} MiB resident, ${heapSize()} MiB of wasm heap`);
for (const [name, { calls, time, operations }] of table.slice(0, Number(options.top))) {
  const rate = operations === 0 ? '' : `${(operations / time / 1e6).toFixed(1)} GFLOP/s`;
  const cells = [
    name.padEnd(48),
    (time / steps).toFixed(2).padStart(9),
    `${calls / steps}×`.padStart(6),
    rate.padStart(16),
  ];
  console.log(cells.join(' '));
}

function heapSize(): string {
  const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
  return (wasm.HEAPU8.length / 2 ** 20).toFixed(0);
}
