// Push, fetch and pull beside rclone and DVC, on the same stores: see README.md.
//   node --import tsx bench/remote/run.ts [--only large,small,change] [--stores s3,folder,webdav] [--peers rclone,dvc] [--runs N] [--size X]

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cost } from '../lib/cost.ts';
import type { Cost } from '../lib/cost.ts';
import { bytesOf, changedFiles, makeCases, writeCase } from './cases.ts';
import type { Case, Version } from './cases.ts';
import { makeClient } from './clients.ts';
import type { Action, Client, Command } from './clients.ts';
import { findPrograms, work } from './programs.ts';
import { describe, keepResult, writeDocument } from './results.ts';
import { openStore } from './stores.ts';
import type { Store, StoreName } from './stores.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'large,small,change' },
    stores: { type: 'string', default: 's3,folder' },
    peers: { type: 'string', default: 'rclone,dvc' },
    runs: { type: 'string', default: '3' },
    size: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    'no-install': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.runs);
const programs = findPrograms({ install: !values['no-install'] });
type Times = Record<string, Cost[]>;

async function timed({ argv: [program = '', ...args], cwd, env }: Command): Promise<Cost> {
  return cost(async () => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let says = '';
    child.stderr.on('data', (part: Buffer) => (says += part.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${says.slice(-2000)}`);
  });
}

/** Figures of clients that give wrong files are worth nothing. */
function check(client: Client, source: string): void {
  const found = spawnSync('diff', ['-rq', source, client.out], { encoding: 'utf8' });
  if (found.status !== 0) throw new Error(`${client.name} brought other files: ${found.stdout.slice(0, 500)}`);
}

/** One client, from an empty prefix (or one with the base) to a workspace that has everything. */
async function round(client: Client, of: Case, prefix: string, source: string): Promise<Partial<Record<Action, Cost>>> {
  const found: Partial<Record<Action, Cost>> = {};
  if (of.isChange) {
    client.select('base', prefix);
    await timed(client.command('push')!);
  }
  client.select('changed', prefix);
  for (const action of ['push', 'fetch', 'pull'] as const) {
    const command = client.command(action);
    if (command === undefined) continue;
    if (action !== 'push') client.forget(of.isChange ? 'base' : 'nothing');
    found[action] = await timed(command);
  }
  check(client, source);
  return found;
}

function prepareSources(of: Case): Readonly<Record<Version, string>> {
  const folder = join(work, 'cases', of.name);
  rmSync(folder, { recursive: true, force: true });
  const changed = join(folder, 'changed');
  writeCase(of, 'changed', changed);
  if (!of.isChange) return { base: changed, changed };
  writeCase(of, 'base', join(folder, 'base'));
  return { base: join(folder, 'base'), changed };
}

function prepareClients(of: Case, store: Store, sources: Readonly<Record<Version, string>>): readonly Client[] {
  const clients: Client[] = [];
  for (const name of ['dagrun', ...values.peers.split(',')] as readonly ('dagrun' | 'dvc' | 'rclone')[]) {
    const program = programs[name];
    if (program === undefined) {
      console.log(`${name}: not available`);
      continue;
    }
    const folder = join(work, 'cases', of.name, name);
    const client = makeClient(name, { folder, program, store, changed: changedFiles(of) });
    client.prepare(sources);
    clients.push(client);
  }
  return clients;
}

async function measure(of: Case, store: Store): Promise<void> {
  const load = loadavg()[0]!.toFixed(1);
  const sources = prepareSources(of);
  let clients = prepareClients(of, store, sources);
  const actions: Partial<Record<Action, Times>> = {};
  for (let index = 0; index < rounds; index++) {
    for (const client of clients) {
      const prefix = `${client.name}-${index}`;
      const costs = await round(client, of, prefix, sources.changed).catch((error: unknown) => {
        console.log(`${client.name} failed: ${String(error)}`);
        clients = clients.filter((other) => other !== client);
        return {};
      });
      for (const [action, spent] of Object.entries(costs))
        ((actions[action as Action] ??= {})[client.name] ??= []).push(spent);
      store.clear(prefix);
    }
  }
  const versions = clients.map(({ name }) => [name, programs[name as 'dagrun']!.version]);
  const result = {
    store: store.title,
    title: of.title,
    date: new Date().toISOString().slice(0, 10),
    load,
    rounds,
    versions: Object.fromEntries(versions) as Record<string, string>,
    megabytes: bytesOf(of) / 1e6,
    actions,
  };
  console.log(describe(result));
  if (values.write) keepResult(`${store.name}/${of.name}`, result);
  if (!values.keep) rmSync(join(work, 'cases', of.name), { recursive: true, force: true });
}

if (programs.dagrun === undefined) {
  console.error('not run: dist/cli.cjs is missing (npm run build)');
  process.exit(2);
}
mkdirSync(join(work, 'home'), { recursive: true });
const cases = makeCases(Number(values.size)).filter(({ name }) => values.only.split(',').includes(name));
for (const name of values.stores.split(',') as readonly StoreName[]) {
  const store = await openStore(name, programs);
  if (typeof store === 'string') {
    console.log(`${name}: not available: ${store}`);
    continue;
  }
  try {
    for (const one of cases) await measure(one, store);
  } finally {
    store.stop();
    if (!values.keep) rmSync(join(work, 'store'), { recursive: true, force: true });
  }
}
if (values.write) writeDocument();
