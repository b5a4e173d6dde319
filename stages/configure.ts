// Stage `configure`: checks params.yaml, and writes every model's full definition, the data sets that they need, where the images come from and how to
// time the models: each stage then depends on no more than what it uses, with all defaults in place.

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from './config/canonical.ts';
import { throwFaults } from './config/faults.ts';
import { locateIn } from './config/locate.ts';
import { readParams } from './config/params.ts';
import { groupEqual, planDatasets, writeDefinitions } from './config/plan.ts';
import { findUnsupported } from './config/supported.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { readBenchmarkSettings } from './latency/settings.ts';

await runStage(async () => {
  const context = readContext();
  const [definitions, datasets, source, timing] = context.outs;
  const document = context.param('');
  // The text is read for messages alone: nothing that is written comes from it.
  const openText = () => locateIn(readFileSync(join(context.root, 'params.yaml'), 'utf8'));
  const { data, models } = readParams(document, openText);
  throwFaults('params.yaml', findUnsupported(models), openText);
  const benchmark = readBenchmarkSettings((document as { readonly benchmark?: unknown }).benchmark);
  const plan = await planDatasets(models);
  await writeDefinitions(definitions!, models);
  await writeFile(datasets!, canonicalJson(plan));
  await writeFile(source!, canonicalJson(data));
  await writeFile(timing!, canonicalJson(benchmark));
  const groups = await groupEqual(models);
  console.log(`${groups.length} models, ${Object.keys(plan.variants).length} data sets`);
  for (const names of groups.filter(({ length }) => length > 1)) console.log(`the same model: ${names.join(', ')}`);
});
