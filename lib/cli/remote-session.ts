// What the commands about remotes share: the remote that is meant, progress on a terminal, and words for what was done.

import type { CommandFailure } from '../core/failure.ts';
import { monotonic } from '../core/clock.ts';
import type { Result } from '../core/result.ts';
import type { RemoteAccess } from '../remote/open.ts';
import type { OnProgress, TransferReport } from '../remote/progress.ts';
import { formatBytes, formatCount, formatElapsed } from '../report/format.ts';
import type { Project } from '../run/project.ts';
import { chooseRemote } from '../run/remote-settings.ts';
import type { Invocation, OptionSpec } from './command.ts';
import { isSet, numberOf, textOf } from './session.ts';

export const remoteOption = {
  remote: { type: 'string', short: 'r', value: 'NAME', help: 'the remote (default: the one with `default: true`)' },
} as const satisfies Record<string, OptionSpec>;

export const transferOptions = {
  ...remoteOption,
  all: { type: 'boolean', short: 'a', help: 'every run, and not only those that the lock refers to' },
  jobs: { type: 'string', short: 'j', value: 'N', help: 'transfers at a time (default: 8)' },
  json: { type: 'boolean', help: 'JSON: {"remote", "runs", "objects", "bytes", "known", "skipped"}' },
} as const satisfies Record<string, OptionSpec>;

/** The remote that the command line names, with its `--jobs`. */
export async function accessFor(
  project: Project,
  invocation: Invocation,
): Promise<Result<RemoteAccess, CommandFailure>> {
  const jobs = numberOf(invocation, 'jobs', 1);
  if (!jobs.ok) return jobs;
  const access = await chooseRemote(project, textOf(invocation, 'remote') ?? textOf(invocation, 'name'));
  if (!access.ok || jobs.value === undefined) return access;
  return { ok: true, value: { ...access.value, options: { ...access.value.options, jobs: String(jobs.value) } } };
}

/** Milliseconds between two drawings. */
const drawEvery = 200;

/** Draws rate and remaining time on a terminal; `end` clears the line. Elsewhere nothing is drawn. */
export function drawProgress(invocation: Invocation): { readonly onProgress: OnProgress; readonly end: () => void } {
  const { stderr } = invocation.io;
  if (!stderr.isTTY || isSet(invocation, 'json')) return { onProgress: () => undefined, end: () => undefined };
  const startedAt = monotonic();
  let drawnAt = -Infinity;
  const onProgress: OnProgress = ({ doing, runs, runsDone, bytes, bytesDone }) => {
    const now = monotonic();
    if (now - drawnAt < drawEvery) return;
    drawnAt = now;
    const rate = bytesDone / Math.max(0.001, (now - startedAt) / 1000);
    const left = rate > 0 && bytes > bytesDone ? `, ${formatElapsed((bytes - bytesDone) / rate)} left` : '';
    const moved = `${formatBytes(bytesDone)} of ${formatBytes(bytes)}, ${formatBytes(rate)}/s${left}`;
    stderr.write(`\r${doing} ${runsDone} of ${formatCount(runs, 'run')}: ${moved}\u001b[K`);
  };
  return { onProgress, end: () => void stderr.write('\r\u001b[K') };
}

/** One line about what was moved. `verb`: `pushed`, `fetched`. */
export function describeTransfer(verb: string, direction: string, name: string, report: TransferReport): string {
  const { runs, objects, bytes, known } = report;
  const already = known > 0 ? `; ${formatCount(known, 'run')} there already` : '';
  if (runs === 0) return `nothing ${verb} ${direction} ${name}${already}`;
  return `${verb} ${formatCount(runs, 'run')}, ${formatCount(objects, 'object')} (${formatBytes(bytes)}) ${direction} ${name}${already}`;
}

/** Writes the report of a transfer; what was left out goes to stderr. */
export function writeTransfer(
  invocation: Invocation,
  words: { readonly verb: string; readonly direction: string },
  name: string,
  report: TransferReport,
): void {
  const { stdout, stderr } = invocation.io;
  const { runs, objects, bytes, known, skipped } = report;
  if (isSet(invocation, 'json'))
    stdout.write(`${JSON.stringify({ remote: name, runs, objects, bytes, known, skipped })}\n`);
  else stdout.write(`${describeTransfer(words.verb, words.direction, name, report)}\n`);
  for (const line of skipped) stderr.write(`warning: left out: ${line}\n`);
}
