// Stage `prepare`: the data sets that the models need, split and scaled, as uint8.
// deps: artifacts/datasets.json, data/source, data/raw; outs: data/prepared, data/prepared.json

import { readFileSync, writeFileSync } from 'node:fs';
import type { DatasetPlan } from './config/definition.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { openSource } from './data/open-source.ts';
import { pacedProgress } from './data/pace.ts';
import { prepareSets } from './data/prepare-sets.ts';

await runStage(async () => {
  const { root, deps, outs } = readContext();
  const plan = JSON.parse(readFileSync(deps[0]!, 'utf8')) as DatasetPlan;
  const source = openSource(deps[1]!, { root, raw: deps[2]! });
  const index = await prepareSets(plan, source, outs[0]!, pacedProgress());
  writeFileSync(outs[1]!, `${JSON.stringify(index, null, 2)}\n`);
  const { train, test } = source.labels;
  const sets = Object.keys(plan.variants).length;
  process.stdout.write(
    `${source.name}: ${train.length} images to train and validate with, ${test.length} to test, ${source.classes.length} classes; data sets: ${sets}\n`,
  );
});
