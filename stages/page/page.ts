// The whole report as data: what the template needs, formatted, in the order of the page. Draws the charts; knows no HTML.

import type { ClassDetails } from '../evaluation/result.ts';
import type { BenchmarkResult } from '../latency/result.ts';
import type { Ranking } from '../selection/ranking.ts';
import { buildOverview } from './overview.ts';
import type { OverviewView } from './overview.ts';
import { buildPanel } from './panel.ts';
import type { PanelView } from './panel.ts';
import { choosePreviews } from './previews.ts';
import { buildProvenance } from './provenance.ts';
import type { ProvenanceView } from './provenance.ts';
import type { ModelRecord } from './records.ts';
import { buildTable } from './table.ts';
import type { RankingTable } from './table.ts';
import { buildVerdict } from './verdict.ts';
import type { VerdictView } from './verdict.ts';
import { describeCriteria, describeNormalisation } from './weights.ts';
import type { CriterionView } from './weights.ts';

export interface ReportInputs {
  readonly ranking: Ranking;
  readonly benchmark: BenchmarkResult;
  /** SVG text. */
  readonly heatmap: string;
  /** In the order of the ranking. */
  readonly records: readonly ModelRecord[];
}

export interface ExcludedView {
  readonly label: string;
  readonly anchor: string;
  readonly reasons: readonly string[];
}

export interface PageView {
  readonly title: string;
  readonly dataName: string;
  readonly counts: string;
  readonly verdict: VerdictView;
  readonly warnings: readonly string[];
  readonly heatmap: { readonly src: string; readonly width: string; readonly height: string; readonly alt: string };
  readonly table: RankingTable;
  readonly overview: OverviewView;
  readonly panels: readonly PanelView[];
  readonly excluded: readonly ExcludedView[];
  /** Those whose training was ended by successive halving. */
  readonly halted: readonly ExcludedView[];
  readonly criteria: readonly CriterionView[];
  readonly normalisation: string;
  readonly provenance: ProvenanceView;
  /** The lists of classes that panels refer to by index. */
  readonly classLists: readonly (readonly string[])[];
}

export async function buildPage({ ranking, benchmark, heatmap, records }: ReportInputs): Promise<PageView> {
  const verdict = buildVerdict(ranking, records);
  const classLists = collectClassLists(records);
  const previews = choosePreviews(records);
  const panels: PanelView[] = [];
  for (const [index, record] of records.entries()) {
    const { preview, note: previewNote } = previews[index]!;
    const classList = record.details === null ? null : classLists.findIndex(equalTo(record.details.classes));
    const { settings, winner } = ranking;
    panels.push(await buildPanel(record, { settings, winner, classList, preview, previewNote }));
  }
  const leftOut = records.filter(({ candidate }) => candidate.rank === null);
  return {
    title: `${verdict.winner?.label ?? 'No model'} – model selection on ${ranking.data.name}`,
    dataName: ranking.data.name,
    counts: describeCounts(records),
    verdict,
    warnings: ranking.warnings,
    heatmap: embedHeatmap(heatmap, records),
    table: buildTable(ranking, records),
    overview: await buildOverview(ranking, records),
    panels,
    excluded: leftOut.filter(({ candidate }) => candidate.halted === undefined).map(describeExcluded),
    halted: leftOut.filter(({ candidate }) => candidate.halted !== undefined).map(describeExcluded),
    criteria: describeCriteria(ranking.settings),
    normalisation: describeNormalisation(ranking.settings),
    provenance: buildProvenance(ranking, benchmark, records),
    classLists,
  };
}

function describeExcluded({ label, anchor, candidate }: ModelRecord): ExcludedView {
  return { label, anchor, reasons: candidate.excluded };
}

/** "5 models compared: 4 of this run, 1 of the history; 1 left out; 2 stopped early" */
export function describeCounts(records: readonly ModelRecord[]): string {
  const ranked = records.filter(({ candidate }) => candidate.rank !== null);
  const history = ranked.filter(({ candidate }) => candidate.origin === 'history').length;
  const parts = [`${ranked.length - history} of this run`, `${history} of the history`];
  const halted = records.filter(({ candidate }) => candidate.halted !== undefined).length;
  const left = records.length - ranked.length - halted;
  return `${ranked.length} ${ranked.length === 1 ? 'model' : 'models'} compared: ${parts.join(', ')}${left === 0 ? '' : `; ${left} left out`}${halted === 0 ? '' : `; ${halted} stopped early`}`;
}

/** Almost always one list: all candidates know the same data. */
function collectClassLists(records: readonly ModelRecord[]): (readonly string[])[] {
  const lists: (readonly string[])[] = [];
  for (const { details } of records) {
    if (details !== null && !lists.some(equalTo(details.classes))) lists.push(details.classes);
  }
  return lists;
}

function equalTo(classes: ClassDetails['classes']): (list: readonly string[]) => boolean {
  return (list) => list.length === classes.length && list.every((name, index) => name === classes[index]);
}

/** As an image: whatever it contains can neither run nor reach anything. */
function embedHeatmap(svg: string, records: readonly ModelRecord[]): PageView['heatmap'] {
  const root = /<svg\b[^>]*>/.exec(svg)?.[0] ?? '';
  const size = (name: string): string => new RegExp(`\\s${name}="([\\d.]+)`).exec(root)?.[1] ?? '';
  const ranked = records.filter(({ candidate }) => candidate.rank !== null);
  const totals = ranked.map(({ label, candidate }) => `${label} ${(candidate.score ?? 0).toFixed(3)}`);
  return {
    src: `data:image/svg+xml;base64,${Buffer.from(svg, 'utf8').toString('base64')}`,
    width: size('width'),
    height: size('height'),
    alt: `Heatmap: a column for each model, a row for each weighted metric, and the total. Totals: ${totals.join(', ')}.`,
  };
}
