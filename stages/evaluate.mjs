// Accuracy and loss of one model on the test part.
import { readFileSync, writeFileSync } from 'node:fs';
import { readData } from './classifier/data.mjs';
import { predict } from './classifier/softmax.mjs';
import { readContext } from './context.mjs';

const context = readContext();
const [dataFolder, modelFolder] = context.depPaths;
const data = readData(dataFolder, 'test');
const bytes = readFileSync(`${modelFolder}/weights.f64`);
const weights = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));

let loss = 0;
let correct = 0;
const probabilities = new Float64Array(data.classes);
for (let index = 0; index < data.labels.length; index++) {
  predict(weights, data.images, index, data, probabilities);
  loss -= Math.log(Math.max(probabilities[data.labels[index]], 1e-12));
  if (probabilities.indexOf(Math.max(...probabilities)) === data.labels[index]) correct++;
}
const count = data.labels.length;
writeFileSync(
  context.outPaths[0],
  JSON.stringify({ accuracy: correct / count, loss: loss / count, images: count, parameters: weights.length }),
);
