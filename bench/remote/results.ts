// The figures, kept in results.json, and the document made of all of them.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Cost } from '../lib/cost.ts';
import { median } from '../training/median.ts';
import type { Action } from './clients.ts';

/** What each client took, round by round; no entry where it was not available. */
export type Figures = Readonly<Record<string, readonly Cost[]>>;

export interface Result {
  readonly store: string;
  readonly title: string;
  readonly date: string;
  readonly load: string;
  readonly rounds: number;
  readonly versions: Readonly<Record<string, string>>;
  /** Megabytes that have to be moved. */
  readonly megabytes: number;
  readonly actions: Readonly<Partial<Record<Action, Figures>>>;
}

const recordFile = fileURLToPath(new URL('results.json', import.meta.url));
const document = fileURLToPath(new URL('RESULTS.md', import.meta.url));

function readResults(): Record<string, Result> {
  return existsSync(recordFile) ? (JSON.parse(readFileSync(recordFile, 'utf8')) as Record<string, Result>) : {};
}

/** Takes the place of an earlier result of that store and case. */
export function keepResult(name: string, result: Result): void {
  writeFileSync(recordFile, `${JSON.stringify({ ...readResults(), [name]: result }, null, 1)}\n`);
}

/** What dagrun is held to: so many times as fast as the other. A plain copy has no workspace to put anything into. */
const targets: Readonly<Record<string, number>> = { rclone: 0.9, dvc: 2 };

function ratioTo(name: string, figures: Figures): string {
  const ours = figures['dagrun'] ?? [];
  const theirs = figures[name] ?? [];
  if (name === 'dagrun' || ours.length === 0) return '';
  const ratio = median(theirs.map(({ wall }, round) => wall / ours[round]!.wall));
  const target = targets[name] ?? 1;
  return `${ratio.toFixed(2)} × (target ${target}; ${ratio >= target ? 'met' : '**missed**'})`;
}

function rowsOf(action: Action, figures: Figures, megabytes: number): readonly string[] {
  return Object.entries(figures).map(([name, costs]) => {
    const walls = costs.map(({ wall }) => wall);
    const middle = median(walls);
    const range = `${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)}`;
    const rate = (megabytes / middle).toFixed(1);
    const processor = median(costs.map((one) => one.processor)).toFixed(2);
    return `| ${action} | ${name} | ${middle.toFixed(2)} | ${range} | ${rate} | ${processor} | ${ratioTo(name, figures)} |`;
  });
}

export function describe(result: Result): string {
  const { store, title, date, load, rounds, versions, megabytes } = result;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `## ${store}, ${title}`,
    '',
    `${date}, ${rounds} rounds, load ${load} at the start; ${programs.join(', ')}.`,
    '',
    '| | client | median s | min–max | MB/s | processor s | dagrun is as fast |',
    '| --- | --- | ---: | --- | ---: | ---: | --- |',
    ...Object.entries(result.actions).flatMap(([action, figures]) => rowsOf(action as Action, figures, megabytes)),
    '',
  ].join('\n');
}

/** From all results that are kept. */
export function writeDocument(): void {
  const head = [
    '# Results: remotes',
    '',
    'Written by `node --import tsx bench/remote/run.ts --write`; the method is in [README.md](README.md).',
    `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node.js ${process.version}; client and server share the machine.`,
    '',
  ];
  writeFileSync(document, [...head, ...Object.values(readResults()).map(describe)].join('\n'));
}
