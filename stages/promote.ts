// Stages `promote-1` and `promote-2` of halving.yaml: who goes on after a round. Deps: the share that does, what was to be trained of each model, how each
// came out of the round. Out: what is to be trained of each model now; the file of a model stays the same while its own lot does, so that nothing else runs
// again where another model comes or goes.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { canonicalJson } from './config/canonical.ts';
import type { TrainingPlan } from './config/definition.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { decide } from './halving/decision.ts';
import type { RoundResult } from './halving/result.ts';
import type { FactorSettings } from './halving/settings.ts';

await runStage(() => {
  const { deps, outs } = readContext();
  const [settingsFile, planFolder, resultFolder] = deps as [string, string, string];
  const [folder] = outs as [string];
  const { factor } = readJson(settingsFile) as FactorSettings;
  // Results of models that params.yaml had before may lie there too.
  const results = new Set(readdirSync(resultFolder));
  const contestants = readdirSync(planFolder)
    .sort()
    .map((file) => ({
      name: file.slice(0, -'.json'.length),
      plan: readJson(join(planFolder, file)) as TrainingPlan,
      result: results.has(file) ? (readJson(join(resultFolder, file)) as RoundResult) : undefined,
    }));
  const { plans, lines } = decide(contestants, factor);
  mkdirSync(folder, { recursive: true });
  for (const [name, plan] of plans) writeFileSync(join(folder, `${name}.json`), canonicalJson(plan));
  console.log(lines.join('\n'));
});

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
