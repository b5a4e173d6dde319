// Memory and speed of a long training: trains through thousands of steps and prints the resident memory of the process (all threads) every 100 steps, and
// in the end by how much it grows a step, and how many images a second were trained. `soak.ts --definition <file> --data <prepared set> --steps 2000`; see README.md.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import type { ModelDefinition } from '../../stages/config/definition.ts';
import { openDataset } from '../../stages/data/dataset.ts';
import { openEngine } from '../../stages/engine/open.ts';
import { createReplica, replicaModule, type Recipe } from '../../stages/model/replica.ts';
import { rescalingOf } from '../../stages/model/rescaling.ts';
import { startTeam, trainModel } from '../../stages/training/train.ts';

const { values } = parseArgs({
  options: {
    definition: { type: 'string' },
    data: { type: 'string' },
    steps: { type: 'string', default: '2000' },
    every: { type: 'string', default: '100' },
    /** Images of the train split that are used: fewer make more epochs, with their validations and checkpoints. */
    images: { type: 'string', default: '50000' },
  },
});
if (values.definition === undefined || values.data === undefined)
  throw new Error('soak.ts wants --definition artifacts/definitions/<model>.json --data data/prepared/<model>');

const { architecture, train } = JSON.parse(readFileSync(values.definition, 'utf8')) as ModelDefinition;
const { manifest, read } = openDataset(values.data);
const steps = Number(values.steps);
const all = read('train', { shared: true });
const count = Math.min(all.count, Number(values.images));
const split = { count, images: all.images.subarray(0, (all.images.length / all.count) * count), labels: all.labels };
const epochs = Math.ceil(steps / Math.ceil(count / train.batch));
const settings = { ...train, epochs };
const engine = await openEngine(train.engine);
const options = { inputShape: manifest.shape, ...rescalingOf(manifest), seed: train.seed };
const recipe: Recipe = { architecture, options, lr: settings.lr };
const team = startTeam(settings, { engine: engine.info.name, replica: { module: replicaModule, data: recipe } });
const folder = mkdtempSync(join(tmpdir(), 'soak-'));

const started = performance.now();
const samples: { readonly step: number; readonly bytes: number }[] = [];
let step = 0;
/** When the first step was done, which the speed is counted from. */
let warm = { at: started, cpu: process.cpuUsage() };
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

/** The least-squares slope of memory over steps, of the second half: the first is warming up. */
function slope(): number {
  const late = samples.filter((sample) => sample.step > steps / 2);
  const mean = (of: (sample: { step: number; bytes: number }) => number): number =>
    late.reduce((sum, sample) => sum + of(sample), 0) / late.length;
  const [steady, bytes] = [mean((sample) => sample.step), mean((sample) => sample.bytes)];
  const spread = mean((sample) => (sample.step - steady) ** 2);
  return mean((sample) => (sample.step - steady) * (sample.bytes - bytes)) / spread;
}

console.log(
  `${team.threads} threads, ${epochs} epochs of ${count} images, batches of ${train.batch} in ${train.shards} shards`,
);
/** By the clock, and by processor time of all threads, which hardly depends on what else the machine does; validations are in it. */
function tellSpeed(): void {
  const images = (steps - 1) * train.batch;
  const { user, system } = process.cpuUsage(warm.cpu);
  const busy = (user + system) / 1e6;
  const seconds = (performance.now() - warm.at) / 1000;
  const rates = [images / seconds, images / busy].map((rate) => rate.toFixed(0));
  console.log(`${rates[0]} images/s by the clock, ${rates[1]} by processor second`);
}

const finished = new Error('enough steps');
await trainModel({
  model: createReplica(recipe).model,
  settings,
  train: split,
  val: read('val', { shared: true }),
  meanColour: manifest.mean.map((value) => Math.round(255 * value)),
  checkpoint: { folder, fingerprint: 'soak' },
  engine: engine.info,
  report: {
    step: ({ loss }) => {
      step += 1;
      if (step === 1) {
        const seconds = (performance.now() / 1000).toFixed(2);
        const { user, system } = process.cpuUsage();
        console.log(
          `first step ${seconds} s after the start, ${((user + system) / 1e6).toFixed(2)} s of processor time`,
        );
        warm = { at: performance.now(), cpu: process.cpuUsage() };
      }
      if (step % Number(values.every) === 0) {
        const bytes = process.memoryUsage.rss();
        samples.push({ step, bytes });
        const seconds = (performance.now() - started) / 1000;
        console.log(`step ${step}: ${mebibytes(bytes)} MiB resident, loss ${loss.toFixed(4)}, ${seconds.toFixed(0)} s`);
      }
      if (step === steps) {
        tellSpeed();
        throw finished;
      }
    },
    epoch: () => undefined,
    note: (text) => console.log(text),
  },
  team,
}).catch((error: unknown) => {
  if (error !== finished) throw error;
});
rmSync(folder, { recursive: true });
const peak = process.resourceUsage().maxRSS / 1024;
console.log(`peak ${peak.toFixed(0)} MiB`);
if (samples.length >= 4) console.log(`in the second half ${(slope() / 1024).toFixed(3)} KiB a step`);
