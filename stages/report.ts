// Writes the report: one HTML page that needs nothing else, and a summary in Markdown. Computes no figure and chooses nothing: that is done by now.

import { readFileSync, writeFileSync } from 'node:fs';
import { readContext } from './context/context.ts';
import { runStage, StageFailure } from './context/fail.ts';
import type { BenchmarkResult } from './latency/result.ts';
import { buildPage } from './page/page.ts';
import { gatherRecords } from './page/records.ts';
import { renderPage } from './page/render.ts';
import { renderSummary } from './page/summary.ts';
import type { Ranking } from './selection/ranking.ts';

await runStage(async () => {
  const context = readContext();
  const [rankingFile, heatmapFile, benchmarkFile, template] = context.deps;
  const [htmlFile, summaryFile] = context.outs;
  if (template === undefined || benchmarkFile === undefined || heatmapFile === undefined || rankingFile === undefined)
    throw new StageFailure(
      'pipeline.yaml: the report needs 4 deps: the ranking, the heatmap, the timings and the template',
    );
  if (htmlFile === undefined || summaryFile === undefined)
    throw new StageFailure('pipeline.yaml: the report needs 2 outs: the HTML page and the Markdown summary');
  const ranking = JSON.parse(readFileSync(rankingFile, 'utf8')) as Ranking;
  const benchmark = JSON.parse(readFileSync(benchmarkFile, 'utf8')) as BenchmarkResult;
  const records = gatherRecords(ranking, context.runs('evaluate'));
  const page = await buildPage({ ranking, benchmark, heatmap: readFileSync(heatmapFile, 'utf8'), records });
  writeFileSync(htmlFile, await renderPage(page, template));
  writeFileSync(summaryFile, renderSummary(ranking, records));
});
