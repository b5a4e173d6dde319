// What a stage takes and how long it may take; the pools that it is taken from; where the cache is.

import { placePath, rootPath } from '../core/path.ts';
import type { CacheSettings, LinkKind } from './pipeline.ts';
import { isGres } from './placement.ts';
import { maxTimeout, parseDuration, parseSize } from './quantity.ts';
import { describeValue } from './reader.ts';
import type { Reader } from './reader.ts';
import { valueAt } from './fields.ts';
import type { Fields } from './fields.ts';
import { didYouMean } from './hint.ts';
import type { Entry, Node } from './yaml.ts';

/** What a number can hold exactly. */
const mostOfAnything = BigInt(Number.MAX_SAFE_INTEGER);

export function readPools(reader: Reader, node: Node | undefined): Readonly<Record<string, number>> {
  return node === undefined ? {} : readAmounts(reader, reader.map(node, 'pools'), 'pools');
}

/** `cpu` is 1 where it is not given. */
export function readResources({ reader, draft, context }: Fields): Readonly<Record<string, number>> {
  const node = valueAt(draft, 'resources');
  if (node === undefined) return { cpu: 1 };
  const entries = reader.map(node, 'resources');
  const amounts = { cpu: 1, ...readAmounts(reader, entries, 'resources') };
  const elsewhere = valueAt(draft, 'slurm') !== undefined || isSlurm(valueAt(draft, 'executor'));
  for (const entry of entries) {
    // The cluster knows how many there are.
    if (!elsewhere || !isGres(entry.key)) checkPool(reader, entry, amounts, context.pools);
  }
  return amounts;
}

function isSlurm(node: Node | undefined): boolean {
  return node?.kind === 'scalar' && node.value === 'slurm';
}

function checkPool(
  reader: Reader,
  entry: Entry,
  amounts: Readonly<Record<string, number>>,
  pools: Readonly<Record<string, number>>,
): void {
  const name = entry.key;
  const amount = amounts[name];
  const capacity = Object.hasOwn(pools, name) ? pools[name] : undefined;
  if (amount === undefined) return;
  if (capacity === undefined) {
    if (name === 'cpu' || name === 'memory') return;
    const declare = `say how much there is: "pools: {${name}: ${Math.max(1, amount)}}" at the top of the file`;
    const hint = () => didYouMean(name, [...Object.keys(pools), 'memory']) ?? declare;
    reader.fault(entry.at, `resources: there is no pool "${name}"`, { hint });
  } else if (amount > capacity) {
    reader.fault(entry.value, `resources: ${name} ${amount} is more than the pool holds (${capacity})`, {
      hint: 'the stage could never start; ask for less, or enlarge the pool',
    });
  }
}

function readAmounts(reader: Reader, entries: readonly Entry[], field: string): Readonly<Record<string, number>> {
  const amounts = Object.create(null) as Record<string, number>;
  for (const { key, value } of entries) {
    const amount = readAmount(reader, value, field, key);
    if (amount !== undefined) amounts[key] = amount;
  }
  return { ...amounts };
}

function readAmount(reader: Reader, node: Node, field: string, name: string): number | undefined {
  const value = reader.scalar(node, `${field}.${name}`);
  if (value === undefined) return undefined;
  const least = name === 'memory' || (name === 'cpu' && field === 'resources') ? 1n : 0n;
  if (typeof value === 'bigint' && value >= least && value <= mostOfAnything) return Number(value);
  const size = name === 'memory' && typeof value === 'string' ? parseSize(value) : undefined;
  if (size !== undefined && size > 0) return size;
  const wanted = name === 'memory' ? 'bytes, or text such as "512M" or "4G"' : `a whole number from ${least}`;
  reader.fault(node, `${field}.${name}: expected ${wanted}, got ${describeValue(value)}`, { derived: true });
  return undefined;
}

/** Seconds; null: no limit. */
export function readTimeout({ reader, draft }: Fields): number | null {
  const node = valueAt(draft, 'timeout');
  const value = node === undefined ? undefined : reader.scalar(node, 'timeout');
  if (node === undefined || value === undefined) return null;
  const seconds =
    typeof value === 'string'
      ? parseDuration(value)
      : typeof value === 'bigint' || typeof value === 'number'
        ? Number(value)
        : undefined;
  if (seconds === undefined || !(seconds > 0)) {
    reader.fault(node, `timeout: expected seconds, or text such as "90s", "30m" or "2h", got ${describeValue(value)}`, {
      derived: true,
    });
    return null;
  }
  if (seconds <= maxTimeout) return seconds;
  reader.fault(node, `timeout: ${seconds} seconds is more than ${maxTimeout / 86_400} days`, {
    hint: 'leave it out: without it there is no limit',
  });
  return null;
}

export function readRetries({ reader, draft }: Fields): number {
  const node = valueAt(draft, 'retries');
  const value = node === undefined ? undefined : reader.scalar(node, 'retries');
  if (node === undefined || value === undefined) return 0;
  if (typeof value === 'bigint' && value >= 0n && value <= 1_000_000n) return Number(value);
  reader.fault(node, `retries: expected a whole number from 0 to 1000000, got ${describeValue(value)}`, {
    derived: true,
  });
  return 0;
}

export function readCache(reader: Reader, node: Node | undefined): CacheSettings {
  if (node?.kind !== 'map') return {};
  const dirNode = node.entries.get('dir')?.value;
  const linkNode = node.entries.get('link')?.value;
  const dir = dirNode === undefined ? undefined : readCacheDir(reader, dirNode);
  // The schema has checked that it is one of the four.
  const link = linkNode?.kind === 'scalar' ? (linkNode.value as LinkKind) : undefined;
  return { ...(dir === undefined ? {} : { dir }), ...(link === undefined ? {} : { link }) };
}

function readCacheDir(reader: Reader, node: Node): string | undefined {
  const raw = reader.text(node, 'cache.dir');
  const placed = raw === undefined ? undefined : placePath(raw, rootPath);
  if (placed === undefined) return undefined;
  if (placed.ok && placed.value.path !== '') return placed.value.path;
  reader.fault(node, `cache.dir: ${placed.ok ? 'the workspace itself cannot be the cache' : placed.error}`, {
    hint: 'name a folder of its own',
    derived: true,
  });
  return undefined;
}
