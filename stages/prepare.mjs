// Makes a data set of noisy 8x8 images: each class is a smooth random pattern, each image its pattern with noise.
import { makeRandom } from './classifier/random.mjs';
import { writeData } from './classifier/data.mjs';
import { readContext } from './context.mjs';

const context = readContext();
const [{ seed, classes, images: count, noise, split }] = context.params;
const size = 8;
const pixels = size * size;
const random = makeRandom(seed);

const patterns = Array.from({ length: classes }, () => {
  const [fx, fy, phase] = [random.uniform() * 2, random.uniform() * 2, random.uniform() * 6];
  return Float32Array.from({ length: pixels }, (_, pixel) =>
    Math.sin((fx * (pixel % size) + fy * Math.floor(pixel / size)) * 0.8 + phase),
  );
});

function makePart(length) {
  const images = new Float32Array(length * pixels);
  const labels = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    labels[index] = index % classes;
    for (let pixel = 0; pixel < pixels; pixel++)
      images[index * pixels + pixel] = patterns[labels[index]][pixel] + noise * random.normal();
  }
  return { images, labels };
}

const test = Math.round(count * split);
writeData(context.outPaths[0], { train: makePart(count - test), test: makePart(test), classes, pixels });
