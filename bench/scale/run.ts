// What grows with the number of stages and of objects, measured on the program's own parts. Not a benchmark against anybody: docs/scale.md
// is written from it.
//   node --import tsx --expose-gc bench/scale/run.ts [--stages 1000,10000,100000] [--objects 20000] [--jobs 1000]

import { mkdirSync, mkdtempSync, lstatSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { digestText, loadDigest } from '../../lib/core/digest.ts';
import { buildGraph } from '../../lib/graph/graph.ts';
import { parsePipeline } from '../../lib/pipeline/parse.ts';
import type { Pipeline } from '../../lib/pipeline/pipeline.ts';
import { Admission } from '../../lib/plan/admission.ts';
import { fingerprintOf, fingerprintParts } from '../../lib/plan/fingerprint.ts';
import { jobsInFlight } from '../../lib/plan/placement.ts';
import { Schedule } from '../../lib/plan/schedule.ts';
import { selectPlan } from '../../lib/plan/select.ts';

const { values } = parseArgs({
  options: {
    stages: { type: 'string', default: '1000,10000,100000' },
    objects: { type: 'string', default: '20000' },
    jobs: { type: 'string', default: '1000' },
  },
});
const sizes = values.stages.split(',').map(Number);
const objects = Number(values.objects);
const capacity = Number(values.jobs);

const MiB = 2 ** 20;
const rows: [what: string, ...figures: string[]][] = [];

function note(what: string, ...figures: string[]): void {
  rows.push([what, ...figures]);
}

function seconds<T>(action: () => T): [T, number] {
  const { user, system } = process.cpuUsage();
  const value = action();
  const now = process.cpuUsage();
  return [value, (now.user + now.system - user - system) / 1e6];
}

/** Two layers: each second stage reads what one of the first makes, and a last one everything. */
function makePipeline(stages: number): [Pipeline, number] {
  const half = Math.floor((stages - 1) / 2);
  const items = Array.from({ length: half }, (_, i) => i);
  const text = JSON.stringify({
    stages: {
      make: { foreach: items, do: { cmd: 'make ${item}', outs: ['made/${item}'] } },
      use: { foreach: items, do: { cmd: 'use ${item}', deps: ['made/${item}'], outs: ['used/${item}'] } },
      all: { cmd: 'all', deps: ['used'], outs: ['all'] },
    },
  });
  const [parsed, spent] = seconds(() =>
    parsePipeline({ file: 'pipeline.yaml', lockFile: 'pipeline.lock', text, readSource: () => undefined }),
  );
  if (!parsed.ok) throw new Error(parsed.error.map(({ message }) => message).join('\n'));
  return [parsed.value, spent];
}

/** Every stage takes one unit of time, and as many run as there is room for: what the loop itself costs. */
function simulate(pipeline: Pipeline): { readonly units: number; readonly looks: number } {
  const graph = buildGraph(pipeline);
  if (!graph.ok) throw new Error('not a graph');
  const plan = selectPlan(graph.value, { targets: [], reach: 'upstream' });
  if (!plan.ok) throw new Error('no plan');
  const schedule = new Schedule(graph.value, plan.value, { policy: 'stop', ordered: false });
  const admission = new Admission({ [jobsInFlight]: capacity });
  let running: number[] = [];
  let [units, looks] = [0, 0];
  const admit = (): void => {
    looks++;
    running.push(...admission.admit());
  };
  for (;;) {
    for (let index = schedule.take(); index !== undefined; index = schedule.take()) {
      admission.enqueue(index, { [jobsInFlight]: 1 }, jobsInFlight);
      // As the loop does: every stage that is considered may start at once.
      admit();
    }
    if (running.length === 0) break;
    units++;
    const ending = running;
    running = [];
    for (const index of ending) {
      admission.release(index);
      schedule.settle(index, 'done');
      admit();
    }
  }
  return { units, looks };
}

/** Bytes of one entry of the lock, and of one entry of the run cache. */
function recordSizes(pipeline: Pipeline): { readonly lock: number; readonly entry: number } {
  const stage = pipeline.stages.find((one) => one.deps.length > 0)!;
  const deps = stage.deps.map(({ path }) => ({ path, digest: digestText(path) }));
  const digests = new Map(deps.map(({ path, digest }) => [path, digest]));
  const parts = fingerprintParts(stage, {
    deps: stage.deps.map((dep) => digests.get(dep.path)!),
    params: stage.params.map(() => null),
    code: [],
    env: {},
    host: {},
    runs: {},
  } as unknown as Parameters<typeof fingerprintParts>[1]);
  const outs = stage.outs.map(({ path }) => ({ path, kind: 'file', digest: digestText(path), size: 1 }));
  const lock = JSON.stringify({ [stage.name]: { fingerprint: fingerprintOf(parts), parts, outs } }, null, 2).length;
  return { lock, entry: lock + 400 };
}

function measureStages(): void {
  for (const stages of sizes) {
    const before = process.memoryUsage.rss();
    const [pipeline, parse] = makePipeline(stages);
    const compiled = JSON.stringify(pipeline);
    const [, load] = seconds(() => JSON.parse(compiled) as unknown);
    const [{ units, looks }, loop] = seconds(() => simulate(pipeline));
    const { lock } = recordSizes(pipeline);
    const memory = (process.memoryUsage.rss() - before) / MiB;
    note(
      pipeline.stages.length.toLocaleString('en'),
      parse.toFixed(2),
      load.toFixed(2),
      loop.toFixed(2),
      ((loop / looks) * 1e6).toFixed(0),
      String(units),
      ((lock * stages) / MiB).toFixed(1),
      memory.toFixed(0),
    );
  }
}

/** A cache of small objects on the disk of the temporary folder. */
function measureObjects(): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'bench-scale-'));
  try {
    const free = (): number => statfsSync(folder).bavail * statfsSync(folder).bsize;
    const before = free();
    const names = Array.from({ length: objects }, (_, i) => digestText(String(i)) as string);
    for (let i = 0; i < 256; i++) mkdirSync(join(folder, i.toString(16).padStart(2, '0')));
    const [, write] = seconds(() => {
      for (const name of names) writeFileSync(join(folder, name.slice(0, 2), name.slice(2)), 'x'.repeat(3000));
    });
    const bytes = (before - free()) / objects;
    const [, list] = seconds(() => readdirSync(folder).flatMap((shard) => readdirSync(join(folder, shard))));
    const [, stat] = seconds(() => names.map((name) => lstatSync(join(folder, name.slice(0, 2), name.slice(2))).size));
    globalThis.gc?.();
    const heap = process.memoryUsage().heapUsed;
    const known = new Set(names.map((name) => Buffer.from(name).toString('latin1')));
    const memory = (process.memoryUsage().heapUsed - heap) / known.size;
    const per = (spent: number): string => ((spent / objects) * 1e6).toFixed(1);
    const all = (spent: number): string => (((spent / objects) * 1e9) / 3600).toFixed(1);
    return [
      '| an object of 3 KB | measured | 10^9 of them |',
      '| --- | --- | --- |',
      `| room on the disk | ${bytes.toFixed(0)} bytes | ${((bytes * 1e9) / 1e12).toFixed(1)} TB |`,
      `| files in one of 256 folders | ${(objects / 256).toFixed(0)} | ${(1e9 / 256).toLocaleString('en')} |`,
      `| writing (no fsync) | ${per(write)} µs | ${all(write)} h |`,
      `| listing | ${per(list)} µs | ${all(list)} h |`,
      `| lstat, as gc and verify do | ${per(stat)} µs | ${all(stat)} h |`,
      `| a digest in a set, as gc keeps | ${memory.toFixed(0)} bytes | ${((memory * 1e9) / 2 ** 30).toFixed(0)} GiB |`,
      `| a row of a folder's manifest | ~80 bytes | ${((80 * 1e9) / 2 ** 30).toFixed(0)} GiB |`,
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await loadDigest();
measureStages();
console.log(`Processor seconds; ${capacity} jobs at a time.\n`);
console.log(
  '| stages | parse YAML | read compiled | schedule and admit | µs an event | rounds | lock MiB | memory MiB |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const cells of rows) console.log(`| ${cells.join(' | ')} |`);
console.log(`\n${measureObjects().join('\n')}`);
