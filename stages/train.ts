// Stage `train`: trains one model by its definition. Deps: the definition, the prepared data set, the weights that its backbone starts from. Outs: the
// model and its history. What an interrupted training goes on from lies in the folder that the runner keeps for that.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { loadBackboneWeights } from './backbone/weights.ts';
import type { ModelDefinition } from './config/definition.ts';
import { readContext, type StageContext } from './context/context.ts';
import { runStage, StageFailure } from './context/fail.ts';
import { openDataset } from './data/dataset.ts';
import { openEngine } from './engine/open.ts';
import { countClasses } from './model/build.ts';
import { saveModel } from './model/files.ts';
import { createReplica, replicaModule, type Recipe } from './model/replica.ts';
import { rescalingOf } from './model/rescaling.ts';
import { openWeights } from './pretrained/manifest.ts';
import { createReporter } from './training/report.ts';
import type { TrainingHistory } from './training/result.ts';
import { extentOf, startTeam, trainModel } from './training/train.ts';

await runStage(async () => train(readContext()));

async function train({ deps, outs, resume, fingerprint }: StageContext): Promise<void> {
  const [definitionFile, dataFolder, weightsFolder] = deps as [string, string, string];
  const [modelFolder, historyFile] = outs as [string, string];
  const { architecture, train: defined } = JSON.parse(readFileSync(definitionFile, 'utf8')) as ModelDefinition;
  const { manifest, read } = openDataset(dataFolder);
  const engine = await openEngine(defined.engine);
  // Engines with threads of their own take whole batches.
  const settings = engine.threads === 'own' ? { ...defined, shards: 1 } : defined;
  const options = { inputShape: manifest.shape, ...rescalingOf(manifest), seed: settings.seed };
  const recipe: Recipe = { architecture, options, lr: settings.lr };
  // The other threads start while this one reads the images.
  const team = startTeam(settings, { engine: engine.info.name, replica: { module: replicaModule, data: recipe } });
  try {
    const trainSet = read('train', { shared: true });
    const valSet = read('val', { shared: true });
    if (trainSet.count === 0 || valSet.count === 0)
      throw new StageFailure(
        `${manifest.name}: the train or the validation split is empty; mend \`split\` in params.yaml`,
      );
    const { model, phases } = createReplica(recipe);
    if (countClasses(model) !== manifest.classes.length)
      throw new StageFailure(
        `the model tells ${countClasses(model)} classes apart, but ${manifest.name} has ${manifest.classes.length}: set output_classes: ${manifest.classes.length} in params.yaml`,
      );

    const weights = openWeights(weightsFolder);
    if (weights !== null) await loadBackboneWeights(model, weights.path);
    const trained = await trainModel({
      model,
      settings,
      phases,
      train: trainSet,
      val: valSet,
      meanColour: manifest.mean.map((value) => Math.round(255 * value)),
      checkpoint: { folder: resume, fingerprint },
      engine: engine.info,
      report: createReporter(extentOf(settings, trainSet.count)),
      team,
    });
    const history: TrainingHistory = weights === null ? trained : { ...trained, pretrained: weights.sha256 };
    await saveModel(model, modelFolder);
    mkdirSync(dirname(historyFile), { recursive: true });
    writeFileSync(historyFile, `${JSON.stringify(history, undefined, 2)}\n`);
    model.dispose();
  } finally {
    await team.close();
    engine.close();
  }
}
