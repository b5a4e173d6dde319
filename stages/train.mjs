// Trains one model, and writes its weights and the loss of every epoch.
import { mkdirSync, writeFileSync } from 'node:fs';
import { makeRandom } from './classifier/random.mjs';
import { readData } from './classifier/data.mjs';
import { step } from './classifier/softmax.mjs';
import { readContext, reportProgress } from './context.mjs';

const context = readContext();
const [{ seed, learning_rate: learningRate, epochs, batch, l2 }] = context.params;
const data = readData(context.depPaths[0], 'train');
const random = makeRandom(seed);
const weights = Float64Array.from({ length: data.classes * (data.pixels + 1) }, () => 0.01 * random.normal());
const order = Array.from(data.labels.keys());

const history = [];
for (let epoch = 1; epoch <= epochs; epoch++) {
  random.shuffle(order);
  let loss = 0;
  for (let start = 0; start < order.length; start += batch) {
    const chunk = order.slice(start, start + batch);
    loss += step(weights, data, chunk, { learningRate, l2 }) * chunk.length;
  }
  history.push(loss / order.length);
  reportProgress(epoch / epochs, `epoch ${epoch}/${epochs} loss=${history.at(-1).toFixed(4)}`);
}

const out = context.outPaths[0];
mkdirSync(out, { recursive: true });
writeFileSync(`${out}/weights.f64`, new Uint8Array(weights.buffer));
writeFileSync(`${out}/history.json`, JSON.stringify({ loss: history }));
