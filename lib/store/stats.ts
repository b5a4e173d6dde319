// What a cache folder holds, in numbers.

import { compareText } from '../core/path.ts';
import { countHits } from './hits.ts';
import type { Layout } from './layout.ts';
import { listNames, listObjects, listOwn, listRuns, statOf } from './list.ts';
import { Pace } from '../core/pace.ts';
import { readEntryFile } from './runs.ts';

export interface GroupStats {
  readonly group: string;
  readonly runs: number;
  /** Seconds that these runs took. */
  readonly seconds: number;
  /** How often one of them was restored. */
  readonly hits: number;
  /** Seconds that these restores saved. */
  readonly saved: number;
}

export interface CacheStats {
  readonly objects: number;
  /** Bytes of the objects. */
  readonly bytes: number;
  /** Entries that can be read. */
  readonly runs: number;
  readonly damaged: number;
  readonly logs: number;
  readonly logBytes: number;
  readonly hits: number;
  readonly saved: number;
  /** Sorted by group. */
  readonly groups: readonly GroupStats[];
}

/** Throws system errors. */
export async function measureCache(layout: Layout): Promise<CacheStats> {
  const pace = new Pace();
  let objects = 0;
  let bytes = 0;
  for (const digest of listObjects(layout)) {
    await pace.breathe();
    objects++;
    bytes += statOf(layout.object(digest))?.size ?? 0;
  }
  const { groups, damaged } = await measureRuns(layout, pace);
  const sum = (pick: (group: GroupStats) => number): number => groups.reduce((total, group) => total + pick(group), 0);
  const runs = sum((group) => group.runs);
  return {
    objects,
    bytes,
    runs,
    damaged,
    ...measureLogs(layout),
    hits: sum((group) => group.hits),
    saved: sum((group) => group.saved),
    groups,
  };
}

async function measureRuns(
  layout: Layout,
  pace: Pace,
): Promise<{ readonly groups: readonly GroupStats[]; readonly damaged: number }> {
  const hits = countHits(layout);
  const groups = new Map<string, GroupStats>();
  let damaged = 0;
  for (const name of listRuns(layout)) {
    await pace.breathe();
    const entry = readEntryFile(layout.run(name.fingerprint, name.result), name);
    if (entry?.ok === false) damaged++;
    if (entry?.ok !== true) continue;
    const { group, seconds } = entry.value;
    const count = hits.get(`${name.fingerprint}-${name.result}`) ?? 0;
    const sofar = groups.get(group) ?? { group, runs: 0, seconds: 0, hits: 0, saved: 0 };
    const saved = sofar.saved + count * seconds;
    groups.set(group, {
      group,
      runs: sofar.runs + 1,
      seconds: sofar.seconds + seconds,
      hits: sofar.hits + count,
      saved,
    });
  }
  return { groups: [...groups.values()].sort((a, b) => compareText(a.group, b.group)), damaged };
}

function measureLogs(layout: Layout): { readonly logs: number; readonly logBytes: number } {
  let logs = 0;
  let logBytes = 0;
  for (const stage of listNames(layout.folder('logs'))) {
    const folder = `${layout.folder('logs')}/${stage}`;
    for (const name of listOwn(folder)) {
      logBytes += statOf(`${folder}/${name}`)?.size ?? 0;
      if (name.endsWith('.log')) logs++;
    }
  }
  return { logs, logBytes };
}
