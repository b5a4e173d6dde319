// Stage `train`: trains one model by its definition. Deps: the definition, the prepared data set, the weights that its backbone starts from; with
// successive halving a plan in place of the definition, and the state that the rounds left. Outs: the model and its history. What an interrupted
// training goes on from lies in the folder that the runner keeps for that.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { TrainingPlan } from './config/definition.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { saveModel } from './model/files.ts';
import { trainDefinition } from './training/program.ts';

await runStage(async () => {
  const { deps, outs, resume, fingerprint } = readContext();
  const [planFile, dataFolder, weightsFolder, start] = deps as [string, string, string, string | undefined];
  const [modelFolder, historyFile] = outs as [string, string];
  const { stopAfter, ...definition } = JSON.parse(readFileSync(planFile, 'utf8')) as TrainingPlan;
  const checkpoint = { folder: resume, fingerprint };
  const inputs = { definition, dataFolder, weightsFolder, checkpoint, part: { start, stopAfter } };
  await trainDefinition(inputs, async (model, history) => {
    await saveModel(model, modelFolder);
    mkdirSync(dirname(historyFile), { recursive: true });
    writeFileSync(historyFile, `${JSON.stringify(history, undefined, 2)}\n`);
  });
});
