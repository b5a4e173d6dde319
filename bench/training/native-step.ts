// One measurement of the native bench, in a process of its own: `native-step.ts <engine> <plain | bn> <batch> <steps>` trains on one random batch with
// the step and the optimiser of the pipeline, and prints the milliseconds of each step, by the clock and of the processor, as JSON.

import * as tf from '@tensorflow/tfjs-core';

import type { EngineChoice } from '../../stages/config/definition.ts';
import { openEngine } from '../../stages/engine/open.ts';
import { randomOf } from '../../stages/random/random.ts';
import { createOptimizer } from '../../stages/training/optimizer.ts';
import { computeStep, parametersOf } from '../../stages/training/step.ts';
import { buildNetwork, type NetworkName } from './networks.ts';

const [choice, network, size, steps] = process.argv.slice(2) as [EngineChoice, NetworkName, string, string];
const { info } = await openEngine(choice);
const count = Number(size);
const model = buildNetwork(network);
const parameters = parametersOf(model);
const optimizer = createOptimizer({ kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }, parameters, 0);
const random = randomOf(1, 'images');
const images = Float32Array.from({ length: count * 32 * 32 * 3 }, random.normal);
const labels = Uint16Array.from({ length: count }, () => random.integer(100));

const times: number[] = [];
const busy: number[] = [];
let last = 0;
// The first three steps compile and warm up.
for (let step = -3; step < Number(steps); step++) {
  const start = performance.now();
  const before = process.cpuUsage();
  const { gradients, loss, logits } = computeStep(model, parameters, { images, labels }, { labelSmoothing: 0 });
  last = (await loss.data())[0]!;
  optimizer.apply(gradients, 1e-3);
  tf.dispose([loss, logits, ...gradients]);
  if (step < 0) continue;
  times.push(performance.now() - start);
  const { user, system } = process.cpuUsage(before);
  busy.push((user + system) / 1000);
}
console.log(JSON.stringify({ engine: `${info.name}: ${info.version}`, times, busy, loss: last }));
