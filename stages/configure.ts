// Stage `configure`: checks params.yaml, and writes every model's full definition, the data sets that they need, where the images and the weights of
// backbones come from and how to time the models: each stage then depends on no more than what it uses, with all defaults in place. In halving.yaml also
// how its rounds go.
// deps: the folder data/raw (files of weights may lie there, which a definition knows by their content)

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from './config/canonical.ts';
import { locateIn } from './config/locate.ts';
import { readParams } from './config/params.ts';
import { groupEqual, planDatasets, writeDefinitions } from './config/plan.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { writeHalving } from './halving/settings.ts';
import { readBenchmarkSettings } from './latency/settings.ts';
import { identifyWeights, writeWeightsPlans } from './pretrained/identify.ts';

await runStage(async () => {
  const context = readContext();
  const [definitions, datasets, source, timing, weights, rounds] = context.outs;
  const document = context.param('');
  // The text is read for messages alone: nothing that is written comes from it.
  const openText = () => locateIn(readFileSync(join(context.root, 'params.yaml'), 'utf8'));
  const { data, models: named, halving } = readParams(document, openText);
  const models = await identifyWeights(named, context.root);
  const benchmark = readBenchmarkSettings((document as { readonly benchmark?: unknown }).benchmark);
  const plan = await planDatasets(models);
  await writeDefinitions(definitions!, models);
  await writeFile(datasets!, canonicalJson(plan));
  await writeFile(source!, canonicalJson(data));
  await writeFile(timing!, canonicalJson(benchmark));
  writeWeightsPlans(weights!, models);
  writeHalving(rounds, halving);
  const groups = await groupEqual(models);
  console.log(`${groups.length} models, ${Object.keys(plan.variants).length} data sets`);
  for (const names of groups.filter(({ length }) => length > 1)) console.log(`the same model: ${names.join(', ')}`);
});
