// What the programs that train have in common: from a definition and folders to a trained model and its history.

import type * as tfl from '@tensorflow/tfjs-layers';

import { loadBackboneWeights } from '../backbone/weights.ts';
import type { ModelDefinition } from '../config/definition.ts';
import { StageFailure } from '../context/fail.ts';
import { openDataset } from '../data/dataset.ts';
import { openEngine } from '../engine/open.ts';
import { countClasses } from '../model/build.ts';
import { createReplica, replicaModule, type Recipe } from '../model/replica.ts';
import { rescalingOf } from '../model/rescaling.ts';
import { openWeights } from '../pretrained/manifest.ts';
import type { TrainingPart } from './progress.ts';
import { createReporter } from './report.ts';
import type { TrainingHistory } from './result.ts';
import { extentOf, startTeam, trainModel } from './train.ts';

export interface TrainingInputs {
  readonly definition: ModelDefinition;
  /** Of the prepared data set. */
  readonly dataFolder: string;
  /** Of the weights that a backbone starts from. */
  readonly weightsFolder: string;
  readonly checkpoint: { readonly folder: string; readonly fingerprint: string };
  readonly part?: TrainingPart;
}

/** Trains, and hands over the result while the engine is open. */
export async function trainDefinition(
  { definition, dataFolder, weightsFolder, checkpoint, part }: TrainingInputs,
  take: (model: tfl.LayersModel, history: TrainingHistory) => Promise<void>,
): Promise<void> {
  const { architecture, train: defined } = definition;
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
      checkpoint,
      part,
      engine: engine.info,
      report: createReporter(extentOf(settings, trainSet.count)),
      team,
    });
    await take(model, weights === null ? trained : { ...trained, pretrained: weights.sha256 });
    model.dispose();
  } finally {
    await team.close();
    engine.close();
  }
}
