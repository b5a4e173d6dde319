// What stays on the terminal about each event, in short lines with a mark in front. Pure: events in, text out.

import type { RunEvent } from '../core/event.ts';
import type { Reason } from '../core/reason.ts';
import type { Colours } from './colour.ts';
import { cleanLine, cleanLines, displayWidth, padEnd, truncateEnd } from './display.ts';
import { formatSeconds } from './format.ts';
import {
  failureBlock,
  hintLines,
  listReasons,
  peakText,
  planWords,
  skipWords,
  tellingReasons,
  transferLine,
} from './words.ts';
import type { EventOf } from './words.ts';

export interface LineContext {
  readonly colours: Colours;
  readonly verbose: boolean;
  readonly columns: number;
  /** Names are filled up to this many columns. */
  readonly nameWidth: number;
  /** Why the stage of this event was started; empty where it was not. */
  readonly startedFor: readonly Reason[];
}

/** No lines for what is shown live only, and for what the closing line counts. */
export function linesOf(event: RunEvent, context: LineContext): readonly string[] {
  const { colours, verbose } = context;
  switch (event.kind) {
    case 'run-started':
    case 'stage-progress':
    case 'summary':
      return [];
    case 'stage-started':
      return verbose ? [startedLine(event, context)] : [];
    case 'stage-output':
      return verbose ? [`${colours.cyan(`${cleanLine(event.stage)} │`)} ${cleanLine(event.line)}`] : [];
    case 'stage-skipped':
      return verbose
        ? [headLine(colours.dim('–'), event.stage, `skipped (${skipWords[event.reason]})`, [], context)]
        : [];
    case 'stage-restored':
      return [restoredLine(event, context)];
    case 'stage-executed':
      return [executedLine(event, context)];
    case 'stage-failed':
      return failedLines(event, context);
    case 'stage-blocked':
      return verbose ? [headLine(colours.dim('⊘'), event.stage, `blocked by ${cleanLine(event.by)}`, [], context)] : [];
    case 'stage-planned':
      return event.action === 'skip' && !verbose
        ? []
        : [headLine(planMarks(colours)[event.action], event.stage, planWords[event.action], event.reasons, context)];
    case 'warning':
      return warningLines(event, context);
    case 'transfer':
      return [transferLine(event)];
    case 'interrupted':
      return [colours.yellow(`interrupted by ${cleanLine(event.signal)}: stopping`)];
  }
}

function startedLine(event: EventOf<'stage-started'>, context: LineContext): string {
  const again = event.attempt > 1 ? ` (attempt ${event.attempt})` : '';
  const text = `started${again}: ${cleanLine(event.command)}`;
  return headLine(context.colours.cyan('▸'), event.stage, text, event.reasons, context);
}

function restoredLine(event: EventOf<'stage-restored'>, context: LineContext): string {
  const saved = event.saved >= 1 ? ` (saved ${formatSeconds(event.saved)})` : '';
  return headLine(context.colours.blue('↺'), event.stage, `restored${saved}`, tellingReasons(event.reasons), context);
}

function executedLine(event: EventOf<'stage-executed'>, context: LineContext): string {
  const peak = peakText(event.peakMemory);
  const text = `executed ${formatSeconds(event.seconds)}${context.verbose && peak !== '' ? `, ${peak}` : ''}`;
  return headLine(context.colours.green('✓'), event.stage, text, tellingReasons(context.startedFor), context);
}

/** Mark, name, what happened, and (as far as there is room) why. */
function headLine(mark: string, stage: string, text: string, reasons: readonly Reason[], context: LineContext): string {
  const { colours, columns, nameWidth, verbose } = context;
  const name = padEnd(cleanLine(stage), nameWidth);
  const why = listReasons(reasons, { all: verbose });
  if (why === '') return `${mark} ${name}  ${text}`;
  const room = columns - displayWidth(name) - displayWidth(text) - 7;
  const shown = verbose ? why : room < 12 ? '' : truncateEnd(why, room);
  return `${mark} ${name}  ${text}${shown === '' ? '' : `  ${colours.dim(shown)}`}`;
}

function planMarks(colours: Colours): Readonly<Record<EventOf<'stage-planned'>['action'], string>> {
  return {
    execute: colours.green('▸'),
    restore: colours.blue('↺'),
    skip: colours.dim('–'),
    unknown: colours.yellow('?'),
    fail: colours.red('✗'),
  };
}

function failedLines(event: EventOf<'stage-failed'>, { colours }: LineContext): string[] {
  const block = failureBlock(event);
  return [
    `${colours.red('✗')} ${colours.bold(cleanLine(event.stage))}  ${colours.red(block.headline)}`,
    ...block.message.map((line) => `    ${line}`),
    ...block.tail.map((line) => `  ${colours.red('│')} ${line}`),
    ...block.pointers.map((line) => `    ${line}`),
  ];
}

function warningLines(event: EventOf<'warning'>, { colours }: LineContext): string[] {
  const [first = '', ...rest] = cleanLines(event.message);
  const hint = event.hint === undefined ? [] : hintLines(event.hint);
  return [`${colours.yellow('!')} ${first}`, ...[...rest, ...hint].map((line) => `    ${line}`)];
}
