// Where a training step's time goes: `node --import tsx bench/training/profile.ts [--network bn] [--batch 64] [--steps 6] [--top 25]` trains on one
// thread and prints the processor time of each kernel, forward, back and in the optimiser, with the rate of those whose operations can be counted.

import { memoryUsage } from 'node:process';
import { parseArgs } from 'node:util';

import * as tf from '@tensorflow/tfjs-core';

import { openEngine } from '../../stages/engine/open.ts';
import { randomOf } from '../../stages/random/random.ts';
import { createOptimizer } from '../../stages/training/optimizer.ts';
import { computeStep, parametersOf } from '../../stages/training/step.ts';
import { buildNetwork, networkNames } from './networks.ts';

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
        count(
          `${forward ? 'forward' : phase} ${kernel.kernelName}`,
          own,
          operationsOf(kernel.kernelName, call.inputs, result),
        );
        return result;
      },
    });
  }
}

function count(name: string, time: number, operations: number): void {
  const row = rows.get(name) ?? { calls: 0, time: 0, operations: 0 };
  rows.set(name, { calls: row.calls + 1, time: row.time + time, operations: row.operations + operations });
}

/** Of a convolution or a gradient of it: each output pixel is multiplied with the whole filter, in a depthwise one with that of its channel. */
function operationsOf(
  kernelName: string,
  inputs: tf.NamedTensorInfoMap | undefined,
  result: tf.TensorInfo | tf.TensorInfo[],
): number {
  if (!kernelName.includes('Conv') || kernelName === 'ConvolutionLayer') return 0;
  const { dy, filter } = (inputs ?? {}) as Record<string, tf.TensorInfo | undefined>;
  const made = [result].flat()[0]!;
  const image = dy ?? made;
  const weights = filter ?? made;
  const taps = weights.shape.slice(0, kernelName.startsWith('Depthwise') ? 2 : 3);
  return 2 * tf.util.sizeFromShape(image.shape) * tf.util.sizeFromShape(taps);
}

const size = Number(options.batch);
const steps = Number(options.steps);
const network = networkNames.find((name) => name === options.network);
if (network === undefined) throw new Error(`networks: ${networkNames.join(', ')}`);
await openEngine('wasm');
watch();
const model = buildNetwork(network);
const parameters = parametersOf(model);
const optimizer = createOptimizer({ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }, parameters, 0);
const random = randomOf(1, 'images');
const images = Float32Array.from({ length: size * 32 * 32 * 3 }, () => random.integer(256) / 255);
const labels = Uint16Array.from({ length: size }, () => random.integer(100));

interface Step {
  /** Milliseconds of processor time. */
  readonly time: number;
  readonly loss: number;
  /** MiB of the wasm heap afterwards. */
  readonly heap: number;
}

function takeStep(): Step {
  const start = busy();
  phase = 'back';
  const result = computeStep(model, parameters, { images, labels }, { labelSmoothing: 0 });
  phase = 'other';
  optimizer.apply(result.gradients, 1e-3);
  const loss = result.loss.dataSync()[0]!;
  tf.dispose([result.loss, result.logits, ...result.gradients]);
  const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
  return { time: busy() - start, loss, heap: wasm.HEAPU8.length / 2 ** 20 };
}

const takeSteps = (count: number): Step[] => Array.from({ length: count }, takeStep);

// The first steps compile and warm up. Asking for the time of each kernel takes time itself, so what a step takes is measured without.
const warm = takeSteps(3).at(-1)!;
const plain = takeSteps(steps);
watching = true;
const watched = takeSteps(steps).reduce((sum, { time }) => sum + time, 0) / steps;
const times = plain.map(({ time }) => time).toSorted((a, b) => a - b);
const { loss, heap } = plain.at(-1)!;
const [median, best] = [times[times.length >> 1]!, times[0]!].map((time) => ((size * 1000) / time).toFixed(0));
const table = [...rows].toSorted((a, b) => b[1].time - a[1].time);
const inner = table.reduce((sum, [, { time }]) => sum + time, 0) / steps;
console.log(
  `${network}, batch ${size}: ${median} images/s by processor time (best step ${best}), loss ${loss.toFixed(6)}`,
);
console.log(
  `${watched.toFixed(1)} ms a step while watched, ${(watched - inner).toFixed(1)} ms of it outside of kernels`,
);
const resident = (memoryUsage().rss / 2 ** 20).toFixed(0);
console.log(`wasm heap: ${warm.heap} MiB after the warm-up, ${heap} MiB at the end; ${resident} MiB resident`);
for (const [name, { calls, time, operations }] of table.slice(0, Number(options.top))) {
  const rate = operations === 0 ? '' : `${(operations / time / 1e6).toFixed(1)} GFLOP/s`;
  const each = (time / steps).toFixed(2).padStart(9);
  console.log([name.padEnd(48), each, `${calls / steps}×`.padStart(6), rate.padStart(16)].join(' '));
}
