// Stage `weights`: the weights that the backbone of one model starts from; for a model that starts from random ones, the note that it does.
// deps: the plan that `configure` wrote, the folder data/raw (the file may lie there); outs: the folder data/weights/<model>

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { WeightsPlan } from './config/definition.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { pacedProgress } from './data/pace.ts';
import { placeWeights } from './pretrained/place.ts';

await runStage(async () => {
  const { root, deps, outs } = readContext();
  const [planFile, raw] = deps as [string, string];
  const folder = outs[0]!;
  const { weights } = JSON.parse(readFileSync(planFile, 'utf8')) as WeightsPlan;
  await placeWeights(weights, {
    root,
    raw,
    folder,
    // Beside the outs, not in them: outs are cleared before each execution, and half a download should outlive that.
    downloads: join(dirname(dirname(folder)), '.downloads'),
    onProgress: pacedProgress(),
    onNotice: (text) => process.stdout.write(`${text}\n`),
  });
});
