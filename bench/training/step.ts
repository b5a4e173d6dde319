// One measurement of the training bench, in a process of its own: `step.ts <ours | stock> <plain | bn> <batch> <steps>` prints the milliseconds that
// each step took, by the clock and of the processor, as JSON.

import * as tf from '@tensorflow/tfjs-core';

import { openEngine } from '../../stages/engine/open.ts';
import { randomOf } from '../../stages/random/random.ts';
import { buildNetwork, type NetworkName } from './networks.ts';
import { openStock } from './stock.ts';

const [engine, network, batch, steps] = process.argv.slice(2) as [string, NetworkName, string, string];
if (engine === 'ours') await openEngine('wasm');
else await openStock();

const size = Number(batch);
const model = buildNetwork(network);
const optimizer = tf.train.adam(1e-3);
const variables = model.trainableWeights.map((weight) => weight.read()) as unknown as tf.Variable[];
const random = randomOf(1, 'images');
const x = tf.tensor4d(Float32Array.from({ length: size * 32 * 32 * 3 }, random.normal), [size, 32, 32, 3]);
const classes = Array.from({ length: size }, () => random.integer(100));
const y = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(classes, 'int32'), 100), 'float32'));

const times: number[] = [];
const busy: number[] = [];
let last = 0;
// The first two steps compile and warm up.
for (let step = -2; step < Number(steps); step++) {
  const start = performance.now();
  const before = process.cpuUsage();
  const forward = (): tf.Scalar => tf.losses.softmaxCrossEntropy(y, model.apply(x, { training: true }) as tf.Tensor2D);
  const loss = optimizer.minimize(forward, true, variables)!;
  last = loss.dataSync()[0]!;
  loss.dispose();
  if (step < 0) continue;
  times.push(performance.now() - start);
  const { user, system } = process.cpuUsage(before);
  busy.push((user + system) / 1000);
}
console.log(JSON.stringify({ times, busy, loss: last }));
