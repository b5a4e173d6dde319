// `dagrun status` for people: what is not fresh, why, and what the next run would do about it.

import { describeReason, describeReasonFully } from '../core/reason.ts';
import type { Reason } from '../core/reason.ts';
import { makeColours } from './colour.ts';
import type { Colours } from './colour.ts';
import { cleanLine } from './display.ts';
import { formatCount } from './format.ts';
import { nameList } from './tally.ts';
import { renderUpToDate } from './up-to-date.ts';

export type StageState = 'fresh' | 'stale' | 'restorable' | 'unknown' | 'frozen';

/** What `status --json` prints as it stands (docs/json-output.md). */
export interface StatusReport {
  readonly stages: readonly StageStatus[];
}

export interface StageStatus {
  readonly name: string;
  readonly state: StageState;
  readonly reasons: readonly Reason[];
}

export interface StatusOptions {
  /** All stages, all reasons, values at full length; nothing is grouped. */
  readonly verbose: boolean;
  readonly colour: boolean;
}

/** What a person is told of a stage: one that lacks an input is stale, but will not be executed. */
type Told = StageState | 'broken';

function toldOf({ state, reasons }: StageStatus): Told {
  return state === 'stale' && reasons.some(({ kind }) => obstacles.has(kind)) ? 'broken' : state;
}

const obstacles: ReadonlySet<Reason['kind']> = new Set([
  'dep-missing',
  'dep-unreadable',
  'param-missing',
  'code-error',
]);

const sections = [
  { state: 'broken', title: 'cannot run', mark: '✗', paint: 'red' },
  { state: 'stale', title: 'would execute', mark: '▸', paint: 'yellow' },
  { state: 'restorable', title: 'would be restored from the cache', mark: '↺', paint: 'blue' },
  { state: 'unknown', title: 'not known until the stages above have run', mark: '?', paint: 'magenta' },
  { state: 'frozen', title: 'frozen, left as they are', mark: '*', paint: 'cyan' },
] as const;

/** Several lines with no line break at the end. */
export function renderStatus(report: StatusReport, options: StatusOptions): string {
  const { stages } = report;
  if (stages.length === 0) return 'no stages';
  const colours = makeColours(options.colour);
  const clean = stages.every(
    ({ state, reasons }) => state === 'fresh' || (state === 'frozen' && reasons.every(({ kind }) => kind === 'frozen')),
  );
  if (clean && !options.verbose) return colours.green(cleanText(stages));
  const blocks = sections.flatMap((section) => {
    const entries = groupAlike(
      stages.filter((stage) => toldOf(stage) === section.state),
      options,
    );
    if (entries.length === 0) return [];
    const mark = colours[section.paint](section.mark);
    return [
      [colours.bold(`${section.title}:`), ...entries.flatMap((entry) => entryLines(entry, mark, colours))].join('\n'),
    ];
  });
  if (options.verbose) blocks.push(...freshBlock(stages, colours));
  return [...blocks, colours.bold(clean ? cleanText(stages) : countsText(stages))].join('\n\n');
}

function cleanText(stages: readonly StageStatus[]): string {
  const frozen = countOf(stages, 'frozen');
  return renderUpToDate({ fresh: stages.length - frozen, frozen });
}

function countsText(stages: readonly StageStatus[]): string {
  const words = [
    ['broken', 'cannot run'],
    ['stale', 'to execute'],
    ['restorable', 'to restore'],
    ['unknown', 'unknown'],
    ['frozen', 'frozen'],
    ['fresh', 'fresh'],
  ] as const;
  const parts = words.flatMap(([state, word]) =>
    countOf(stages, state) > 0 ? [`${countOf(stages, state)} ${word}`] : [],
  );
  return `${formatCount(stages.length, 'stage')}: ${parts.join(', ')}`;
}

function countOf(stages: readonly StageStatus[], told: Told): number {
  return stages.filter((stage) => toldOf(stage) === told).length;
}

function freshBlock(stages: readonly StageStatus[], colours: Colours): string[] {
  const fresh = stages.filter(({ state }) => state === 'fresh');
  if (fresh.length === 0) return [];
  return [
    [colours.bold('fresh:'), ...fresh.map(({ name }) => `  ${colours.green('✓')} ${cleanLine(name)}`)].join('\n'),
  ];
}

// ---- one stage, or several stages of one group that say the same ----

interface Entry {
  readonly names: readonly string[];
  readonly lines: readonly string[];
}

/** So many stages of one group with the same reasons are told as one. */
const alikeLeast = 4;

function groupAlike(stages: readonly StageStatus[], options: StatusOptions): Entry[] {
  const groups = new Map<string, { names: string[]; lines: readonly string[] }>();
  for (const { name, reasons } of stages) {
    const lines = reasonLines(reasons, options);
    const key = JSON.stringify([name.split('@', 1)[0], lines]);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { names: [name], lines });
    else known.names.push(name);
  }
  return [...groups.values()].flatMap(({ names, lines }) =>
    names.length >= alikeLeast && !options.verbose
      ? [{ names, lines }]
      : names.map((name) => ({ names: [name], lines })),
  );
}

function entryLines({ names, lines }: Entry, mark: string, colours: Colours): string[] {
  return [`  ${mark} ${entryTitle(names, colours)}`, ...lines.map((line) => `      ${line}`)];
}

function entryTitle(names: readonly string[], colours: Colours): string {
  const [first = ''] = names;
  if (names.length === 1) return cleanLine(first);
  const group = first.split('@', 1)[0] ?? '';
  const keys = names.map((name) => name.slice(group.length + 1));
  return `${cleanLine(group)}@… ×${names.length}  ${colours.dim(nameList(keys))}`;
}

// ---- reasons ----

const reasonsMost = 8;
const namesMost = 4;

function reasonLines(reasons: readonly Reason[], { verbose }: StatusOptions): string[] {
  const upstream = reasons.filter((reason) => reason.kind === 'upstream').map(({ stage }) => stage);
  const own = reasons.filter((reason) => reason.kind !== 'upstream' && reason.kind !== 'frozen');
  const lines = own.flatMap((reason) => oneReason(reason, verbose));
  if (upstream.length > 0) {
    lines.push(
      `unknown until ${nameList(upstream, verbose ? Infinity : namesMost)} ${upstream.length > 1 ? 'have run' : 'runs'}`,
    );
  }
  if (verbose || lines.length <= reasonsMost + 1) return lines;
  return [...lines.slice(0, reasonsMost), `… and ${lines.length - reasonsMost} more (-v shows all)`];
}

function oneReason(reason: Reason, verbose: boolean): string[] {
  const text = cleanLine(verbose ? describeReasonFully(reason) : describeReason(reason));
  const hint = reason.kind === 'dep-missing' ? reason.hint : undefined;
  return [hint === undefined ? text : `${text} (hint: ${cleanLine(hint)})`];
}
