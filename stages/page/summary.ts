// The report in Markdown, for the page of a CI job: verdict, the best models, warnings. No images, because such pages show none.

import type { Ranking } from '../selection/ranking.ts';
import { metricStyles } from './figures.ts';
import { describeCounts } from './page.ts';
import type { ModelRecord } from './records.ts';
import { describeOrigin } from './table.ts';
import { buildVerdict } from './verdict.ts';
import { weightedMetrics } from './weights.ts';

const rowsShown = 10;

export function renderSummary(ranking: Ranking, records: readonly ModelRecord[]): string {
  const verdict = buildVerdict(ranking, records);
  const heading =
    verdict.winner === null ? 'No model can be chosen' : `Best model: ${escapeMarkdown(verdict.winner.label)}`;
  const leftOut = records.filter(({ candidate }) => candidate.rank === null);
  const blocks = [
    `## ${heading}`,
    escapeMarkdown(ranking.verdict[0] ?? ''),
    ranking.verdict
      .slice(1)
      .map((sentence) => `- ${escapeMarkdown(sentence)}`)
      .join('\n'),
    tableOf(ranking, records),
    describeTable(ranking, records),
    listOf('Left out', leftOut.filter(({ candidate }) => candidate.halted === undefined).map(describeExcluded)),
    listOf('Stopped early', leftOut.filter(({ candidate }) => candidate.halted !== undefined).map(describeExcluded)),
    listOf('Warnings', ranking.warnings),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function describeExcluded({ label, candidate }: ModelRecord): string {
  return `${label}: ${candidate.excluded.join('; ')}`;
}

/** What the table has, and what it does not. */
function describeTable({ data, otherData }: Ranking, records: readonly ModelRecord[]): string {
  const other =
    otherData === 0 ? '' : ` Not compared: ${otherData} ${otherData === 1 ? 'model' : 'models'} of other data.`;
  return `${describeCounts(records)}. Data: ${escapeMarkdown(data.name)}.${other} Figures are of the validation split; “Test acc.” is of the test split, and never used to choose.`;
}

function tableOf({ settings }: Ranking, records: readonly ModelRecord[]): string {
  const ranked = records.filter(({ candidate }) => candidate.rank !== null);
  if (ranked.length === 0) return '';
  const metrics = weightedMetrics(settings);
  const head = [
    '#',
    'Model',
    'Score',
    ...metrics.map(({ metric, weight }) => `${metricStyles[metric].label} × ${weight}`),
  ];
  const columns = [...head, 'Test acc.', 'From'];
  const rows = ranked
    .slice(0, rowsShown)
    .map(({ candidate, label }) => [
      String(candidate.rank),
      escapeMarkdown(label),
      (candidate.score ?? 0).toFixed(3),
      ...metrics.map(({ metric }) => metricStyles[metric].format(candidate.figures[metric])),
      metricStyles.val_acc.format(candidate.testFigures.val_acc),
      describeOrigin(candidate),
    ]);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const alignment = columns.map((_, index) => (index === 1 || index === columns.length - 1 ? '---' : '--:'));
  const more = ranked.length > rowsShown ? `\n\n${ranked.length - rowsShown} more in the HTML report.` : '';
  return `${[columns, alignment, ...rows].map(line).join('\n')}${more}`;
}

function listOf(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `### ${title}\n\n${items.map((item) => `- ${escapeMarkdown(item)}`).join('\n')}`;
}

/** Text as text: no markup, no HTML, no mention, no line of its own. */
export function escapeMarkdown(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_{}[\]#|~!]/g, '\\$&')
    .replaceAll('@', '@\u200b');
}
