// Stage `compare`: ranks every model ever evaluated on this data by the client's weights, and lays out the best one.

import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { compareModels, summarise } from './comparison/comparison.ts';

await runStage(async () => {
  process.stdout.write(summarise(await compareModels(readContext())));
});
