// Stage `benchmark`: how fast every model that was ever evaluated predicts, on this machine and in this one run.
// deps: the settings that `configure` read, kernels; runs: train, evaluate; outs: benchmark.json.

import { readFileSync, writeFileSync } from 'node:fs';

import { canonicalJson } from './config/canonical.ts';
import { readContext } from './context/context.ts';
import { runStage } from './context/fail.ts';
import { reportProgress } from './context/progress.ts';
import { openEngine } from './engine/open.ts';
import { findCandidates } from './latency/candidates.ts';
import { describeHost } from './latency/host.ts';
import { measureModels } from './latency/measurement.ts';
import type { BenchmarkResult } from './latency/result.ts';
import type { BenchmarkSettings } from './latency/settings.ts';

await runStage(async () => {
  const context = readContext();
  const [resultFile] = context.outs as [string];
  const { seconds } = JSON.parse(readFileSync(context.deps[0]!, 'utf8')) as BenchmarkSettings;
  const { models, orphans } = findCandidates(context.runs('train'), context.runs('evaluate'));

  const engine = await openEngine('auto');
  const { latencies, unmeasured } = await measureModels(models, {
    seconds,
    now: () => performance.now(),
    onProgress: reportProgress,
  });
  const lost = orphans.map((model) => ({ model, reason: 'the history has its training no longer' }));
  const result: BenchmarkResult = {
    version: 1,
    host: describeHost(),
    engine: engine.info,
    latencies,
    unmeasured: [...unmeasured, ...lost],
  };
  engine.close();
  writeFileSync(resultFile, canonicalJson(result));
  process.stdout.write(`${latencies.length} models measured, ${result.unmeasured.length} could not be\n`);
});
