// What dagrun adds to Slurm: the same jobs by dagrun and by Slurm's own means, in turns, on a cluster of two virtual nodes of this machine.
//   node --import tsx bench/slurm/run.ts [--only chain|many|singly] [--rounds N] [--stages N] [--chain N] [--no-epilog]
// A chain of stages shows the overhead of one; many independent ones show what is lost against a plain job array, and the same jobs submitted
// one by one by plain sbatch what submissions have to do with that.
// The cluster has an epilog. Without one it is chance when Slurm sees that processors are free: at once, where a job's last process is still
// there when the controller asks the node to end it, and else up to a second later.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Cluster, missingProgram } from '../../test/slurm/cluster.ts';
import { busyTime, cost as costOf } from '../lib/cost.ts';
import type { Cost } from '../lib/cost.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    stages: { type: 'string', default: '300' },
    chain: { type: 'string', default: '15' },
    'no-epilog': { type: 'boolean', default: false },
  },
});
const [rounds, many, chain] = [Number(values.rounds), Number(values.stages), Number(values.chain)];
const cli = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));
/** Removed at the end: some file systems are slower at making files for minutes after many were removed. */
const folders: string[] = [];
const command = (name: string): string => `echo ${name} > ${name}`;

/** Processors of the whole machine count, since a job's own processes are children of Slurm's daemons. */
const cost = (action: () => Promise<void>): Promise<Cost> => costOf(action, busyTime);

async function run(program: string, args: readonly string[], folder: string, cluster: Cluster): Promise<void> {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, ...cluster.env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bench-slurm-'));
  folders.push(folder);
  return folder;
}

async function appears(folder: string, count: number): Promise<void> {
  const seen = (): number => readdirSync(folder).filter((name) => name.startsWith('done-')).length;
  while (seen() < count) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** By dagrun: a new workspace, so that everything is executed. */
async function byDagrun(cluster: Cluster, names: readonly string[], isChain: boolean): Promise<Cost> {
  const folder = newFolder();
  const stages = names.map((name, i) => [
    name,
    { cmd: command(name), outs: [name], ...(isChain && i > 0 ? { deps: [names[i - 1]] } : {}) },
  ]);
  writeFileSync(join(folder, 'pipeline.yaml'), JSON.stringify({ stages: Object.fromEntries(stages) as object }));
  const args = [cli, 'repro', '--quiet', '--executor', 'slurm', '--slurm-jobs', String(names.length)];
  return cost(() => run(process.execPath, args, folder, cluster));
}

/** One sbatch after the other: each waits for the file that its job renames into place. */
async function bySbatch(cluster: Cluster, names: readonly string[]): Promise<Cost> {
  const folder = newFolder();
  return cost(async () => {
    for (const [i, name] of names.entries()) {
      const script = `${command(name)}; echo 0 > end-${name}; mv end-${name} done-${name}`;
      await run('sbatch', ['--output=/dev/null', '--wrap', script], folder, cluster);
      await appears(folder, i + 1);
    }
  });
}

async function byArray(cluster: Cluster, names: readonly string[]): Promise<Cost> {
  const folder = newFolder();
  const task = 's$SLURM_ARRAY_TASK_ID';
  const script = `${command(task)}; echo 0 > end-${task}; mv end-${task} done-${task}`;
  return cost(async () => {
    await run('sbatch', ['--output=/dev/null', `--array=0-${names.length - 1}`, '--wrap', script], folder, cluster);
    await appears(folder, names.length);
  });
}

/** One sbatch a job, four at a time. */
async function bySubmissions(cluster: Cluster, names: readonly string[]): Promise<Cost> {
  const folder = newFolder();
  const left = [...names];
  const submitAll = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const script = `${command(name)}; echo 0 > end-${name}; mv end-${name} done-${name}`;
      await run('sbatch', ['--output=/dev/null', '--wrap', script], folder, cluster);
    }
  };
  return cost(async () => {
    await Promise.all([submitAll(), submitAll(), submitAll(), submitAll()]);
    await appears(folder, names.length);
  });
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]!;
}

function row(name: string, costs: readonly Cost[], jobs: number): string {
  const walls = costs.map(({ wall }) => wall);
  const range = `${Math.min(...walls).toFixed(2)}–${Math.max(...walls).toFixed(2)}`;
  const each = ((median(walls) / jobs) * 1000).toFixed(0);
  const processor = ((median(costs.map((one) => one.processor)) / jobs) * 1000).toFixed(1);
  return `| ${name} | ${median(walls).toFixed(2)} | ${range} | ${each} | ${processor} |`;
}

interface Way {
  readonly name: string;
  readonly go: (cluster: Cluster, names: readonly string[]) => Promise<Cost>;
}

const plainChain: Way = { name: 'sbatch, one after the other', go: bySbatch };
const plainArray: Way = { name: 'sbatch --array', go: byArray };
const plainJobs: Way = { name: 'sbatch a job, four at a time', go: bySubmissions };
const chained: Way = { name: 'dagrun repro', go: (cluster, names) => byDagrun(cluster, names, true) };
const independent: Way = { name: 'dagrun repro', go: (cluster, names) => byDagrun(cluster, names, false) };

/** Both ways in turns, and `compare` for the median of their rounds. */
async function pair(
  cluster: Cluster,
  title: string,
  jobs: number,
  [plain, other]: readonly [Way, Way],
  compare: (pairs: readonly (readonly [plain: number, other: number])[]) => string,
): Promise<string> {
  const names = Array.from({ length: jobs }, (_, i) => `s${i}`);
  const spent: [Cost[], Cost[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    await cluster.ready();
    spent[0].push(await plain.go(cluster, names));
    spent[1].push(await other.go(cluster, names));
    console.log(`${title}, round ${round + 1}: ${spent.map((costs) => costs.at(-1)!.wall.toFixed(2)).join(' and ')}`);
  }
  return [
    `## ${title}`,
    '',
    '| | median s | min–max | ms a job | processor ms a job |',
    '| --- | --- | --- | --- | --- |',
    row(plain.name, spent[0], jobs),
    row(other.name, spent[1], jobs),
    '',
    compare(spent[0].map(({ wall }, round) => [wall, spent[1][round]!.wall] as const)),
    '',
  ].join('\n');
}

function compareChain(pairs: readonly (readonly [number, number])[]): string {
  const overheads = pairs.map(([plain, ours]) => ((ours - plain) / chain) * 1000);
  const overhead = median(overheads);
  const each = overheads.map((ms) => ms.toFixed(0)).join(', ');
  return `Overhead of a stage beyond Slurm's own latency: ${overhead.toFixed(0)} ms (rounds: ${each}; target: at most 200; ${overhead <= 200 ? 'met' : 'missed'}).`;
}

function compareArray(pairs: readonly (readonly [number, number])[]): string {
  const ratios = pairs.map(([plain, ours]) => ours / plain);
  const ratio = median(ratios);
  const each = ratios.map((one) => one.toFixed(2)).join(', ');
  return `Against the job array: ${ratio.toFixed(2)} × (rounds: ${each}; target: at most 1.20; ${ratio <= 1.2 ? 'met' : 'missed'}).`;
}

const parts: Readonly<Record<string, (cluster: Cluster) => Promise<string>>> = {
  chain: (cluster) => pair(cluster, `A chain of ${chain} stages`, chain, [plainChain, chained], compareChain),
  many: (cluster) => pair(cluster, `${many} independent stages`, many, [plainArray, independent], compareArray),
  singly: (cluster) => pair(cluster, `${many} submissions`, many, [plainArray, plainJobs], compareArray),
};

const missing = missingProgram();
if (missing !== undefined) {
  console.error(`not run: ${missing} is missing (Debian: slurmctld slurmd slurm-client munge)`);
  process.exit(2);
}
const chosen = values.only === undefined ? Object.values(parts) : [parts[values.only]];
const cluster = new Cluster({ settings: values['no-epilog'] ? [] : ['Epilog=/bin/true'] });
try {
  await cluster.start();
  const version = cluster.ask('sbatch', '--version');
  const texts: string[] = [];
  for (const part of chosen) {
    if (part === undefined) throw new Error(`--only takes ${Object.keys(parts).join(', ')}`);
    texts.push(await part(cluster));
  }
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${rounds} rounds, load ${loadavg()[0]!.toFixed(1)} at the end; ${cpus().length} × ${cpus()[0]!.model}, two virtual nodes of 8 processors each on it, ${version}, Node ${process.version}\n\n${texts.join('\n')}`,
  );
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true });
  await cluster.stop();
}
