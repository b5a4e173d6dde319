// Our part of the peers' bench: `ours.ts <plain | bn | model1> <batch> <steps> <engine>` trains with the loop of the pipeline – all that a step of it does, with
// its shards and threads – and prints the milliseconds of each step, by the clock and of the processor, as JSON.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { EngineChoice } from '../../stages/config/definition.ts';
import { openEngine } from '../../stages/engine/open.ts';
import { createReplica, replicaModule, type Recipe } from '../../stages/model/replica.ts';
import { startTeam, trainModel } from '../../stages/training/train.ts';
import { architectureOf, imageShape, randomSplit, settingsFor, type NetworkName } from './definitions.ts';

const [name, batch, steps, choice] = process.argv.slice(2) as [NetworkName, string, string, EngineChoice];
const defaults = settingsFor(Number(batch), choice);
const engine = await openEngine(choice);
const settings = engine.threads === 'own' ? { ...defaults, shards: 1 } : defaults;
const options = { inputShape: imageShape, scale: 1 / 64, offset: -2, seed: settings.seed };
const recipe: Recipe = { architecture: architectureOf(name), options, lr: settings.lr };
const team = startTeam(settings, { engine: engine.info.name, replica: { module: replicaModule, data: recipe } });
const folder = mkdtempSync(join(tmpdir(), 'bench-'));

const times: number[] = [];
const busy: number[] = [];
let last = performance.now();
let used = process.cpuUsage();

/** The first three steps compile and warm up. */
function noteStep(step: number): void {
  const now = performance.now();
  const { user, system } = process.cpuUsage(used);
  if (step >= 3) {
    times.push(now - last);
    busy.push((user + system) / 1000);
  }
  last = now;
  used = process.cpuUsage();
}

await trainModel({
  model: createReplica(recipe).model,
  settings,
  train: randomSplit((Number(steps) + 3) * settings.batch, 'train'),
  val: randomSplit(settings.batch, 'val'),
  meanColour: [127, 127, 127],
  checkpoint: { folder, fingerprint: 'bench' },
  engine: engine.info,
  report: { step: ({ step }) => noteStep(step), epoch: () => undefined, note: () => undefined },
  team,
});
rmSync(folder, { recursive: true });
console.log(
  JSON.stringify({
    times,
    busy,
    version: `${engine.info.version}, ${team.threads} of our threads, ${settings.shards} shards`,
  }),
);
