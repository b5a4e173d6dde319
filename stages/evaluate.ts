// Stage `evaluate`: what one trained model is worth on the validation and the test images of its data set, and what it costs.
// deps: definition, prepared data set, model, training history, kernels; outs: folder of details, evaluation.json.

import { readFileSync } from 'node:fs';

import type { ModelDefinition } from './config/definition.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { reportProgress } from './context/progress.ts';
import { openDataset } from './data/dataset.ts';
import { openEngine } from './engine/open.ts';
import { detailClasses, folderBytes, summarize, tallySplits } from './evaluation/evaluation.ts';
import { openPredictors } from './evaluation/prediction.ts';
import { writeDetails, writePreview, writeSummary } from './evaluation/output.ts';
import { folderSource, loadModel } from './model/files.ts';
import type { TrainingHistory } from './training/result.ts';

await runStage(async () => {
  const { deps, outs } = readContext();
  const [definitionFile, dataFolder, modelFolder, historyFile] = deps as [string, string, string, string];
  const [detailsFolder, summaryFile] = outs as [string, string];
  const definition = JSON.parse(readFileSync(definitionFile, 'utf8')) as ModelDefinition;
  const history = JSON.parse(readFileSync(historyFile, 'utf8')) as TrainingHistory;
  const data = openDataset(dataFolder);
  const { manifest } = data;

  const engine = await openEngine(definition.train.engine);
  const { val, test } = manifest.splits;
  const team = openPredictors(modelFolder, engine.info, Math.max(val.count, test.count), manifest.shape);
  try {
    const model = await loadModel(folderSource(modelFolder));
    const tallies = await tallySplits(
      { model, manifest },
      team,
      (split) => data.read(split, { shared: true }),
      (done, total, split) => reportProgress(done / total, `${done}/${total} images (${split})`),
    );
    const subject = { definition, history, engine: engine.info, manifest, model, bytes: folderBytes(modelFolder) };
    writeSummary(summaryFile, await summarize(subject, tallies));
    model.dispose();

    const { classes, shape } = manifest;
    writeDetails(detailsFolder, detailClasses(manifest, tallies));
    await writePreview(detailsFolder, { classes, shape, split: data.read('test'), tally: tallies.test });
  } finally {
    await team.close();
    engine.close();
  }
});
