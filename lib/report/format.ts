// Durations, sizes, counts and the closing line of a run, in words. Knows nothing of terminals or colours.

import type { RunSummary } from '../core/event.ts';

/** `0.04s`, `3.2s`, `3m 02s`, `1h 04m`, `2d 3h`. Negative or unusable values count as 0. */
export function formatSeconds(seconds: number): string {
  const value = seconds > 0 ? seconds : 0;
  if (value < 0.995) return `${value.toFixed(2)}s`;
  if (value < 59.95) return `${value.toFixed(1)}s`;
  return formatLong(Math.round(value));
}

/** For a clock that ticks once a second: `7s`, `1m 02s`, `1h 04m`. */
export function formatElapsed(seconds: number): string {
  const whole = seconds > 0 ? Math.floor(seconds) : 0;
  return whole < 60 ? `${whole}s` : formatLong(whole);
}

/** For a limit that somebody wrote down: `30m`, `1h 30m`, `2.5s`; parts that are zero are left out. */
export function formatLimit(seconds: number): string {
  const value = seconds > 0 ? seconds : 0;
  if (value < 60) return `${Number(value.toFixed(2))}s`;
  return formatLong(Math.round(value))
    .replace(/ 0?0[smh]$/, '')
    .replace(/ 0(\d)/, ' $1');
}

function formatLong(whole: number): string {
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${twoDigits(whole % 60)}s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`;
  const hours = Math.round(whole / 3600);
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

const byteUnits = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `512 B`, `1.2 GiB`, `345 MiB`: powers of 1024, three digits at most before the unit grows. */
export function formatBytes(bytes: number): string {
  if (!(bytes >= 1024)) return `${Math.max(0, Math.round(bytes) || 0)} B`;
  let value = bytes;
  let unit: string = 'B';
  for (const next of byteUnits) {
    if (value < 999.5) break;
    value /= 1024;
    unit = next;
  }
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}

/** `1 stage`, `1,200 stages`. */
export function formatCount(count: number, noun: string, plural = `${noun}s`): string {
  return `${String(count).replace(/\B(?=(\d{3})+$)/g, ',')} ${count === 1 ? noun : plural}`;
}

const ages = [
  [60, 'minute'],
  [3600, 'hour'],
  [86_400, 'day'],
  [604_800, 'week'],
] as const;

/** How long ago something was: `just now`, `3 minutes ago`, `5 days ago`. */
export function formatAgo(seconds: number): string {
  let found: string | undefined;
  for (const [length, noun] of ages) {
    if (seconds >= length) found = `${formatCount(Math.floor(seconds / length), noun)} ago`;
  }
  return found ?? 'just now';
}

/** What the counts of a summary do not tell. */
export interface SummaryDetails {
  /** Of the skipped stages: those that are frozen. */
  readonly frozen: number;
  /** Of the skipped stages: those whose data is absent (`--allow-missing`). */
  readonly dataMissing: number;
  /** Dry runs only: stages whose fate depends on others. */
  readonly unknown: number;
  /** The run was stopped before its end. */
  readonly interrupted: boolean;
}

const noDetails: SummaryDetails = { frozen: 0, dataMissing: 0, unknown: 0, interrupted: false };

/** The closing line: `4 skipped, 2 restored (saved 12m 40s), 1 executed in 3m 02s`. */
export function summaryLine(summary: RunSummary, details: SummaryDetails = noDetails): string {
  if (summary.dry) return dryLine(summary, details);
  const { executed, restored, skipped, failed, blocked } = summary;
  if (executed + restored + failed + blocked === 0 && !details.interrupted) return idleLine(summary, details);
  const parts = [
    failed > 0 ? `${failed} failed` : '',
    blocked > 0 ? `${blocked} blocked` : '',
    skipped > 0 ? `${skipped} skipped` : '',
    restored > 0 ? `${restored} restored${savings(summary)}` : '',
    executed > 0 ? `${executed} executed` : '',
  ].filter(Boolean);
  const time = formatSeconds(summary.seconds);
  if (!details.interrupted) return `${parts.join(', ')} in ${time}`;
  return `interrupted after ${time}: ${parts.length > 0 ? parts.join(', ') : 'nothing done'}`;
}

function idleLine(summary: RunSummary, { frozen, dataMissing }: SummaryDetails): string {
  const time = `(${formatSeconds(summary.seconds)})`;
  if (summary.skipped === 0) return `nothing to do: no stages ${time}`;
  const unchanged = summary.skipped - frozen - dataMissing;
  const parts = [
    unchanged > 0 || frozen + dataMissing === 0 ? `${formatCount(unchanged, 'stage')} unchanged` : '',
    frozen > 0 ? `${frozen} frozen` : '',
    dataMissing > 0 ? `${dataMissing} without their data` : '',
  ];
  return `nothing to do: ${parts.filter(Boolean).join(', ')} ${time}`;
}

function dryLine(summary: RunSummary, { unknown }: SummaryDetails): string {
  const { executed, restored, skipped, failed, blocked } = summary;
  if (executed + restored + failed + blocked + unknown === 0) {
    return `would do nothing: ${formatCount(skipped, 'stage')} unchanged`;
  }
  const verbs = [
    executed > 0 ? `execute ${executed}` : '',
    restored > 0 ? `restore ${restored}${savings(summary)}` : '',
    skipped > 0 ? `skip ${skipped}` : '',
    failed > 0 ? `fail ${failed}` : '',
    blocked > 0 ? `leave ${blocked} blocked` : '',
  ].filter(Boolean);
  const known = verbs.length > 0 ? `would ${verbs.join(', ')}` : '';
  return [known, unknown > 0 ? `${unknown} unknown until then` : ''].filter(Boolean).join('; ');
}

/** Shorter savings than a second are not worth the words. */
function savings(summary: RunSummary): string {
  return summary.saved >= 1 ? ` (saved ${formatSeconds(summary.saved)})` : '';
}
