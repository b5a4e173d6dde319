// Stages `round-1` and `round-2` of halving.yaml: train one model up to the epoch at which models are compared. Deps: what is to be trained of it, the
// settings of the round, the prepared data set, the weights that its backbone starts from, and from the second round on the state that the one before
// left. Outs: the state, and how well the model does.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { canonicalJson, definitionDigest } from './config/canonical.ts';
import type { TrainingPlan } from './config/definition.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { resultOf, type RoundResult } from './halving/result.ts';
import type { RoundSettings } from './halving/settings.ts';

await runStage(async () => {
  const { deps, outs, resume, fingerprint } = readContext();
  const [planFile, settingsFile, dataFolder, weightsFolder, start] = deps as [string, string, string, string, string?];
  const [stateFolder, resultFile] = outs as [string, string];
  const { stopAfter, ...definition } = readJson(planFile) as TrainingPlan;
  const { after } = readJson(settingsFile) as RoundSettings;
  const digest = await definitionDigest(definition);
  const write = (result: RoundResult): void => {
    mkdirSync(dirname(resultFile), { recursive: true });
    writeFileSync(resultFile, canonicalJson(result));
  };
  if (stopAfter !== undefined && start !== undefined) {
    cpSync(start, stateFolder, { recursive: true });
    write({ version: 1, definition: digest, epochs: stopAfter, state: 'stopped' });
    console.log(`stopped after epoch ${stopAfter}: others were better`);
    return;
  }
  // Who is stopped needs no engine, which takes a second to load.
  const { trainDefinition } = await import('./training/program.ts');
  const checkpoint = { folder: resume, fingerprint };
  const part = { start, stopAfter: after, leave: stateFolder };
  const inputs = { definition, dataFolder, weightsFolder, checkpoint, part };
  await trainDefinition(inputs, (_, history) => {
    write(resultOf(digest, history));
    return Promise.resolve();
  });
});

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
