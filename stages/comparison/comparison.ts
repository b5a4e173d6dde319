// The work of the `compare` stage: history in, ranking and best model out. Takes every path from the stage's context.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { heatmapSpec } from '../charts/heatmap.ts';
import { renderSvg, svgToPng } from '../charts/render.ts';
import { canonicalJson, definitionDigest } from '../config/canonical.ts';
import type { ModelDefinition } from '../config/definition.ts';
import { readSelectionSettings } from '../selection/settings.ts';
import type { StageContext } from '../context/context.ts';
import type { DatasetIndex } from '../data/manifest.ts';
import type { BenchmarkResult } from '../latency/result.ts';
import { writeBest, writeNoBest } from './best.ts';
import { gatherCandidates } from '../selection/candidates.ts';
import type { Gathered } from '../selection/candidates.ts';
import { writeCsv } from './csv.ts';
import { readHistory } from '../selection/history.ts';
import type { Ranking } from '../selection/ranking.ts';
import { selectBest } from '../selection/select.ts';

/** PNG pixels for each pixel of the chart: sharp in a document and on a dense screen. Wide charts get fewer, because time grows with the pixels. */
const pngScale = 2;
const widestPng = 2400;

/**
 * Compares all models of the history on the data of this run, and writes the ranking (JSON, CSV), its heatmap (SVG, PNG) and the best model.
 * Without a winner, the ranking says what to change and the folder of the best model has nothing but a note. Throws a StageFailure for what the user
 * can mend: no weights, or a winner whose files are gone.
 */
export async function compareModels(context: StageContext): Promise<Ranking> {
  const [definitions, index, benchmark] = takeThree(context.deps);
  const settings = readSelectionSettings(context.param('', 'evaluation_metrics.yaml'));
  const gathered = gatherCandidates({
    history: readHistory(context.runs('evaluate'), context.runs('train')),
    index: readJson(index) as DatasetIndex,
    definitions: await readDefinitions(definitions),
    benchmark: readJson(benchmark) as BenchmarkResult,
  });
  const { candidates, data, otherData, warnings } = gathered;
  const ranking = selectBest({ candidates, settings, data, otherData, warnings });
  await writeResults(context.outs, ranking, gathered);
  return ranking;
}

/** The verdict in short, for the terminal: at most four lines, the warnings' number in the last one. */
export function summarise({ verdict, warnings }: Ranking): string {
  const noted =
    warnings.length === 0
      ? []
      : [`(${warnings.length === 1 ? 'a warning is' : `${warnings.length} warnings are`} in the report)`];
  return `${[...verdict.slice(0, 4 - noted.length), ...noted].join('\n')}\n`;
}

async function writeResults(outs: readonly string[], ranking: Ranking, { sources }: Gathered): Promise<void> {
  const [json, csv, svgFile, pngFile, best] = outs;
  if (best === undefined)
    throw new Error('compare has five outs: ranking.json, ranking.csv, heatmap.svg, heatmap.png, best');
  write(json!, canonicalJson(ranking));
  write(csv!, writeCsv(ranking));
  const svg = await renderSvg(heatmapSpec(ranking));
  write(svgFile!, svg);
  write(pngFile!, svgToPng(svg, Math.min(widestPng, pngScale * readWidth(svg))));
  const winner = ranking.candidates.find(({ id }) => id === ranking.winner);
  if (winner === undefined) writeNoBest(best, ranking);
  else await writeBest(best, { winner, source: sources.get(winner.id)!, ranking });
}

/** The definitions of this run's models, as digests by name. */
async function readDefinitions(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  const digests = new Map<string, string>();
  for (const file of files.sort())
    digests.set(
      file.slice(0, -'.json'.length),
      await definitionDigest(readJson(join(folder, file)) as ModelDefinition),
    );
  return digests;
}

function readWidth(svg: string): number {
  return Math.ceil(Number(/ width="([\d.]+)"/.exec(svg)?.[1] ?? 800));
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function write(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function takeThree(paths: readonly string[]): readonly [string, string, string] {
  const [first, second, third] = paths;
  if (third === undefined) throw new Error('compare has three deps: definitions, prepared.json, benchmark.json');
  return [first!, second!, third];
}
