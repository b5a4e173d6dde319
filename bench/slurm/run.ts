// What dagrun adds to Slurm: the same jobs by dagrun and by Slurm's own means, in turns, on a cluster of two virtual nodes of this machine.
//   node --import tsx bench/slurm/run.ts [--rounds N] [--stages N] [--chain N] [--write]
// A chain of stages shows the overhead of one; many independent ones show what is lost against a plain job array.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Cluster, missingProgram } from '../../test/slurm/cluster.ts';
import { cost } from '../lib/cost.ts';
import type { Cost } from '../lib/cost.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    stages: { type: 'string', default: '300' },
    chain: { type: 'string', default: '15' },
    write: { type: 'boolean', default: false },
  },
});
const [rounds, many, chain] = [Number(values.rounds), Number(values.stages), Number(values.chain)];
const cli = fileURLToPath(new URL('../../dist/cli.cjs', import.meta.url));
const results = fileURLToPath(new URL('RESULTS.md', import.meta.url));
const command = (name: string): string => `echo ${name} > ${name}`;

async function run(program: string, args: readonly string[], folder: string, cluster: Cluster): Promise<void> {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, ...cluster.env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

async function appears(folder: string, count: number): Promise<void> {
  const seen = (): number => readdirSync(folder).filter((name) => name.startsWith('done-')).length;
  while (seen() < count) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** By dagrun: a new workspace, so that everything is executed. */
async function byDagrun(cluster: Cluster, names: readonly string[], isChain: boolean): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-slurm-'));
  const stages = names.map((name, i) => [
    name,
    { cmd: command(name), outs: [name], ...(isChain && i > 0 ? { deps: [names[i - 1]] } : {}) },
  ]);
  writeFileSync(join(folder, 'pipeline.yaml'), JSON.stringify({ stages: Object.fromEntries(stages) as object }));
  const args = [cli, 'repro', '--quiet', '--executor', 'slurm', '--slurm-jobs', String(names.length)];
  const spent = await cost(() => run(process.execPath, args, folder, cluster));
  rmSync(folder, { recursive: true });
  return spent;
}

/** One sbatch after the other: each waits for the file that its job renames into place. */
async function bySbatch(cluster: Cluster, names: readonly string[]): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-slurm-'));
  const spent = await cost(async () => {
    for (const [i, name] of names.entries()) {
      const script = `${command(name)}; echo 0 > end-${name}; mv end-${name} done-${name}`;
      await run('sbatch', ['--output=/dev/null', '--wrap', script], folder, cluster);
      await appears(folder, i + 1);
    }
  });
  rmSync(folder, { recursive: true });
  return spent;
}

async function byArray(cluster: Cluster, names: readonly string[]): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-slurm-'));
  const task = 's$SLURM_ARRAY_TASK_ID';
  const script = `${command(task)}; echo 0 > end-${task}; mv end-${task} done-${task}`;
  const spent = await cost(async () => {
    await run('sbatch', ['--output=/dev/null', `--array=0-${names.length - 1}`, '--wrap', script], folder, cluster);
    await appears(folder, names.length);
  });
  rmSync(folder, { recursive: true });
  return spent;
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

const head = '| | median s | min–max | ms a job | client processor ms a job |\n| --- | --- | --- | --- | --- |';

async function measure(cluster: Cluster): Promise<string> {
  const links = Array.from({ length: chain }, (_, i) => `s${i}`);
  const names = Array.from({ length: many }, (_, i) => `s${i}`);
  const spent: Record<'chain' | 'sbatch' | 'many' | 'array', Cost[]> = { chain: [], sbatch: [], many: [], array: [] };
  for (let round = 0; round < rounds; round++) {
    await cluster.ready();
    spent.sbatch.push(await bySbatch(cluster, links));
    spent.chain.push(await byDagrun(cluster, links, true));
    spent.array.push(await byArray(cluster, names));
    spent.many.push(await byDagrun(cluster, names, false));
    console.log(
      `round ${round + 1}: ${JSON.stringify(Object.values(spent).map((costs) => costs.at(-1)!.wall.toFixed(2)))}`,
    );
  }
  const pairs = (a: readonly Cost[], b: readonly Cost[]): [number, number][] =>
    a.map((one, i) => [one.wall, b[i]!.wall]);
  const overhead = median(pairs(spent.chain, spent.sbatch).map(([ours, plain]) => ((ours - plain) / chain) * 1000));
  const ratio = median(pairs(spent.many, spent.array).map(([ours, plain]) => ours / plain));
  const version = cluster.ask('sbatch', '--version');
  return [
    '# Results: Slurm',
    'Written by `node --import tsx bench/slurm/run.ts --write`. Both ways in turns in each round; differences and ratios are those of a round, and their median.',
    `${new Date().toISOString().slice(0, 10)}, ${rounds} rounds, load ${loadavg()[0]!.toFixed(1)} at the end; ${cpus().length} × ${cpus()[0]!.model}, two virtual nodes of 8 processors each on it, ${version}, Node ${process.version}`,
    '',
    `## A chain of ${chain} stages`,
    head,
    row('sbatch, one after the other', spent.sbatch, chain),
    row('dagrun repro', spent.chain, chain),
    '',
    `Overhead of a stage beyond Slurm's own latency: ${overhead.toFixed(0)} ms (target: at most 200; ${overhead <= 200 ? 'met' : 'missed'}).`,
    '',
    `## ${many} independent stages`,
    head,
    row('sbatch --array', spent.array, many),
    row('dagrun repro', spent.many, many),
    '',
    `Against the job array: ${ratio.toFixed(2)} × (target: at most 1.20; ${ratio <= 1.2 ? 'met' : 'missed'}).`,
    '',
  ].join('\n');
}

const missing = missingProgram();
if (missing !== undefined) {
  console.error(`not run: ${missing} is missing (Debian: slurmctld slurmd slurm-client munge)`);
  process.exit(2);
}
mkdirSync(tmpdir(), { recursive: true });
const cluster = new Cluster();
try {
  await cluster.start();
  const text = await measure(cluster);
  console.log(text);
  if (values.write) writeFileSync(results, text);
} finally {
  await cluster.stop();
}
